// rope, kv_store, attention.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime-min/cpu/functions.h"
#include "runtime-min/cpu/kv_cache.h"
#include "runtime-min/cpu/reference.h"

namespace mlc {
namespace {

std::size_t rope_items(const Arguments& a) { return a.size(3) * a.size(4); }
std::size_t rope_cost(const Arguments& a) { return 2 * a.size(2); }

void rope(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t rotary = a.size(2), half = rotary / 2, heads = a.size(4);
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / heads, h = item % heads;
    const float* cosines = a.f32(0) + r * rotary;
    const float* sines = cosines + half;
    float* x = a.f32(1) + r * a.size(5) + a.size(6) + h * a.size(1);
    for (std::size_t i = 0; i < half; i++) {
      float& first = a.flag(0) ? x[2 * i] : x[i];
      float& second = a.flag(0) ? x[2 * i + 1] : x[i + half];
      const float p = first, q = second;
      first = p * cosines[i] - q * sines[i];
      second = q * cosines[i] + p * sines[i];
    }
  }
}

std::size_t kv_store_items(const Arguments& a) { return a.size(3) * a.size(2); }
std::size_t kv_store_cost(const Arguments& a) { return 8 * a.size(1); }

void kv_store(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t head_dim = a.size(1), kv_heads = a.size(2), capacity = a.size(7);
  const bool wide = KvFormat{a.words[0]} == KvFormat::kF32;
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / kv_heads, h = item % kv_heads;
    const RowState& state = a.rows(0)[r];
    if (state.slot == kInactive) continue;
    const std::size_t place = kv_place(state.position, capacity, a.size(8));
    const std::size_t at = ((state.slot * kv_heads + h) * capacity + place) * head_dim;
    const float* x = a.f32(1) + r * a.size(4) + h * head_dim;
    for (std::size_t cache = 0; cache < 2; cache++) {
      const float* from = x + a.size(5 + cache);
      for (std::size_t i = 0; i < head_dim; i++) {
        if (wide)
          a.f32(2 + cache)[at + i] = from[i];
        else
          a.u16(2 + cache)[at + i] = f32_to_f16(from[i]);
      }
    }
  }
}

std::size_t attention_items(const Arguments& a) { return a.size(4) * a.size(3); }
// Depends on the positions, which are not known here: as if they were a few hundred.
std::size_t attention_cost(const Arguments& a) { return 1000 * a.size(1); }

void attention(const Arguments& a, std::size_t begin, std::size_t end) {
  const auto format = KvFormat{a.words[0]};
  const std::size_t head_dim = a.size(1), kv_heads = a.size(2), q_heads = a.size(3);
  const std::size_t capacity = a.size(9), sink = a.size(10), window = a.size(11);
  std::vector<float> scores;
  for (std::size_t item = begin; item < end; item++) {
    const std::size_t r = item / q_heads, h = item % q_heads;
    float* y = a.f32(4) + r * a.size(7) + a.size(8) + h * head_dim;
    std::fill_n(y, head_dim, 0.0f);
    const RowState& state = a.rows(0)[r];
    if (state.slot == kInactive) continue;
    const float* q = a.f32(1) + r * a.size(5) + a.size(6) + h * head_dim;
    const std::size_t head =
        (state.slot * kv_heads + h / (q_heads / kv_heads)) * capacity * head_dim;
    const std::size_t count = std::size_t{state.position} + 1;
    scores.assign(count, -std::numeric_limits<float>::infinity());
    float largest = -std::numeric_limits<float>::infinity();
    for (std::size_t t = 0; t < count; t++) {
      if (!kv_seen(t, state.position, sink, window)) continue;
      const std::size_t at = head + kv_place(t, capacity, sink) * head_dim;
      float dot = 0;
      for (std::size_t i = 0; i < head_dim; i++)
        dot += q[i] * kv_value(a.data[2], format, at + i);
      scores[t] = softcapped(a.real(12) * dot, a.real(13));
      largest = std::max(largest, scores[t]);
    }
    float sum = 0;
    for (std::size_t t = 0; t < count; t++) {
      if (!kv_seen(t, state.position, sink, window)) continue;
      const std::size_t at = head + kv_place(t, capacity, sink) * head_dim;
      const float p = std::exp(scores[t] - largest);
      sum += p;
      for (std::size_t i = 0; i < head_dim; i++)
        y[i] += p * kv_value(a.data[3], format, at + i);
    }
    for (std::size_t i = 0; i < head_dim; i++)
      y[i] /= sum;
  }
}

}  // namespace

constexpr CpuKernel kReferenceRope = {rope_items, rope, rope_cost};
constexpr CpuKernel kReferenceKvStore = {kv_store_items, kv_store, kv_store_cost};
constexpr CpuKernel kReferenceAttention = {attention_items, attention, attention_cost};

}  // namespace mlc
