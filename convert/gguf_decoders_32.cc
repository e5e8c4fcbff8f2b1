#include "convert/gguf_block_bytes.h"
#include "convert/gguf_decoders.h"

namespace mlc {
namespace {

constexpr std::size_t kHalf = 16;

// Twice the value of an MXFP4 code (E2M1), so that all are integers; the scale is halved.
constexpr std::array<float, 16> kE2m1Doubled = {0, 1,  2,  3,  4,  6,  8,  12,
                                                0, -1, -2, -3, -4, -6, -8, -12};

// 2^(e - 128), half of the E8M0 scale 2^(e - 127); e of 0 and 1 give float32 subnormals. 255 is
// not a NaN here, as in ggml.
float e8m0_halved(std::uint32_t e) { return bits_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23); }

// The fifth bit of element j of a Q5 block.
std::uint32_t fifth(std::uint32_t high, std::size_t j) { return (high >> j & 1u) << 4; }

}  // namespace

// Low nibbles are the first half of a block, high nibbles the second, in all of these types.

void decode_q4_0(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 18, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0);
    for (std::size_t j = 0; j < kHalf; j++) {
      std::uint32_t q = block.u8(2 + j);
      out[j] = (as_float(q & 15u) - 8.0f) * d;
      out[j + kHalf] = (as_float(q >> 4) - 8.0f) * d;
    }
  }
}

float lattice_q4_0(const std::byte* block) { return -BlockBytes(block).f16(0); }

void decode_q4_1(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 20, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0), m = block.f16(2);
    for (std::size_t j = 0; j < kHalf; j++) {
      std::uint32_t q = block.u8(4 + j);
      out[j] = as_float(q & 15u) * d + m;
      out[j + kHalf] = as_float(q >> 4) * d + m;
    }
  }
}

void decode_q5_0(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 22, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0);
    const std::uint32_t high = block.u32(2);
    for (std::size_t j = 0; j < kHalf; j++) {
      std::uint32_t q = block.u8(6 + j);
      out[j] = (as_float((q & 15u) | fifth(high, j)) - 16.0f) * d;
      out[j + kHalf] = (as_float(q >> 4 | fifth(high, j + kHalf)) - 16.0f) * d;
    }
  }
}

void decode_q5_1(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 24, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0), m = block.f16(2);
    const std::uint32_t high = block.u32(4);
    for (std::size_t j = 0; j < kHalf; j++) {
      std::uint32_t q = block.u8(8 + j);
      out[j] = as_float((q & 15u) | fifth(high, j)) * d + m;
      out[j + kHalf] = as_float(q >> 4 | fifth(high, j + kHalf)) * d + m;
    }
  }
}

void decode_q8_0(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 34, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0);
    for (std::size_t j = 0; j < 32; j++)
      out[j] = as_float(block.i8(2 + j)) * d;
  }
}

void decode_iq4_nl(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 18, out += 32) {
    const BlockBytes block(in);
    const float d = block.f16(0);
    for (std::size_t j = 0; j < kHalf; j++) {
      out[j] = d * kIq4Levels[block.u8(2 + j) & 15u];
      out[j + kHalf] = d * kIq4Levels[block.u8(2 + j) >> 4];
    }
  }
}

void decode_mxfp4(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 17, out += 32) {
    const BlockBytes block(in);
    const float d = e8m0_halved(block.u8(0));
    for (std::size_t j = 0; j < kHalf; j++) {
      out[j] = kE2m1Doubled[block.u8(1 + j) & 15u] * d;
      out[j + kHalf] = kE2m1Doubled[block.u8(1 + j) >> 4] * d;
    }
  }
}

}  // namespace mlc
