// Finding the lattice of weights that were quantized before and are stored as plain floats again:
// checkpoints of quantization-aware training, a Q4_0 model turned back into a float format.
//
// A group is lossless with codes and a scale when for all its elements w, with p = level x scale,
//   T(p) == T(w)          (what a runtime computes is what it would compute from the float), or
//   S(p) == w             (S the dtype of the source, with fewer bits than T: w is the lattice's
//                          point as S could hold it; bfloat16 weights of a float16 lattice).
// Zeros compare equal whatever their sign. rtn spreads -7..7 over the largest magnitude and finds
// such a scale only for lattices whose largest level is 7; all others it moves to another lattice.
//
// For a largest magnitude m the level of m is one of 1..8, which says what the other levels are.
// Every element then confines the scale to the interval that rounds to it, and 32 intervals of
// weights that were never quantized have no common point: two or three elements decide.
#pragma once

#include "quantize/group_quant.h"

namespace mlc {

// How many of `groups` x 32 elements, one group after another, are lossless with some scale and
// codes of q. `dtype` is kF32, kF16 or kBF16; others have no lattice here, nor has a q that does
// not hold one.
std::size_t count_on_lattice(const Quantization& q, const void* src, DType dtype,
                             std::size_t groups);

// Like `otherwise`, but groups in which it loses something and need not are written with a scale
// and codes that lose nothing. Lossless groups are counted in counts.lattice_groups.
void group_quantize_found_lattice(const Quantization& q, const NumericRule& rule,
                                  const GroupQuantBlock& block, GroupQuantFn otherwise,
                                  bool want_error, QuantCounts& counts);

}  // namespace mlc
