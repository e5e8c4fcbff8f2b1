// The SIMD versions of kernels (Highway, dispatched at run time).
#pragma once

#include <string_view>

#include "runtime-min/cpu/cpu_kernel.h"
#include "runtime-min/device.h"

namespace mlc {

struct FastKernel {
  std::string_view variant;
  const CpuKernel* kernel;
};

// matvec_simd.cc: matmul for up to kMatvecRows rows, and moe_matmul.
inline constexpr std::uint32_t kMatvecRows = 16;
extern const CpuKernel kFastMatvec, kFastMoeMatmul;
// matmul_simd.cc: matmul for more.
extern const CpuKernel kFastMatmul;
// rows_simd.cc
extern const CpuKernel kFastNorm, kFastActivate, kFastCombine;
// attention_simd.cc
extern const CpuKernel kFastAttention;
// choice_simd.cc
extern const CpuKernel kFastArgmax, kFastSoftmax;
// recurrence_simd.cc
extern const CpuKernel kFastWkv5, kFastWkv6;

// The version that runs a dispatch; null: the plain one.
const FastKernel* fast_kernel(const Dispatch& dispatch);

}  // namespace mlc
