// The three model dtypes T as types: how their bits widen to float32 and how float32 rounds to
// them.
//
// All arithmetic "in T" is one float32 operation and one rounding to T. For float16 and bfloat16
// that equals the correctly rounded operation (float32 has more than 2p + 2 bits of precision for
// their p of 11 and 8, so the second rounding is innocent), and it is literally what TVM's
// generated code and numpy do.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "base/half.h"

namespace mlc {

struct ElementF16 {
  using Bits = std::uint16_t;
  static constexpr DType kDType = DType::kF16;
  static constexpr Bits kLowest = 0xfbff;  // -65504
  static float widen(Bits b) { return f16_to_f32(b); }
  static Bits narrow(float f) { return f32_to_f16(f); }
};

struct ElementBF16 {
  using Bits = std::uint16_t;
  static constexpr DType kDType = DType::kBF16;
  static constexpr Bits kLowest = 0xff7f;
  static float widen(Bits b) { return bf16_to_f32(b); }
  static Bits narrow(float f) { return f32_to_bf16(f); }
};

struct ElementF32 {
  using Bits = std::uint32_t;
  static constexpr DType kDType = DType::kF32;
  static constexpr Bits kLowest = 0xff7fffffu;
  static float widen(Bits b) { return bits_f32(b); }
  static Bits narrow(float f) { return f32_bits(f); }
};

template <class T>
float round_to(float f) {
  return T::widen(T::narrow(f));
}

// A scale as the runtime gets it back: float32 params travel as bfloat16 (f32_to_bf16_mlc), the
// others as they are.
template <class T>
float stored_scale(typename T::Bits scale) {
  if constexpr (T::kDType == DType::kF32) return bf16_to_f32(f32_to_bf16_mlc(T::widen(scale)));
  return T::widen(scale);
}

}  // namespace mlc
