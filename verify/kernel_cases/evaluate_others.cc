// argmax, top_k and the recurrences in float64, and the table of all evaluations.
#include <algorithm>
#include <map>
#include <numeric>

#include "verify/kernel_cases/bounds.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {

void evaluate_argmax(Instance& t) {
  t.element[1] = Element::kU32;
  for (std::size_t r = 0; r < t.size(1); r++) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < t.size(0); i++) {
      const double x = t.f32(0, r * t.size(2) + i), y = t.f32(0, r * t.size(2) + best);
      if (!std::isnan(y) && (std::isnan(x) || x > y)) best = i;
    }
    t.want(1, r, static_cast<double>(best), 0);
  }
}

void evaluate_top_k(Instance& t) {
  t.element[1] = Element::kU32;
  const std::size_t count = t.size(1);
  for (std::size_t r = 0; r < t.size(2); r++) {
    auto x = [&](std::size_t i) { return t.f32(0, r * t.size(3) + i); };
    std::vector<std::size_t> order(t.size(0));
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return x(a) > x(b); });
    for (std::size_t j = 0; j < count; j++) {
      t.want(1, r * count + j, static_cast<double>(order[j]), 0);
      t.want(2, r * count + j, x(order[j]), 0);
    }
  }
}

void evaluate_token_shift(Instance& t) {
  t.element[2] = t.element[3] = Element::kU32;  // bits are moved
  const std::size_t width = t.size(0);
  std::map<std::uint32_t, std::size_t> before;  // of a slot: its latest row
  for (std::size_t r = 0; r < t.size(1); r++) {
    const std::uint32_t slot = t.row(r).slot;
    if (slot == kInactive) continue;
    for (std::size_t i = 0; i < width; i++) {
      const auto found = before.find(slot);
      t.want(3, r * t.size(3) + i,
             found == before.end() ? t.buffers[2].at(slot * width + i)
                                   : t.buffers[1].at(found->second * t.size(2) + i),
             0);
    }
    before[slot] = r;
  }
  for (const auto& [slot, r] : before)
    for (std::size_t i = 0; i < width; i++)
      t.want(2, slot * width + i, t.buffers[1].at(r * t.size(2) + i), 0);
}

// Each entry of the state carries its bound along: S' = w S + k v is off by what S was off, times
// w, and two roundings of what is added.
void evaluate_wkv(Instance& t) {
  const std::size_t d = t.size(0), heads = t.size(1), stride = t.size(3);
  std::vector<double> value(t.buffers[6].size()), bound(value.size());
  for (std::size_t i = 0; i < value.size(); i++)
    value[i] = t.f32(6, i);
  std::vector<bool> touched(value.size());
  for (std::size_t r = 0; r < t.size(2); r++) {
    const std::size_t slot = t.row(r).slot;
    if (slot == kInactive) continue;
    for (std::size_t h = 0; h < heads; h++)
      for (std::size_t j = 0; j < d; j++) {
        const std::size_t at = r * stride + h * d;
        double y = 0, y_bound = 0, size = 0;
        for (std::size_t i = 0; i < d; i++) {
          const std::size_t s = ((slot * heads + h) * d + i) * d + j;
          const double kv = t.f32(2, at + i) * t.f32(3, at + j);
          const double bonus = t.f32(5, h * d + i) * kv, rec = t.f32(1, at + i);
          const double w = t.f32(4, (t.kernel == Kernel::kWkv6 ? at : h * d) + i);
          y += rec * (bonus + value[s]);
          y_bound += std::fabs(rec) * bound[s];
          size += std::fabs(rec) * (std::fabs(bonus) + std::fabs(value[s]) + bound[s]);
          bound[s] = std::fabs(w) * bound[s] * (1 + gamma(2)) +
                     gamma(2) * (std::fabs(w * value[s]) + std::fabs(kv)) + 4 * kEta;
          value[s] = w * value[s] + kv;
          touched[s] = true;
        }
        t.want(7, at + j, y,
               y_bound + gamma(static_cast<double>(2 * d) + 4) * size +
                   static_cast<double>(d) * 8 * kEta);
      }
  }
  for (std::size_t i = 0; i < value.size(); i++)
    if (touched[i]) t.want(6, i, value[i], bound[i]);
}

void evaluate(Instance& t) {
  static constexpr std::array<void (*)(Instance&), kKernels.size()> kTable = {
      evaluate_embed,   evaluate_norm,        evaluate_matmul,      evaluate_moe_matmul,
      evaluate_rope,    evaluate_kv_store,    evaluate_attention,   evaluate_activate,
      evaluate_combine, evaluate_top_experts, evaluate_moe_sum,     evaluate_argmax,
      evaluate_softmax, evaluate_top_k,       evaluate_token_shift, evaluate_wkv,
      evaluate_wkv,     evaluate_copy,
  };
  kTable[static_cast<std::size_t>(t.kernel)](t);
}

}  // namespace mlc
