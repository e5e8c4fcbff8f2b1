#include "convert/gguf_block_bytes.h"
#include "convert/gguf_decoders.h"

namespace mlc {
namespace {

struct ScaleMin {
  float scale;
  float min;
};

// Eight 6-bit scales and eight 6-bit minimums in 12 bytes (Q4_K, Q5_K): the first four of each in
// the low six bits of bytes 0..7, the others split between nibbles of bytes 8..11 and the two high
// bits of bytes 0..7.
ScaleMin scale_min(const BlockBytes& block, std::size_t at, std::size_t j) {
  if (j < 4) return {as_float(block.u8(at + j) & 63u), as_float(block.u8(at + j + 4) & 63u)};
  std::uint32_t low = block.u8(at + j + 4);
  return {as_float((low & 15u) | block.u8(at + j - 4) >> 6 << 4),
          as_float(low >> 4 | block.u8(at + j) >> 6 << 4)};
}

// Sixteen 6-bit scales in 12 bytes (Q3_K): low nibbles in bytes 0..7, then high pairs of bits.
std::uint32_t q3_k_scale(const BlockBytes& block, std::size_t at, std::size_t i) {
  std::uint32_t low = i < 8 ? block.u8(at + i) & 15u : block.u8(at + i - 8) >> 4;
  return low | (block.u8(at + 8 + i % 4) >> (2 * (i / 4)) & 3u) << 4;
}

}  // namespace

// scales[16], qs[64], d, dmin. Each half of 128 elements takes 32 bytes of qs, two bits at a time.
void decode_q2_k(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 84) {
    const BlockBytes block(in);
    const float d = block.f16(80), dmin = block.f16(82);
    for (std::size_t i = 0; i < 16; i++, out += 16) {
      const float dl = d * as_float(block.u8(i) & 15u), ml = dmin * as_float(block.u8(i) >> 4);
      const std::size_t qs = 16 + i / 8 * 32 + i % 2 * 16;
      const std::size_t shift = 2 * (i % 8 / 2);
      for (std::size_t l = 0; l < 16; l++)
        out[l] = dl * as_float(block.u8(qs + l) >> shift & 3u) - ml;
    }
  }
}

// hmask[32], qs[64], scales[12], d. Bit i / 2 of hmask is the third bit, and its absence takes 4.
void decode_q3_k(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 110) {
    const BlockBytes block(in);
    const float d = block.f16(108);
    for (std::size_t i = 0; i < 16; i++, out += 16) {
      const float dl = d * (as_float(q3_k_scale(block, 96, i)) - 32.0f);
      const std::size_t qs = 32 + i / 8 * 32 + i % 2 * 16;
      const std::size_t shift = 2 * (i % 8 / 2);
      for (std::size_t l = 0; l < 16; l++) {
        std::uint32_t high = block.u8(i % 2 * 16 + l) >> (i / 2) & 1u;
        out[l] = dl * (as_float((block.u8(qs + l) >> shift & 3u) | high << 2) - 4.0f);
      }
    }
  }
}

// d, dmin, scales[12], qs[128]. 32 bytes hold 32 elements in low nibbles, then 32 in high ones.
void decode_q4_k(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 144) {
    const BlockBytes block(in);
    const float d = block.f16(0), dmin = block.f16(2);
    for (std::size_t i = 0; i < 8; i++, out += 32) {
      const ScaleMin sm = scale_min(block, 4, i);
      const float dl = d * sm.scale, ml = dmin * sm.min;
      for (std::size_t l = 0; l < 32; l++)
        out[l] = dl * as_float(block.u8(16 + i / 2 * 32 + l) >> (4 * (i % 2)) & 15u) - ml;
    }
  }
}

