// rope, kv_store, attention in float64.
#include <algorithm>

#include "verify/kernel_cases/bounds.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {
namespace {

// One row of a softmax: for scores s_t that are off by e_t, the weights p_t = exp(s_t - m) / sum
// are off by the factor 1 + r_t + (the same averaged) + what the sum and the division cost.
//
// The shift m is any number that numerator and denominator share, so its own error is nothing; the
// subtraction rounds by u |s_t - m|. A version that goes through the scores once and rescales with
// every new maximum multiplies by factors exp(m - m'), at most one per score, whose arguments add
// up to at most the spread of the scores: that is 5 u per score and 2 u times the spread.
struct Softmax {
  std::vector<double> weight, relative;
};

Softmax softmax(const std::vector<double>& score, const std::vector<double>& off) {
  Softmax result;
  const double top = *std::max_element(score.begin(), score.end());
  double spread = 0, sum = 0, average = 0;
  for (double s : score)
    if (std::isfinite(s)) spread = std::max(spread, top - s);
  for (std::size_t i = 0; i < score.size(); i++) {
    result.weight.push_back(std::exp(score[i] - top));
    sum += result.weight[i];
    const double below = std::isfinite(score[i]) ? top - score[i] : 0;
    result.relative.push_back(off[i] + kU * (std::fabs(top) + below) + exp_error(below) +
                              2 * kU * spread);
    average += result.weight[i] * result.relative[i];
  }
  const double n = static_cast<double>(score.size());
  for (std::size_t i = 0; i < score.size(); i++) {
    result.weight[i] /= sum;
    result.relative[i] =
        (result.relative[i] + average / sum) * 1.01 + gamma(7 * n + 8) + kDivideError;
  }
  return result;
}

}  // namespace

void evaluate_rope(Instance& t) {
  const std::size_t rotary = t.size(2), half = rotary / 2;
  for (std::size_t r = 0; r < t.size(3); r++)
    for (std::size_t h = 0; h < t.size(4); h++)
      for (std::size_t i = 0; i < half; i++) {
        const std::size_t at = r * t.size(5) + t.size(6) + h * t.size(1);
        const std::size_t first = at + (t.words[0] != 0 ? 2 * i : i);
        const std::size_t second = at + (t.words[0] != 0 ? 2 * i + 1 : i + half);
        const double cosine = t.f32(0, r * rotary + i), sine = t.f32(0, r * rotary + half + i);
        const double a = t.f32(1, first), b = t.f32(1, second);
        const double off = 4 * kEta * (1 + std::fabs(a) + std::fabs(b));
        t.want(1, first, a * cosine - b * sine,
               gamma(2) * (std::fabs(a * cosine) + std::fabs(b * sine)) + off);
        t.want(1, second, b * cosine + a * sine,
               gamma(2) * (std::fabs(b * cosine) + std::fabs(a * sine)) + off);
      }
}

namespace {

std::size_t place(std::size_t position, std::size_t capacity, std::size_t sink) {
  return position < sink ? position : sink + (position - sink) % (capacity - sink);
}

}  // namespace

void evaluate_kv_store(Instance& t) {
  const std::size_t head_dim = t.size(1), heads = t.size(2), capacity = t.size(7);
  const bool wide = t.words[0] == 1;
  for (std::size_t cache = 2; cache < 4; cache++) {
    t.element[cache] = wide ? Element::kF32 : Element::kF16;
    for (std::size_t r = 0; r < t.size(3); r++) {
      const RowState state = t.row(r);
      if (state.slot == kInactive) continue;
      for (std::size_t h = 0; h < heads; h++)
        for (std::size_t i = 0; i < head_dim; i++) {
          const double x = t.f32(1, r * t.size(4) + t.size(3 + cache) + h * head_dim + i);
          const std::size_t at =
              ((state.slot * heads + h) * capacity + place(state.position, capacity, t.size(8))) *
                  head_dim +
              i;
          // A float16 next to x: 2^-10 of it, and 2^-24 below 2^-14.
          t.want(cache, at, x, wide ? 0 : std::max(0x1p-10 * std::fabs(x), 0x1p-24));
        }
    }
  }
}

