// How the source of a kernel is made ready for the compiler.
#pragma once

#include <string>
#include <string_view>

#include "runtime-min/kernels/kernel_modules.h"
#include "runtime-min/opencl/variants.h"

namespace mlc {

// The text of NAME.cl behind the prelude, its #include lines replaced by the files that they name,
// all of `modules` (null: the program's own). Error(kUnsupported): a file is not there, or files
// include each other without end.
std::string opencl_source(std::string_view name, const KernelModules* modules);

// " -D LOCAL=64 ... -D W0=3u ...": the variant's numbers and the constants.
std::string opencl_options(const OpenClVariant& variant, const Words& words);

}  // namespace mlc
