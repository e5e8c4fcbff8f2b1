// Plain versions of the kernels, by subject, as rows for reference_kernel(). Sums run in float32 in
// ascending order.
#pragma once

#include "runtime-min/cpu/cpu_kernel.h"

namespace mlc {

// reference_weights.cc
extern const CpuKernel kReferenceEmbed, kReferenceMatmul, kReferenceMoeMatmul;
// reference_rows.cc
extern const CpuKernel kReferenceNorm, kReferenceActivate, kReferenceCombine, kReferenceCopy,
    kReferenceMoeSum;
// reference_attention.cc
extern const CpuKernel kReferenceRope, kReferenceKvStore, kReferenceAttention;
// reference_choice.cc
extern const CpuKernel kReferenceTopExperts, kReferenceArgmax, kReferenceSoftmax, kReferenceTopK;
// reference_recurrence.cc
extern const CpuKernel kReferenceTokenShift, kReferenceWkv5, kReferenceWkv6;

}  // namespace mlc
