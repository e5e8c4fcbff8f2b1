// Weights that already lie on a lattice of 16 levels a group: quantized without loss.
//
// Other formats store (k - offset) * scale with their own offset: Q4_0 of GGUF and symmetric int4
// of GPTQ (k - 8) * d with k in 0..15, that is levels -8..7. The runtimes of MLC compute
// T((code - 7) * scale), levels -7..8, so the mirrored code 15 - k with the scale -d gives the same
// products: (15 - k - 7) * -d = (k - 8) * d. A reader that knows its scales hands them over,
// and nothing is believed: a group is taken only when every element proves equal.
#pragma once

#include <span>

#include "quantize/group_quant.h"

namespace mlc {

// Elements that share a scale of a lattice; wider groups of a format repeat theirs.
inline constexpr std::size_t kLatticeGroup = 32;

// True for the schemes that can hold such a lattice: 4 bits, groups of 32.
bool holds_lattice(const Quantization& q);

// Like `otherwise`, but each group for which T((code - 7) * scale as stored) == T(element) holds
// for all elements and some codes of 0..15 is written with scales[group] and these codes, and
// counted in counts.lattice_groups. All other groups go to `otherwise`, the same as they would
// have without a lattice. `block.cols` is a multiple of 32, `scales` has one number per group, NaN
// where the caller knows none. Zeros compare equal whatever their sign.
void group_quantize_lattice(const Quantization& q, const NumericRule& rule,
                            const GroupQuantBlock& block, std::span<const float> scales,
                            GroupQuantFn otherwise, bool want_error, QuantCounts& counts);

}  // namespace mlc
