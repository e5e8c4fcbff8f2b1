#include "quantize/cast.h"

namespace mlc {

void cast_elements(DType from, const void* src, DType to, void* dst, std::size_t n,
                   CastCounts& counts) {
  cast_elements_reference(from, src, to, dst, n, counts);
}

void store_f32_as_bf16(const float* src, void* dst, std::size_t n) {
  store_f32_as_bf16_reference(src, dst, n);
}

}  // namespace mlc
