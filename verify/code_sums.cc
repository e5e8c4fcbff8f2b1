#include "verify/code_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "quantize/group_quant.h"

namespace mlc {
namespace {

std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t word) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + word * sizeof value, sizeof value);
  return value;
}

// How often each byte occurs. Four tables, since neighbours are often equal and one table would
// wait for its own last count.
std::array<std::uint64_t, 256> count_bytes(std::span<const std::byte> bytes) {
  std::array<std::array<std::uint64_t, 256>, 4> counts{};
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4)
    for (std::size_t k = 0; k < 4; k++)
      counts[k][static_cast<std::size_t>(bytes[i + k])]++;
  for (; i < bytes.size(); i++)
    counts[0][static_cast<std::size_t>(bytes[i])]++;
  for (std::size_t c = 0; c < 256; c++)
    counts[0][c] += counts[1][c] + counts[2][c] + counts[3][c];
  return counts[0];
}

// Two codes in each byte.
void add_nibbles(std::span<const std::byte> bytes, std::vector<std::uint64_t>& codes) {
  std::array<std::uint64_t, 256> counts = count_bytes(bytes);
  for (std::size_t c = 0; c < 256; c++) {
    codes[c & 15] += counts[c];
    codes[c >> 4] += counts[c];
  }
}

// Ten codes of three bits in each word, taken two at a time.
void add_triples(std::span<const std::byte> bytes, std::vector<std::uint64_t>& codes) {
  std::array<std::array<std::uint64_t, 64>, 5> pairs{};
  for (std::size_t w = 0; w < bytes.size() / 4; w++) {
    std::uint32_t word = word_at(bytes, w);
    for (std::size_t k = 0; k < 5; k++)
      pairs[k][word >> (6 * k) & 63u]++;
  }
  for (const auto& counts : pairs)
    for (std::size_t c = 0; c < 64; c++) {
      codes[c & 7] += counts[c];
      codes[c >> 3] += counts[c];
    }
}

std::uint64_t count_bad(std::span<const float> scales) {
  return static_cast<std::uint64_t>(
      std::count_if(scales.begin(), scales.end(), [](float s) { return !std::isfinite(s); }));
}

std::uint64_t count_zero(std::span<const float> scales) {
  return static_cast<std::uint64_t>(std::count(scales.begin(), scales.end(), 0.0f));
}

// A value repeated in all the codes of a word.
std::uint32_t repeated(const Quantization& q, std::uint32_t code) {
  std::uint32_t word = 0;
  for (int k = 0; k < q.codes_per_word(); k++)
    word |= code << (k * q.bits);
  return word;
}

class Groups {
 public:
  Groups(const FolderParam& param, const Quantization& q, const StoredRows& stored)
      : q_(q),
        stored_(stored),
        cols_(static_cast<std::size_t>(param.cols)),
        words_(words_per_row(q, cols_)),
        groups_(groups_per_row(q, cols_)),
        per_group_(static_cast<std::size_t>(q.group_size / q.codes_per_word())),
        zero_(repeated(q, static_cast<std::uint32_t>(q.max_int()))),
        low_(repeated(q, 1)) {}

  CodeSums sums(std::size_t rows) {
    sums_.codes.resize(std::size_t{1} << q_.bits);
    sums_.groups = rows * groups_;
    sums_.bad_scales = count_bad(stored_.scales);
    bool whole = cols_ % static_cast<std::size_t>(q_.group_size) == 0;
    if (whole) {
      q_.bits == 4 ? add_nibbles(stored_.codes, sums_.codes)
                   : add_triples(stored_.codes, sums_.codes);
      for (std::size_t g = 0; g < sums_.groups; g++)
        add_group(g * per_group_, stored_.scales[g]);
      return std::move(sums_);
    }
    for (std::size_t row = 0; row < rows; row++)
      add_row(row);
    return std::move(sums_);
  }

 private:
  // Every bit of the code is set: its lowest bit remains where it was.
  std::uint32_t far_codes(std::uint32_t word) const {
    std::uint32_t all = word;
    for (int b = 1; b < q_.bits; b++)
      all &= word >> b;
    return all & low_;
  }

  void add_group(std::size_t word, float scale) {
    const std::uint32_t used = low_ * ((1u << q_.bits) - 1u);
    std::uint32_t different = 0;
    std::uint32_t far = 0;
    for (std::size_t w = word; w < word + per_group_; w++) {
      std::uint32_t codes = word_at(stored_.codes, w);
      different |= (codes ^ zero_) & used;
      far |= far_codes(codes);
    }
    sums_.zero_groups += scale == 0 || different == 0 ? 1u : 0u;
    sums_.clipped_groups += far != 0 ? 1u : 0u;
  }

  // One whose last group is not full: what follows the last element is no code.
  void add_row(std::size_t row) {
    auto group_size = static_cast<std::size_t>(q_.group_size);
    auto per_word = static_cast<std::size_t>(q_.codes_per_word());
    auto bits = static_cast<std::size_t>(q_.bits);
    auto zero = static_cast<std::uint32_t>(q_.max_int());
    for (std::size_t g = 0; g < groups_; g++) {
      std::size_t first = g * group_size;
      std::size_t n = std::min(group_size, cols_ - first);
      bool is_zero = true;
      bool is_far = false;
      for (std::size_t i = 0; i < n; i++) {
        std::uint32_t word = word_at(stored_.codes, row * words_ + (first + i) / per_word);
        std::uint32_t code = word >> (bits * ((first + i) % per_word)) & ((1u << q_.bits) - 1u);
        sums_.codes[code]++;
        is_zero = is_zero && code == zero;
        is_far = is_far || code == 2 * zero + 1;
      }
      sums_.zero_groups += is_zero || stored_.scales[row * groups_ + g] == 0 ? 1u : 0u;
      sums_.clipped_groups += is_far ? 1u : 0u;
    }
  }

  const Quantization& q_;
  const StoredRows& stored_;
  std::size_t cols_;
  std::size_t words_;
  std::size_t groups_;
  std::size_t per_group_;
  std::uint32_t zero_;
  std::uint32_t low_;
  CodeSums sums_;
};

}  // namespace

void CodeSums::append(const CodeSums& next) {
  groups += next.groups;
  zero_groups += next.zero_groups;
  clipped_groups += next.clipped_groups;
  bad_scales += next.bad_scales;
  if (codes.size() < next.codes.size()) codes.resize(next.codes.size());
  for (std::size_t c = 0; c < next.codes.size(); c++)
    codes[c] += next.codes[c];
}

CodeSums sum_codes(const FolderParam& param, const Quantization& q, const StoredRows& stored,
                   std::int64_t rows) {
  CodeSums sums;
  switch (param.form) {
    case ParamForm::kPlain:
      return sums;
    case ParamForm::kGroup:
      return Groups(param, q, stored).sums(static_cast<std::size_t>(rows));
    case ParamForm::kFt:
    case ParamForm::kAwq:
      sums.codes.resize(16);
      add_nibbles(stored.codes, sums.codes);
      sums.groups = stored.scales.size();
      break;
    case ParamForm::kFp8:
    case ParamForm::kBlockScale: {
      std::array<std::uint64_t, 256> counts = count_bytes(stored.codes);
      sums.codes.assign(counts.begin(), counts.end());
      break;
    }
  }
  sums.bad_scales = count_bad(stored.scales);
  sums.zero_groups = count_zero(stored.scales);
  return sums;
}

}  // namespace mlc
