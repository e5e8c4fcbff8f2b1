// Where the code of the kernels comes from: a set of named modules. The program carries one;
// another of the same names may stand in its place (DeviceOptions::kernels), as a bundle beside a
// model or an edited copy in a test. The contract of kernels.h and the names that variants ask for
// are the program's own: what a set lacks, a device of it can't do.
//
//   KernelModules edited = own_kernel_modules();
//   edited.opencl.find("weights.clh")->second = ...;
//   open_device({.device = "opencl", .kernels = std::make_shared<const KernelModules>(edited)});
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct KernelModules {
  std::string name;  // for messages: whose they are
  // SPIR-V for Vulkan 1.1 by the shader's name: "matmul_rows_subgroup". Drivers need not survive
  // what spirv-val refuses, so only modules from a trusted hand belong here.
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> spirv;
  // OpenCL C 1.2 by file: "matmul_rows.cl", and what #include "..." lines name: "weights.clh".
  std::map<std::string, std::string, std::less<>> opencl;
};

// A copy of the program's own.
KernelModules own_kernel_modules();

// Of `modules`, or with null of the program's own. Error(kUnsupported): there is none of this name,
// or it is no SPIR-V.
std::span<const std::uint32_t> spirv_module(const KernelModules* modules, std::string_view shader);
std::string_view opencl_text(const KernelModules* modules, std::string_view file);

}  // namespace mlc
