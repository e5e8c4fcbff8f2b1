// The formats of weight matrices: see kernels.h. Needs FORMAT, SCALE_FORMAT and two buffers,
// `weight` and `scale`, of words.
const uint kF32 = 0u, kF16 = 1u, kBF16 = 2u, kQ4 = 3u, kQ3 = 4u;

const bool GROUPED = FORMAT >= kQ4;
// Codes of a group, elements of a word.
const uint GROUP = FORMAT == kQ3 ? 40u : 32u;
const uint PER_WORD = FORMAT == kQ4 ? 8u : FORMAT == kQ3 ? 10u : FORMAT == kF32 ? 1u : 2u;

// Of a row of k elements.
uint groups_of(uint k) { return (k + GROUP - 1u) / GROUP; }
uint words_of(uint k) { return GROUPED ? groups_of(k) * 4u : k / PER_WORD; }

float scale_at(uint i) {
  if (SCALE_FORMAT == 0u) return uintBitsToFloat(scale[i]);
  uint word = scale[i >> 1];
  return SCALE_FORMAT == 1u ? half_of(word, i) : bf16_of(word, i);
}

// Element c of row r of a matrix with k columns.
float weight_at(uint r, uint c, uint k) {
  uint word = weight[r * words_of(k) + c / PER_WORD];
  uint i = c % PER_WORD;
  switch (FORMAT) {
    case kF32:
      return uintBitsToFloat(word);
    case kF16:
      return half_of(word, i);
    case kBF16:
      return bf16_of(word, i);
    case kQ4:
      return float(int((word >> (4u * i)) & 15u) - 7) * scale_at(r * groups_of(k) + c / GROUP);
    default:
      return float(int((word >> (3u * i)) & 7u) - 3) * scale_at(r * groups_of(k) + c / GROUP);
  }
}
