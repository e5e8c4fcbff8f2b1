// Memory of an OpenCL device.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "runtime-min/device.h"
#include "runtime-min/opencl/api.h"

namespace mlc {

class OpenClBuffer : public Buffer {
 public:
  // `used` counts the device's bytes: what is needed and what is left stands in the error.
  OpenClBuffer(ClMemory memory, std::uint64_t bytes, std::uint64_t allocated, BufferUse use,
               std::shared_ptr<std::uint64_t> used)
      : Buffer(bytes),
        memory_(std::move(memory)),
        allocated_(allocated),
        use_(use),
        used_(std::move(used)) {
    *used_ += allocated_;
  }
  ~OpenClBuffer() override { *used_ -= allocated_; }
  OpenClBuffer(const OpenClBuffer&) = delete;
  OpenClBuffer& operator=(const OpenClBuffer&) = delete;

  cl_mem memory() const { return memory_.get(); }
  std::uint64_t allocated() const { return allocated_; }
  bool shared() const { return use_ == BufferUse::kShared; }

 private:
  ClMemory memory_;
  std::uint64_t allocated_;
  BufferUse use_;
  std::shared_ptr<std::uint64_t> used_;
};

}  // namespace mlc
