// Compiled programs of one device, kept in memory and, if a folder is given, on disk.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "runtime-min/opencl/platform.h"
#include "runtime-min/opencl/variants.h"

namespace mlc {

class OpenClCompiler {
 public:
  // `context` and `device` stay the caller's. Of `options`: the kernels, and the folder of the
  // cache on disk.
  OpenClCompiler(cl_context context, const OpenClDeviceEntry& device, const DeviceOptions& options);

  // Compiled once for each variant and constants. Error(kUnsupported) with the driver's
  // log.
  cl_program program(const OpenClVariant& variant, const Words& words);
  // What a compilation may take from now on.
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }
  // The same of any text.
  ClProgram build(const std::string& name, const std::string& source, const std::string& options);

 private:
  ClProgram load(const std::string& path, const std::string& options);
  void save(const std::string& path, cl_program program) const;

  cl_context context_;
  cl_device_id device_;
  std::string identity_;
  std::string options_;
  std::string cache_folder_;
  std::shared_ptr<const KernelModules> kernels_;
  std::chrono::seconds timeout_{60};
  std::map<std::string, ClProgram> programs_;
};

}  // namespace mlc
