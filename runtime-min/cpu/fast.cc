#include "runtime-min/cpu/fast.h"

namespace mlc {
namespace {

struct Row {
  Kernel kernel;
  FastKernel fast;
  bool (*takes)(const Dispatch&);
};

bool all(const Dispatch& /*dispatch*/) { return true; }
bool few_rows(const Dispatch& d) { return d.words[6] <= kMatvecRows; }

// The first that takes a dispatch runs it.
constexpr Row kRows[] = {
    {Kernel::kMatmul, {"matvec", &kFastMatvec}, few_rows},
    {Kernel::kMatmul, {"tiled", &kFastMatmul}, all},
    {Kernel::kMoeMatmul, {"matvec", &kFastMoeMatmul}, all},
    {Kernel::kNorm, {"simd", &kFastNorm}, all},
    {Kernel::kActivate, {"simd", &kFastActivate}, all},
    {Kernel::kCombine, {"simd", &kFastCombine}, all},
    {Kernel::kAttention, {"simd", &kFastAttention}, all},
    {Kernel::kArgmax, {"simd", &kFastArgmax}, all},
    {Kernel::kSoftmax, {"simd", &kFastSoftmax}, all},
    {Kernel::kWkv5, {"simd", &kFastWkv5}, all},
    {Kernel::kWkv6, {"simd", &kFastWkv6}, all},
};

}  // namespace

const FastKernel* fast_kernel(const Dispatch& dispatch) {
  for (const Row& row : kRows)
    if (row.kernel == dispatch.kernel && row.takes(dispatch)) return &row.fast;
  return nullptr;
}

}  // namespace mlc
