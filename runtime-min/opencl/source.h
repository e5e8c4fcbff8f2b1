// The kernels' sources, which the program carries, and how one is made ready for the compiler.
#pragma once

#include <string>
#include <string_view>

#include "runtime-min/opencl/variants.h"

namespace mlc {

// The text of runtime-min/kernels/NAME.cl behind the prelude, its #include lines replaced by the
// files that they name. Error(kBug) if there is none.
std::string opencl_source(std::string_view name);

// " -D LOCAL=64 ... -D W0=3u ...": the variant's numbers and the constants.
std::string opencl_options(const OpenClVariant& variant, const Words& words);

}  // namespace mlc
