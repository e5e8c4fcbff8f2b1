// One dispatch with its data, and what has to come out of it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/half.h"
#include "runtime-min/kernels/kernels.h"

namespace mlc {

// What an element of a written buffer has to be: |found - value| <= bound. An infinite value has to
// be met exactly.
struct Wanted {
  std::size_t element;  // of its type, from the start of the slice
  double value;
  double bound;
};
enum class Element : std::uint8_t { kF32, kU32, kF16 };

struct Instance {
  Kernel kernel{};
  std::array<std::uint32_t, kMaxWords> words = {};
  // The slices, in u32; an empty one is not used.
  std::array<std::vector<std::uint32_t>, kMaxBuffers> buffers;
  // Buffer i is the same slice as buffer same_as[i] < i; itself otherwise.
  std::array<std::size_t, kMaxBuffers> same_as = {0, 1, 2, 3, 4, 5, 6, 7};
  std::uint64_t front = 0;  // bytes of the device's buffer before the slices
  // Of wide rows only some elements are computed in float64; the others have to be finite.
  bool sampled = false;

  // What evaluate() adds. Elements that are not listed have to keep their bits.
  std::array<std::vector<Wanted>, kMaxBuffers> wanted;
  std::array<Element, kMaxBuffers> element = {};

  const std::vector<std::uint32_t>& buffer(std::size_t i) const { return buffers[same_as[i]]; }
  double f32(std::size_t i, std::size_t at) const { return double{bits_f32(buffer(i).at(at))}; }
  double real(std::size_t word) const { return double{bits_f32(words[word])}; }
  std::size_t size(std::size_t word) const { return words[word]; }
  RowState row(std::size_t r) const {
    const auto& state = buffers[0];
    return {state.at(4 * r), state.at(4 * r + 1), state.at(4 * r + 2), state.at(4 * r + 3)};
  }
  void want(std::size_t i, std::size_t at, double value, double bound) {
    wanted[same_as[i]].push_back({at, value, bound});
  }
  // Whether element `at` of a row of `width` is computed. The ends are whole, and the rest has
  // neighbours of every place in groups of up to 64. Asks for a finite one otherwise.
  bool sample(std::size_t i, std::size_t at, std::size_t place, std::size_t width) {
    if (!sampled || width <= 512 || place < 64 || place + 64 >= width || place / 64 % 16 == 5)
      return true;
    want(i, at, 0, HUGE_VAL);
    return false;
  }
};

// Elements of a row of the outputs: lanes and tails repeat with it.
std::size_t row_width(const Instance& t);

// What the kernel has to read and write: its slices, of tables and caches what it looks at.
std::uint64_t bytes_moved(const Instance& t);

// Computes what is wanted, in float64 from the formulas of kernels.h, with the bounds of bounds.h.
void evaluate(Instance& t);

// By subject; evaluate() calls them.
void evaluate_embed(Instance& t);
void evaluate_matmul(Instance& t);
void evaluate_moe_matmul(Instance& t);
void evaluate_norm(Instance& t);
void evaluate_activate(Instance& t);
void evaluate_combine(Instance& t);
void evaluate_copy(Instance& t);
void evaluate_moe_sum(Instance& t);
void evaluate_rope(Instance& t);
void evaluate_kv_store(Instance& t);
void evaluate_attention(Instance& t);
void evaluate_top_experts(Instance& t);
void evaluate_argmax(Instance& t);
void evaluate_softmax(Instance& t);
void evaluate_top_k(Instance& t);
void evaluate_token_shift(Instance& t);
void evaluate_wkv(Instance& t);

}  // namespace mlc
