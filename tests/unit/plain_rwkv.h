// RWKV 5.2 and 6 in plain loops, token after token, under the names of their checkpoints.
#pragma once

#include "tests/unit/plain_math.h"

namespace mlc::plain {

struct Rwkv {
  bool six = false;
  std::size_t layers = 4, hidden = 64, head_size = 32, inner = 224, vocab = 96;
  std::size_t mix_rank = 32, decay_rank = 64;
  double eps = 1e-5, head_eps = 64e-5;
};

class RwkvPass {
 public:
  RwkvPass(const Rwkv& model, Checkpoint& weights) : m_(model), w_(weights) {}

  Rows logits(const std::vector<std::uint32_t>& ids) {
    const Tensor& table = w_.tensor("rwkv.embeddings.weight", {m_.vocab, m_.hidden}, 0, 1);
    Row none(m_.hidden, 0);
    last_.assign(m_.layers, none);
    forward_last_.assign(m_.layers, none);
    state_.assign(m_.layers, Row(m_.hidden * m_.head_size, 0));
    Rows logits;
    for (std::uint32_t id : ids) {
      auto from = table.values.begin() + static_cast<std::ptrdiff_t>(id * m_.hidden);
      Row x(from, from + static_cast<std::ptrdiff_t>(m_.hidden));
      x = norm("rwkv.blocks.0.pre_ln", x);
      for (std::size_t i = 0; i < m_.layers; i++) {
        block_ = fmt::format("rwkv.blocks.{}.", i);
        add(x, time_mix(i, norm(block_ + "ln1", x)));
        add(x, channel_mix(i, norm(block_ + "ln2", x)));
      }
      logits.push_back(
          linear(norm("rwkv.ln_out", x), w_.matrix("head.weight", m_.vocab, m_.hidden)));
    }
    return logits;
  }

 private:
  Row norm(const std::string& module, const Row& x) {
    return layer_norm(x, w_.norm(module + ".weight", x.size()).values.data(),
                      w_.bias(module + ".bias", x.size()).values.data(), m_.eps);
  }
  const Row& mix_of(const std::string& name) {
    return w_.tensor(block_ + name, {1, 1, m_.hidden}, 0.5, 0.25).values;
  }
  Row project(const std::string& module, const Row& x, std::size_t rows) {
    return linear(x, w_.matrix(block_ + module + ".weight", rows, x.size()));
  }
  // x w, with w [rows, cols] from the `index`th of several.
  static Row times(const Row& x, const Tensor& w, std::size_t cols, std::size_t index = 0) {
    Row y(cols, 0);
    for (std::size_t r = 0; r < x.size(); r++)
      for (std::size_t c = 0; c < cols; c++)
        y[c] += x[r] * w.values[(index * x.size() + r) * cols + c];
    return y;
  }

  // 5: x mix + last (1 - mix).
  Row mixed_by(const std::string& name, const Row& x, const Row& last) {
    const Row& mix = mix_of(name);
    Row y(x.size());
    for (std::size_t c = 0; c < x.size(); c++)
      y[c] = x[c] * mix[c] + last[c] * (1 - mix[c]);
    return y;
  }
  // 6: x + (last - x) (maa + m).
  Row moved_by(const std::string& name, const Row& m, const Row& x, const Row& last) {
    const Row& maa = mix_of(name);
    Row y(x.size());
    for (std::size_t c = 0; c < x.size(); c++)
      y[c] = x[c] + (last[c] - x[c]) * (maa[c] + (m.empty() ? 0 : m[c]));
    return y;
  }

