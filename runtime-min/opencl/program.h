// Dispatches made ready: kernels whose arguments are set once, and which a run only enqueues.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/opencl/compiler.h"

namespace mlc {

class OpenClProgram : public Program {
 public:
  // One kernel of a dispatch: most have one, variants that pack x have two.
  struct Launch {
    ClKernel kernel;
    std::size_t global[2];
    std::size_t local[2];
    std::size_t dispatch;
  };

  std::size_t dispatches() const { return labels_.size(); }
  const std::vector<Launch>& launches() const { return launches_; }
  // "matmul_wide4x1 of layer 3 mlp.down_proj".
  const std::string& label(std::size_t dispatch) const { return labels_[dispatch]; }

 private:
  friend class OpenClRecorder;
  std::vector<std::string> labels_;
  std::vector<Launch> launches_;
  using SliceKey = std::tuple<cl_mem, std::uint64_t, std::uint64_t>;  // of, offset, bytes
  std::map<SliceKey, ClMemory> slices_;  // kernels don't keep what they point to
  ClMemory unused_, scratch_;
};

// Makes programs for one device.
class OpenClRecorder {
 public:
  OpenClRecorder(cl_context context, const OpenClDeviceEntry& device, OpenClCompiler& compiler,
                 OpenClClass device_class)
      : context_(context), device_(device), compiler_(compiler), class_(device_class) {}

  std::unique_ptr<OpenClProgram> record(const std::vector<Dispatch>& dispatches);

 private:
  void add(OpenClProgram& program, const Dispatch& dispatch, std::size_t number);
  void add_launch(OpenClProgram& program, ClKernel kernel, Groups groups, std::size_t local,
                  std::size_t dispatch);
  cl_mem slice(OpenClProgram& program, const Dispatch& dispatch, std::size_t buffer);
  ClMemory make_memory(std::uint64_t bytes);

  cl_context context_;
  const OpenClDeviceEntry& device_;
  OpenClCompiler& compiler_;
  OpenClClass class_;
};

}  // namespace mlc
