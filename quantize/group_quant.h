// Group quantization: float rows in, packed codes and scales out.
//
// One function type for the plain reference, the SIMD versions and the search method, so that tests
// can make them meet (tests/unit/group_quant_test.cc). Numbers: docs/formats.md, "Group
// quantization".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "quantize/quantization.h"

namespace mlc {

inline constexpr std::size_t kMaxGroupSize = 40;  // of all rows of the table; checked there

// What was seen, for the summary and for verify. Sums over calls. Order of addition does not
// matter: counts are integers; the error sums are per call and added by the caller in a fixed
// order.
struct QuantCounts {
  std::uint64_t groups = 0;
  std::uint64_t zero_groups = 0;      // every element is zero after the cast to T
  std::uint64_t nan_values = 0;       // NaN elements after the cast to T
  std::uint64_t inf_values = 0;       // infinities after the cast to T
  std::uint64_t overflow_values = 0;  // finite before the cast to T, infinite after
  std::uint64_t lattice_groups = 0;   // taken without loss (quantize/lattice.h)
  // Groups with finite elements of which a runtime computes an infinite one: in float16 an element
  // of 65504 gives, divided by 7, the scale 9360, and 7 x 9360 = 65520 rounds to infinity.
  std::uint64_t overflow_groups = 0;
  // sum (w - dequantized)^2 over the other finite groups, w after the cast. "Dequantized" is what a
  // runtime computes with the scale as stored, which for float32 models is the bfloat16 one.
  double square_error = 0;
  double square_weight = 0;     // sum w^2 over the same
  double rtn_square_error = 0;  // search only: square_error of the values rtn would have given
  QuantCounts& operator+=(const QuantCounts& other);
};

// A block of whole rows. Rows are contiguous: src holds rows x cols elements of src_dtype.
//   q_weight: rows x words_per_row() uint32, q_scale: rows x groups_per_row() elements of T
// (always NK here; the caller transposes for KN). Slots past the end of a row hold code 0.
struct GroupQuantBlock {
  const void* src = nullptr;
  DType src_dtype = DType::kBF16;  // kBF16, kF16 or kF32; anything else is cast to T by the caller
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::uint32_t* q_weight = nullptr;
  void* q_scale = nullptr;
};

std::size_t groups_per_row(const Quantization& q, std::size_t cols);
std::size_t words_per_row(const Quantization& q, std::size_t cols);

// `want_error`: also fill square_error and square_weight (costs time).
using GroupQuantFn = void (*)(const Quantization& q, const NumericRule& rule,
                              const GroupQuantBlock& block, bool want_error, QuantCounts& counts);

// The plain reference: one element at a time, every step rounds to T. NaN, infinity, denormal and
// short-group behaviour as docs/formats.md says.
void group_quantize_reference(const Quantization& q, const NumericRule& rule,
                              const GroupQuantBlock& block, bool want_error, QuantCounts& counts);

// Bit-identical to the reference at every SIMD level; picks the best level of this CPU.
void group_quantize(const Quantization& q, const NumericRule& rule, const GroupQuantBlock& block,
                    bool want_error, QuantCounts& counts);

// --method search: all codes and either sign of the scale; never worse than the reference on any
// group (error measured on what a runtime will compute). Deterministic on every CPU.
void group_quantize_search(const Quantization& q, const NumericRule& rule,
                           const GroupQuantBlock& block, bool want_error, QuantCounts& counts);

// SIMD levels compiled in and usable here, best first ("AVX3", "AVX2", ..., "SCALAR"), and a switch
// for tests and --simd: only levels up to `name` are used from now on. Empty: all.
std::span<const std::string_view> simd_levels();
void limit_simd_level(std::string_view name);

// What a runtime computes: T((code - M) * scale), rounded to T. Writes rows x cols elements of T as
// float32 (exact widening). The scales are elements of T as group_quantize writes them; a float32
// scale read back from a shard was rounded to bfloat16 and has to be widened by the caller.
void group_dequantize(const Quantization& q, std::size_t rows, std::size_t cols,
                      const std::uint32_t* q_weight, const void* q_scale, float* out);
void group_dequantize_reference(const Quantization& q, std::size_t rows, std::size_t cols,
                                const std::uint32_t* q_weight, const void* q_scale, float* out);

}  // namespace mlc
