// ForwardPass::steps: what is computed, in order.
#include <algorithm>

#include "base/error.h"
#include "runtime-min/engine/forward_writer.h"

namespace mlc {

void ForwardPass::Writer::head_norms(const Layer& layer, Rows qkv) {
  const LayerPlan& p = *layer.plan;
  HeadNorm kind = pass_.plan_.traits->attention.head_norm;
  bool whole = kind == HeadNorm::kWhole;
  auto one = [&](const char* label, const Norm& n, std::uint32_t heads, std::uint32_t offset) {
    if (!n.exists) return;
    norm(label, qkv, n, whole ? heads * p.head_dim : p.head_dim, whole ? 1 : heads, offset,
         kind == HeadNorm::kEachItsOwn, qkv);
  };
  one("q_norm", layer.q_norm, p.heads, 0);
  one("k_norm", layer.k_norm, p.kv_heads, p.heads * p.head_dim);
}

void ForwardPass::Writer::attention(const Layer& layer, Rows x, Rows residual) {
  const LayerPlan& p = *layer.plan;
  std::uint32_t d = p.head_dim;
  std::uint32_t k_offset = p.heads * d;
  std::uint32_t v_offset = k_offset + p.kv_heads * d;
  Rows qkv{pass_.activations_.slice(pass_.qkv_), v_offset + p.kv_heads * d};
  if (layer.qkv != nullptr) {
    matmul(x, *layer.qkv, qkv);
  } else {
    matmul(x, *layer.q, qkv);
    matmul(x, *layer.k, qkv, k_offset);
    matmul(x, *layer.v, qkv, v_offset);
  }
  if (p.clip != 0) clip(qkv, p.clip);
  bool norm_first = !pass_.plan_.traits->attention.norm_after_rope;
  if (norm_first) head_norms(layer, qkv);
  auto rotate = [&](const char* label, int index, std::uint32_t heads, std::uint32_t offset) {
    const RopePlan& rope = pass_.plan_.ropes[static_cast<std::size_t>(index)];
    emit(Kernel::kRope, label, {pass_.rope_table(static_cast<std::size_t>(index)), qkv.slice},
         {rope.interleaved, d, rope.dims, rows_, heads, qkv.width, offset},
         8 * std::uint64_t{rows_} * heads * d);
  };
  if (p.rope >= 0 && p.rope == p.query_rope) {
    rotate("rope", p.rope, p.heads + p.kv_heads, 0);
  } else if (p.rope >= 0) {
    rotate("rope of q", p.query_rope, p.heads, 0);
    rotate("rope of k", p.rope, p.kv_heads, k_offset);
  }
  if (!norm_first) head_norms(layer, qkv);
  Rows out{pass_.activations_.slice(pass_.attention_), p.heads * d};
  std::uint32_t format = id(pass_.kv_format_);
  std::uint64_t element = pass_.kv_format_ == KvFormat::kF16 ? 2 : 4;
  std::uint32_t group = p.heads / p.kv_heads;
  for (const CachePart& part : layer.cache) {
    Slice k = pass_.caches_.slice(part.k);
    Slice v = pass_.caches_.slice(part.v);
    std::uint32_t first = part.begin * d;
    emit(Kernel::kKvStore, "kv_store", {pass_.state(), qkv.slice, k, v},
         {format, d, part.heads, rows_, qkv.width, k_offset + first, v_offset + first,
          layer.capacity, layer.sink},
         2 * rows_ * std::uint64_t{part.heads} * d * (4 + element));
    emit(Kernel::kAttention, "attention", {pass_.state(), qkv.slice, k, v, out.slice},
         {format, d, part.heads, part.heads * group, rows_, qkv.width, first * group, out.width,
          first * group, layer.capacity, layer.sink, layer.window, f32_bits(p.attention_scale),
          f32_bits(p.softcap)},
         8 * rows_ * std::uint64_t{part.heads} * group * d);
    steps.back().bytes_per_position = 2 * std::uint64_t{part.heads} * d * element;
    steps.back().window = layer.window;
  }
  finish("attention_post_norm", out, *layer.out, layer.attention_post_norm, p.residual_scale,
         residual);
}

void ForwardPass::Writer::moe_matmul(const Matrix& m, Slice x, std::uint32_t x_stride,
                                     bool x_per_slot, std::uint32_t top_k, Slice y) {
  for (const MatrixPart& part : m.parts) {
    std::uint64_t read = std::min<std::uint64_t>(part.count, std::uint64_t{rows_} * top_k);
    emit(Kernel::kMoeMatmul, tail(m.module),
         {x, part.weight, part.scale, {}, pass_.activations_.slice(pass_.indices_), y},
         {id(m.format), id(m.scale_format), m.k, m.n, 0, top_k, x_per_slot, rows_, x_stride,
          part.begin, part.count},
         read * m.n * (m.row_bytes + m.scale_row_bytes) +
             4 * std::uint64_t{rows_} * top_k * (m.k + m.n));
  }
}

void ForwardPass::Writer::experts(const Layer& layer, Rows h, Rows x) {
  const LayerPlan& p = *layer.plan;
  const MoePlan& moe = p.moe;
  const Arena& arena = pass_.activations_;
  Rows scores{arena.slice(pass_.router_), layer.router->n};
  Slice indices = arena.slice(pass_.indices_);
  Slice chosen = arena.slice(pass_.chosen_);
  Slice mid = arena.slice(pass_.moe_mid_);
  Slice act = arena.slice(pass_.moe_act_);
  Slice out = arena.slice(pass_.moe_out_);
  std::uint32_t width = layer.moe_down->k;
  matmul(h, *layer.router, scores);
  emit(Kernel::kTopExperts, "top_experts", {scores.slice, indices, chosen},
       {scores.width, moe.top_k, moe.mode, rows_, scores.width, f32_bits(moe.scale)},
       4 * std::uint64_t{rows_} * (scores.width + 2 * moe.top_k));
  moe_matmul(*layer.moe_gate_up, h.slice, h.width, false, moe.top_k, mid);
  activate("experts activation", p.mlp.activation, true, rows_ * moe.top_k, width, mid, act);
  moe_matmul(*layer.moe_down, act, width, true, moe.top_k, out);
  // The sum goes to x at once where nothing is done to it in between.
  bool straight = !layer.mlp_post_norm.exists && p.residual_scale == 1;
  Rows sum = straight ? x : pass_.rows_of(pass_.half_, pass_.hidden_);
  emit(Kernel::kMoeSum, "experts sum", {out, chosen, straight ? x.slice : Slice(), sum.slice},
       {moe.top_k, straight, rows_, x.width, x.width},
       4 * std::uint64_t{rows_} * x.width * (moe.top_k + 2));
  if (moe.shared.exists()) {
    Rows shared = pass_.rows_of(pass_.shared_out_, pass_.hidden_);
    matmul(mlp(h, layer.shared), *layer.shared.down, shared);
    if (layer.shared_gate != nullptr) {
      Rows gate{arena.slice(pass_.gate_), 1};
      matmul(h, *layer.shared_gate, gate);
      combine("shared gate", Combine::kMulSigmoid, shared, gate.slice, 1, 1, 1, true);
    }
    add("shared experts", sum, shared, 1);
  }
  if (straight) return;
  norm("mlp_post_norm", sum, layer.mlp_post_norm, sum);
  add("experts residual", x, sum, p.residual_scale);
}

void ForwardPass::Writer::layer(const Layer& layer, Rows x) {
  const LayerPlan& p = *layer.plan;
  if (p.is_recurrent) return recurrent(layer, x);
  Rows h = norm("attention_norm", x, layer.attention_norm, pass_.rows_of(pass_.h_, pass_.hidden_));
  Rows h2 = pass_.rows_of(pass_.h2_, pass_.hidden_);
  // Both halves of a parallel layer read x as it was, so the second norm comes before the first
  // half's result is added; one norm is enough where both are the same.
  bool own_norm = layer.mlp_norm.exists && layer.mlp_norm.weight != nullptr;
  Rows mlp_input = h;
  if (p.parallel && own_norm) mlp_input = norm("mlp_norm", x, layer.mlp_norm, h2);
  attention(layer, h, x);
  if (!p.parallel) mlp_input = norm("mlp_norm", x, layer.mlp_norm, h2);
  if (p.has_moe) return experts(layer, mlp_input, x);
  finish("mlp_post_norm", mlp(mlp_input, layer.mlp), *layer.mlp.down, layer.mlp_post_norm,
         p.residual_scale, x);
}

std::vector<PassStep> ForwardPass::steps(std::uint32_t rows, std::uint32_t wanted) const {
  Writer writer(*this, rows);
  Rows x = rows_of(x_, hidden_);
  writer.embed("embedding", state(), *embedding_, false, false, plan_.embedding_scale, x);
  if (positions_ != nullptr) writer.embed("positions", state(), *positions_, true, true, 1, x);
  writer.norm("embedding_norm", x, embedding_norm_, x);
  for (std::size_t i = 0; i < layers_.size(); i++) {
    writer.enter(i);
    writer.layer(layers_[i], x);
  }
  if (wanted == 0) return std::move(writer.steps);

  Writer end(*this, wanted);
  if (wanted != rows) {
    Rows gathered = rows_of(gathered_, hidden_);
    end.gather(x, gathered);
    x = gathered;
  }
  Rows h = end.norm("final_norm", x, final_norm_, rows_of(h_, hidden_));
  bool capped = plan_.logit_softcap != 0;
  Rows logits{capped ? activations_.slice(raw_logits_) : this->logits(), vocab_};
  end.matmul(h, *head_, logits, 0, plan_.logit_scale);
  if (capped)
    end.emit(Kernel::kCombine, "softcap", {logits.slice, {}, {}, this->logits()},
             {static_cast<std::uint32_t>(Combine::kSoftcap), 0, wanted, vocab_, vocab_, 0, 0, 0, 0,
              0, vocab_, 0, f32_bits(plan_.logit_softcap), 0},
             8 * std::uint64_t{wanted} * vocab_);
  writer.steps.insert(writer.steps.end(), end.steps.begin(), end.steps.end());
  return std::move(writer.steps);
}

}  // namespace mlc