void evaluate_attention(Instance& t) {
  const std::size_t head_dim = t.size(1), kv_heads = t.size(2), q_heads = t.size(3);
  const std::size_t capacity = t.size(9), sink = t.size(10), window = t.size(11);
  const double scale = t.real(12), cap = t.real(13);
  auto cached = [&](std::size_t cache, std::size_t at) {
    return t.words[0] == 1 ? t.f32(cache, at)
                           : double{f16_to_f32(static_cast<std::uint16_t>(
                                 t.buffer(cache).at(at / 2) >> (at % 2 * 16)))};
  };
  for (std::size_t r = 0; r < t.size(4); r++)
    for (std::size_t h = 0; h < q_heads; h++) {
      const std::size_t y_at = r * t.size(7) + t.size(8) + h * head_dim;
      const std::size_t q_at = r * t.size(5) + t.size(6) + h * head_dim;
      const RowState state = t.row(r);
      if (state.slot == kInactive) {
        for (std::size_t i = 0; i < head_dim; i++)
          t.want(4, y_at + i, 0, 0);
        continue;
      }
      const std::size_t head = (state.slot * kv_heads + h / (q_heads / kv_heads)) * capacity;
      std::vector<std::size_t> at;
      std::vector<double> score, off;
      for (std::size_t p = 0; p <= state.position; p++) {
        if (window != 0 && p >= sink && p + window <= state.position) continue;
        at.push_back((head + place(p, capacity, sink)) * head_dim);
        double dot = 0, size = 0;
        for (std::size_t i = 0; i < head_dim; i++) {
          const double term = t.f32(1, q_at + i) * cached(2, at.back() + i);
          dot += term;
          size += std::fabs(term);
        }
        double s = scale * dot;
        double e = gamma(static_cast<double>(head_dim) + 2) * std::fabs(scale) * size +
                   static_cast<double>(head_dim) * 4 * kEta;
        if (cap != 0) {  // tanh' <= 1
          e += cap * (kTanhError + kDivideError) + kU * cap;
          s = cap * std::tanh(s / cap);
        }
        score.push_back(s);
        off.push_back(e);
      }
      const Softmax p = softmax(score, off);
      for (std::size_t i = 0; i < head_dim; i++) {
        double y = 0, bound = 4 * kEta;
        for (std::size_t j = 0; j < at.size(); j++) {
          const double v = cached(3, at[j] + i);
          y += p.weight[j] * v;
          bound += p.weight[j] * std::fabs(v) * p.relative[j] + 4 * kEta * (1 + std::fabs(v));
        }
        t.want(4, y_at + i, y, bound);
      }
    }
}

void evaluate_softmax(Instance& t) {
  const std::size_t width = t.size(0);
  for (std::size_t r = 0; r < t.size(1); r++) {
    std::vector<double> score(width), off(width);
    for (std::size_t i = 0; i < width; i++) {
      score[i] = t.f32(0, r * t.size(2) + i) * t.real(4);
      off[i] = std::isfinite(score[i]) ? kU * std::fabs(score[i]) : 0;
    }
    const Softmax p = softmax(score, off);
    for (std::size_t i = 0; i < width; i++)
      t.want(1, r * t.size(3) + i, p.weight[i], p.weight[i] * p.relative[i] + 4 * kEta);
  }
}

void evaluate_top_experts(Instance& t) {
  const std::size_t experts = t.size(0), top_k = t.size(1), mode = t.size(2);
  t.element[1] = Element::kU32;
  for (std::size_t r = 0; r < t.size(3); r++) {
    std::vector<double> logit(experts), chosen;
    std::vector<std::size_t> order(experts);
    for (std::size_t e = 0; e < experts; e++) {
      logit[e] = t.f32(0, r * t.size(4) + e);
      order[e] = e;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return logit[a] > logit[b]; });
    for (std::size_t j = 0; j < top_k; j++)
      chosen.push_back(logit[order[j]]);
    // Modes 0 and 1 may be computed over all, 1 as well over the chosen: the bound is that of all.
    const Softmax all = softmax(logit, std::vector<double>(experts, 0.0));
    const Softmax few = softmax(chosen, std::vector<double>(top_k, 0.0));
    double sigmoids = 0, sigmoids_off = 0;
    for (double x : chosen) {
      sigmoids += 1 / (1 + std::exp(-x));
      sigmoids_off = std::max(sigmoids_off, sigmoid_error(x));
    }
    for (std::size_t j = 0; j < top_k; j++) {
      const double s = 1 / (1 + std::exp(-chosen[j]));
      double value = 0, relative = 0;
      if (mode == 0) {
        value = all.weight[order[j]];
        relative = all.relative[order[j]];
      } else if (mode <= 2) {
        value = few.weight[j];
        relative = 2 * all.relative[order[j]] + gamma(static_cast<double>(top_k) + 4);
      } else {
        value = mode == 3 ? s : s / sigmoids;
        relative = mode == 3 ? sigmoid_error(chosen[j])
                             : 2 * sigmoids_off + gamma(static_cast<double>(top_k) + 4);
      }
      t.want(1, r * top_k + j, static_cast<double>(order[j]), 0);
      t.want(2, r * top_k + j, value * t.real(5),
             std::fabs(value * t.real(5)) * (relative + 2 * kU) + 4 * kEta);
    }
  }
}

}  // namespace mlc
