// A decoder of attention and gated MLPs in plain loops, with the differences that the published
// models have, under the names of their checkpoints.
#pragma once

#include <functional>
#include <numeric>

#include "tests/unit/plain_math.h"

namespace mlc::plain {

struct Decoder {
  std::size_t layers = 2, hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, inner = 96,
              vocab = 96;
  double eps = 1e-5;
  bool layer_norms = false;  // else root mean square
  bool norm_bias = false;

  // {} is the layer. No name: no such thing. No head: the embedding.
  std::string embedding = "model.embed_tokens";
  std::string attention_norm = "model.layers.{}.input_layernorm";
  std::string attention_post_norm = {};
  std::string mlp_norm = "model.layers.{}.post_attention_layernorm";
  std::string mlp_post_norm = {};
  std::string q = "model.layers.{}.self_attn.q_proj";
  std::string k = "model.layers.{}.self_attn.k_proj";
  std::string v = "model.layers.{}.self_attn.v_proj";
  std::string qkv = {};  // one matrix: all of q, k, v, or grouped by key head
  bool grouped = false;
  std::string out = "model.layers.{}.self_attn.o_proj";
  std::string q_norm = {};
  std::string k_norm = {};
  bool norm_whole = false;  // all heads at once
  bool norm_after_rope = false;
  std::string gate = "model.layers.{}.mlp.gate_proj";
  std::string up = "model.layers.{}.mlp.up_proj";
  std::string gate_up = {};  // one matrix, the gate first
  std::string down = "model.layers.{}.mlp.down_proj";
  std::string final_norm = "model.norm";
  std::string head = "lm_head";
  bool qkv_bias = false, out_bias = false, mlp_bias = false;
  bool parallel = false;

  double embedding_scale = 1, residual_scale = 1, logit_scale = 1;
  double attention_scale = 0;  // 0: head_dim ** -0.5
  bool neighbours = false;     // pairs of rotations
  std::function<Row(std::size_t)> rotation = [](std::size_t) { return frequencies(10000, 16); };
  std::function<double(std::size_t)> rotation_scale = [](std::size_t) { return 1.0; };
  std::function<std::size_t(std::size_t)> window = [](std::size_t) { return std::size_t{0}; };

  // Experts instead of the MLP.
  std::function<bool(std::size_t)> has_experts = [](std::size_t) { return false; };
  std::size_t experts = 0, top_k = 0, expert_inner = 0;
  bool normalized = false;
  std::string router = {}, expert = {};  // the second {}: which
  std::string expert_gate = {}, expert_up = {}, expert_down = {};
  std::string shared = {};
  std::size_t shared_inner = 0;
};

class DecoderPass {
 public:
  DecoderPass(const Decoder& model, Checkpoint& weights) : m_(model), w_(weights) {}

  Rows logits(const std::vector<std::uint32_t>& ids) {
    const Tensor& table = w_.tensor(m_.embedding + ".weight", {m_.vocab, m_.hidden}, 0, 1);
    Rows x;
    for (std::uint32_t id : ids) {
      auto from = table.values.begin() + static_cast<std::ptrdiff_t>(id * m_.hidden);
      x.emplace_back(from, from + static_cast<std::ptrdiff_t>(m_.hidden));
      for (double& value : x.back())
        value *= m_.embedding_scale;
    }
    for (std::size_t i = 0; i < m_.layers; i++)
      layer(i, x);
    Rows logits;
    for (const Row& row : x) {
      const Tensor& head =
          m_.head.empty() ? table : w_.matrix(m_.head + ".weight", m_.vocab, m_.hidden);
      logits.push_back(linear(norm(m_.final_norm, 0, row), head));
      for (double& value : logits.back())
        value *= m_.logit_scale;
    }
    return logits;
  }

 private:
  static std::string name(const std::string& module, std::size_t i) {
    return fmt::format(fmt::runtime(module), i);
  }

  Row norm(const std::string& module, std::size_t i, const Row& x) {
    if (module.empty()) return x;
    const double* weight = w_.norm(name(module, i) + ".weight", x.size()).values.data();
    if (!m_.layer_norms) return rms_norm(x, weight, m_.eps);
    const double* bias = nullptr;
    if (m_.norm_bias) bias = w_.bias(name(module, i) + ".bias", x.size()).values.data();
    return layer_norm(x, weight, bias, m_.eps);
  }

  Row project(const std::string& module, std::size_t i, const Row& x, std::size_t rows,
              bool has_bias) {
    const Tensor& w = w_.matrix(name(module, i) + ".weight", rows, x.size());
    if (!has_bias) return linear(x, w);
    return linear(x, w, &w_.bias(name(module, i) + ".bias", rows));
  }

  void head_norm(const std::string& module, std::size_t i, Row& x) {
    if (module.empty()) return;
    std::size_t width = m_.norm_whole ? x.size() : m_.head_dim;
    const Tensor& weight = w_.norm(name(module, i) + ".weight", width);
    for (std::size_t h = 0; h < x.size(); h += width) {
      auto at = x.begin() + static_cast<std::ptrdiff_t>(h);
      Row head(at, at + static_cast<std::ptrdiff_t>(width));
      head = rms_norm(head, weight.values.data(), m_.eps);
      std::copy(head.begin(), head.end(), at);
    }
  }

