// Casting blocks of elements, and the storage form of float32 params.
#pragma once

#include <cstddef>

#include "base/dtype.h"

namespace mlc {

struct CastCounts {
  std::size_t nan_values = 0;       // in the result
  std::size_t inf_values = 0;       // in the result
  std::size_t overflow_values = 0;  // finite in the source, infinite in the result
  CastCounts& operator+=(const CastCounts& o) {
    nan_values += o.nan_values;
    inf_values += o.inf_values;
    overflow_values += o.overflow_values;
    return *this;
  }
};

// dst[i] = T(src[i]) as numpy's astype does: one rounding to nearest even (float64 and integers go
// straight to T, with numpy's own intermediate types where it has them), overflow to infinity,
// subnormals kept, bool is 0 or 1. `to` is kF16, kBF16 or kF32. Fast for bf16/f16/f32 sources.
// The plain reference is one element at a time.
void cast_elements(DType from, const void* src, DType to, void* dst, std::size_t n,
                   CastCounts& counts);
void cast_elements_reference(DType from, const void* src, DType to, void* dst, std::size_t n,
                             CastCounts& counts);

// float32 -> the 2-byte storage form in shards: f32_to_bf16_mlc (base/half.h), fast.
void store_f32_as_bf16(const float* src, void* dst, std::size_t n);
void store_f32_as_bf16_reference(const float* src, void* dst, std::size_t n);

}  // namespace mlc
