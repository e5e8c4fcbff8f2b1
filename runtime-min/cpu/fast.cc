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
};

}  // namespace

const FastKernel* fast_kernel(const Dispatch& dispatch) {
  for (const Row& row : kRows)
    if (row.kernel == dispatch.kernel && row.takes(dispatch)) return &row.fast;
  return nullptr;
}

}  // namespace mlc