  void split(std::size_t i, const Row& x, Row& q, Row& k, Row& v) {
    std::size_t d = m_.head_dim;
    std::size_t group = m_.heads / m_.kv_heads;
    if (m_.qkv.empty()) {
      q = project(m_.q, i, x, m_.heads * d, m_.qkv_bias);
      k = project(m_.k, i, x, m_.kv_heads * d, m_.qkv_bias);
      v = project(m_.v, i, x, m_.kv_heads * d, m_.qkv_bias);
      return;
    }
    Row all = project(m_.qkv, i, x, (m_.heads + 2 * m_.kv_heads) * d, m_.qkv_bias);
    for (std::size_t r = 0; r < all.size(); r++) {
      // In groups: the queries of a key head, the key, the value.
      std::size_t head = r / d;
      std::size_t in_group = head % (group + 2);
      bool is_q = m_.grouped ? in_group < group : head < m_.heads;
      bool is_k = m_.grouped ? in_group == group : head < m_.heads + m_.kv_heads;
      (is_q ? q : is_k ? k : v).push_back(all[r]);
    }
  }

  Rows attention(std::size_t i, const Rows& x) {
    Rows q(x.size()), k(x.size()), v(x.size());
    Row f = m_.rotation(i);
    for (std::size_t t = 0; t < x.size(); t++) {
      split(i, x[t], q[t], k[t], v[t]);
      auto head_norms = [&] {
        head_norm(m_.q_norm, i, q[t]);
        head_norm(m_.k_norm, i, k[t]);
      };
      if (!m_.norm_after_rope) head_norms();
      for (Row* row : {&q[t], &k[t]})
        for (std::size_t h = 0; h < row->size(); h += m_.head_dim)
          rotate(row->data() + h, f, m_.neighbours, static_cast<double>(t), m_.rotation_scale(i));
      if (m_.norm_after_rope) head_norms();
    }
    double scale = m_.attention_scale;
    if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(m_.head_dim));
    Rows out = attend(q, k, v, m_.heads, m_.kv_heads, scale, m_.window(i));
    for (Row& row : out)
      row = project(m_.out, i, row, m_.hidden, m_.out_bias);
    return out;
  }

  static Row gated(const Row& gate, const Row& up) {
    Row act(gate.size());
    for (std::size_t j = 0; j < act.size(); j++)
      act[j] = silu(gate[j]) * up[j];
    return act;
  }

  Row mlp(std::size_t i, const Row& x) {
    if (m_.has_experts(i)) return mixture(i, x);
    Row gate, up;
    if (m_.gate_up.empty()) {
      gate = project(m_.gate, i, x, m_.inner, m_.mlp_bias);
      up = project(m_.up, i, x, m_.inner, m_.mlp_bias);
    } else {
      gate = project(m_.gate_up, i, x, 2 * m_.inner, m_.mlp_bias);
      up.assign(gate.begin() + static_cast<std::ptrdiff_t>(m_.inner), gate.end());
      gate.resize(m_.inner);
    }
    return project(m_.down, i, gated(gate, up), m_.hidden, m_.mlp_bias);
  }

  Row mixture(std::size_t i, const Row& x) {
    Row scores = project(m_.router, i, x, m_.experts, false);
    double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& score : scores)
      sum += score = std::exp(score - most);
    for (double& score : scores)
      score /= sum;
    std::vector<std::size_t> order(m_.experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    double chosen = 0;
    for (std::size_t j = 0; j < m_.top_k; j++)
      chosen += scores[order[j]];
    Row y(m_.hidden, 0);
    // All experts are asked for, so that the checkpoint has them all.
    for (std::size_t j = 0; j < m_.experts; j++) {
      std::string module = fmt::format(fmt::runtime(m_.expert), i, order[j]);
      Row result = one_expert(module, m_.expert_inner, x);
      if (j < m_.top_k) add(y, result, scores[order[j]] / (m_.normalized ? chosen : 1));
    }
    if (!m_.shared.empty()) add(y, one_expert(name(m_.shared, i), m_.shared_inner, x));
    return y;
  }

  Row one_expert(const std::string& module, std::size_t inner, const Row& x) {
    Row gate = project(module + m_.expert_gate, 0, x, inner, false);
    Row up = project(module + m_.expert_up, 0, x, inner, false);
    return project(module + m_.expert_down, 0, gated(gate, up), m_.hidden, false);
  }

  void layer(std::size_t i, Rows& x) {
    Rows h;
    for (const Row& row : x)
      h.push_back(norm(m_.attention_norm, i, row));
    Rows attended = attention(i, h);
    for (std::size_t t = 0; t < x.size(); t++) {
      add(x[t], norm(m_.attention_post_norm, i, attended[t]), m_.residual_scale);
      Row input = m_.parallel ? h[t] : norm(m_.mlp_norm, i, x[t]);
      add(x[t], norm(m_.mlp_post_norm, i, mlp(i, input)), m_.residual_scale);
    }
  }

  const Decoder& m_;
  Checkpoint& w_;
};

}  // namespace mlc::plain
