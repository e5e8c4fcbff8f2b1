// The rare element-wise ops, one plain loop each: they touch norms and RWKV's small tensors.
#pragma once

#include <cstddef>
#include <vector>

#include "base/dtype.h"
#include "convert/transform.h"

namespace mlc {

// The dtype that apply_elementwise gives for a source of `from` when the param's own dtype is
// `target`.
DType elementwise_result(const Transform& transform, DType from, DType target);

// out receives n elements of elementwise_result(). Float sources only; Error(kBadInput) otherwise.
//   kAddOne     x + 1 rounded in the source's own dtype, as numpy adds a Python number
//   kAddOneF32  float32(x) + 1
//   kDivPow2    target(x) / 2^exponent, rounded in `target`
//   kExpNegExp  exp(-exp(float32(x)))
void apply_elementwise(const Transform& transform, DType from, DType target, const void* src,
                       std::size_t n, std::vector<std::byte>& out);

}  // namespace mlc
