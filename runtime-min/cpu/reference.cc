#include "runtime-min/cpu/reference.h"

namespace mlc {

const CpuKernel& reference_kernel(Kernel kernel) {
  // In the order of the enum.
  static constexpr std::array<const CpuKernel*, kKernels.size()> kTable = {
      &kReferenceEmbed,   &kReferenceNorm,       &kReferenceMatmul,     &kReferenceMoeMatmul,
      &kReferenceRope,    &kReferenceKvStore,    &kReferenceAttention,  &kReferenceActivate,
      &kReferenceCombine, &kReferenceTopExperts, &kReferenceMoeSum,     &kReferenceArgmax,
      &kReferenceSoftmax, &kReferenceTopK,       &kReferenceTokenShift, &kReferenceWkv5,
      &kReferenceWkv6,    &kReferenceCopy,
  };
  return *kTable[static_cast<std::size_t>(kernel)];
}

}  // namespace mlc