  Row time_mix(std::size_t i, const Row& x) {
    std::size_t n = m_.hidden;
    std::size_t d = m_.head_size;
    const Row last = std::exchange(last_[i], x);
    Row k_in, v_in, r_in, g_in;
    Row decay(n);
    if (!m_.six) {
      k_in = mixed_by("attention.time_mix_key", x, last);
      v_in = mixed_by("attention.time_mix_value", x, last);
      r_in = mixed_by("attention.time_mix_receptance", x, last);
      g_in = mixed_by("attention.time_mix_gate", x, last);
      const Row& w = w_.tensor(block_ + "attention.time_decay", {n / d, d}, -1, 1).values;
      // A folder has the decay itself, as float32, which q0f32 stores as bfloat16.
      for (std::size_t c = 0; c < n; c++) {
        auto value = static_cast<float>(std::exp(-std::exp(w[c])));
        decay[c] = double{bf16_to_f32(f32_to_bf16(value))};
      }
    } else {
      Row low = times(moved_by("attention.time_maa_x", {}, x, last),
                      w_.tensor(block_ + "attention.time_maa_w1", {n, 5 * m_.mix_rank}, 0, 0.1),
                      5 * m_.mix_rank);
      const Tensor& up = w_.tensor(block_ + "attention.time_maa_w2", {5, m_.mix_rank, n}, 0, 0.1);
      auto moved = [&](const char* name, std::size_t index) {
        Row part;
        for (std::size_t r = 0; r < m_.mix_rank; r++)
          part.push_back(std::tanh(low[index * m_.mix_rank + r]));
        return moved_by(name, times(part, up, n, index), x, last);
      };
      Row w_in = moved("attention.time_maa_w", 0);
      k_in = moved("attention.time_maa_k", 1);
      v_in = moved("attention.time_maa_v", 2);
      r_in = moved("attention.time_maa_r", 3);
      g_in = moved("attention.time_maa_g", 4);
      Row down =
          times(w_in, w_.tensor(block_ + "attention.time_decay_w1", {n, m_.decay_rank}, 0, 0.1),
                m_.decay_rank);
      for (double& value : down)
        value = std::tanh(value);
      Row w =
          times(down, w_.tensor(block_ + "attention.time_decay_w2", {m_.decay_rank, n}, 0, 0.1), n);
      const Row& base = w_.tensor(block_ + "attention.time_decay", {1, 1, n}, -1, 1).values;
      for (std::size_t c = 0; c < n; c++)
        decay[c] = std::exp(-std::exp(base[c] + w[c]));
    }
    Row k = project("attention.key", k_in, n);
    Row v = project("attention.value", v_in, n);
    Row r = project("attention.receptance", r_in, n);
    Row g = project("attention.gate", g_in, n);
    const Row& u = w_.tensor(block_ + "attention.time_faaaa", {n / d, d}, 0, 1).values;
    const Row& weight = w_.norm(block_ + "attention.ln_x.weight", n).values;
    const Row& bias = w_.bias(block_ + "attention.ln_x.bias", n).values;
    Row y;
    for (std::size_t h = 0; h < n; h += d) {
      Row head(d, 0);
      for (std::size_t a = 0; a < d; a++)
        for (std::size_t b = 0; b < d; b++) {
          double& s = state_[i][(h + a) * d + b];
          double kv = k[h + a] * v[h + b];
          head[b] += r[h + a] * (u[h + a] * kv + s);
          s = decay[h + a] * s + kv;
        }
      head = layer_norm(head, weight.data() + h, bias.data() + h, m_.head_eps);
      y.insert(y.end(), head.begin(), head.end());
    }
    for (std::size_t c = 0; c < n; c++)
      y[c] *= silu(g[c]);
    return project("attention.output", y, n);
  }

  Row channel_mix(std::size_t i, const Row& x) {
    const Row last = std::exchange(forward_last_[i], x);
    Row k_in, r_in;
    if (m_.six) {
      k_in = moved_by("feed_forward.time_maa_k", {}, x, last);
      r_in = moved_by("feed_forward.time_maa_r", {}, x, last);
    } else {
      k_in = mixed_by("feed_forward.time_mix_key", x, last);
      r_in = mixed_by("feed_forward.time_mix_receptance", x, last);
    }
    Row k = project("feed_forward.key", k_in, m_.inner);
    for (double& value : k)
      value = value > 0 ? value * value : 0;
    Row y = project("feed_forward.value", k, m_.hidden);
    Row r = project("feed_forward.receptance", r_in, m_.hidden);
    for (std::size_t c = 0; c < y.size(); c++)
      y[c] *= sigmoid(r[c]);
    return y;
  }

  const Rwkv& m_;
  Checkpoint& w_;
  std::string block_;
  Rows last_, forward_last_, state_;
};

}  // namespace mlc::plain