// d, dmin, scales[12], qh[32], qs[128]. Bit i of qh is the fifth bit of sub-block i.
void decode_q5_k(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 176) {
    const BlockBytes block(in);
    const float d = block.f16(0), dmin = block.f16(2);
    for (std::size_t i = 0; i < 8; i++, out += 32) {
      const ScaleMin sm = scale_min(block, 4, i);
      const float dl = d * sm.scale, ml = dmin * sm.min;
      for (std::size_t l = 0; l < 32; l++) {
        std::uint32_t q = block.u8(48 + i / 2 * 32 + l) >> (4 * (i % 2)) & 15u;
        out[l] = dl * as_float(q | (block.u8(16 + l) >> i & 1u) << 4) - ml;
      }
    }
  }
}

// ql[128], qh[64], scales int8[16], d. In each half of 128: ql has 64 bytes, low nibbles first;
// qh 32 bytes, two bits per quarter.
void decode_q6_k(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 210) {
    const BlockBytes block(in);
    const float d = block.f16(208);
    for (std::size_t i = 0; i < 16; i++, out += 16) {
      const float dl = d * as_float(block.i8(192 + i));
      const std::size_t half = i / 8, quarter = i % 8 / 2, at = i % 2 * 16;
      const std::size_t ql = half * 64 + quarter % 2 * 32 + at;
      const std::size_t qh = 128 + half * 32 + at;
      for (std::size_t l = 0; l < 16; l++) {
        std::uint32_t low = block.u8(ql + l) >> (4 * (quarter / 2)) & 15u;
        std::uint32_t high = block.u8(qh + l) >> (2 * quarter) & 3u;
        out[l] = dl * (as_float(low | high << 4) - 32.0f);
      }
    }
  }
}

// d, the high two bits of eight scales in 16, their low nibbles in 4 bytes, qs[128].
void decode_iq4_xs(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 136) {
    const BlockBytes block(in);
    const float d = block.f16(0);
    for (std::size_t i = 0; i < 8; i++, out += 32) {
      std::uint32_t low = block.u8(4 + i / 2) >> (4 * (i % 2)) & 15u;
      std::uint32_t high = block.u16(2) >> (2 * i) & 3u;
      const float dl = d * (as_float(low | high << 4) - 32.0f);
      for (std::size_t j = 0; j < 16; j++) {
        std::uint32_t q = block.u8(8 + i * 16 + j);
        out[j] = dl * kIq4Levels[q & 15u];
        out[j + 16] = dl * kIq4Levels[q >> 4];
      }
    }
  }
}

// qs[48], qh[4], d. A byte is a fraction of 256 in base 3: times 3^n (its upper part lost), then
// times 3, the digit n stands above the point. 32 bytes hold five digits each, then 16, then four
// bytes hold four.
void decode_tq1_0(const std::byte* in, std::size_t blocks, float* out) {
  struct Part {
    std::size_t at, bytes, digits;
  };
  constexpr std::array<Part, 3> kParts = {Part{0, 32, 5}, Part{32, 16, 5}, Part{48, 4, 4}};
  for (std::size_t b = 0; b < blocks; b++, in += 54) {
    const BlockBytes block(in);
    const float d = block.f16(52);
    for (const Part& part : kParts) {
      std::uint32_t power = 1;
      for (std::size_t n = 0; n < part.digits; n++, power *= 3)
        for (std::size_t m = 0; m < part.bytes; m++) {
          std::uint32_t digit = (block.u8(part.at + m) * power & 255u) * 3 >> 8;
          *out++ = (as_float(digit) - 1.0f) * d;
        }
    }
  }
}

float lattice_tq1_0(const std::byte* block) { return BlockBytes(block).f16(52); }

// qs[64], d. 32 bytes hold four times 32 elements.
void decode_tq2_0(const std::byte* in, std::size_t blocks, float* out) {
  for (std::size_t b = 0; b < blocks; b++, in += 66) {
    const BlockBytes block(in);
    const float d = block.f16(64);
    for (std::size_t i = 0; i < 8; i++, out += 32)
      for (std::size_t m = 0; m < 32; m++)
        out[m] = (as_float(block.u8(i / 4 * 32 + m) >> (2 * (i % 4)) & 3u) - 1.0f) * d;
  }
}

float lattice_tq2_0(const std::byte* block) { return BlockBytes(block).f16(64); }

}  // namespace mlc
