// ForwardPass: which params a layer is made of, whether they fit each other, and the memory that a
// pass needs beside them.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "runtime-min/engine/forward_pass.h"

namespace mlc {
namespace {

// Of logits: more wanted rows than fit are run in several passes.
constexpr std::uint64_t kLogitBytes = std::uint64_t{64} << 20;

// Of a row: its elements are counted in 32 bits.
constexpr std::uint64_t kMaxWidth = std::uint64_t{1} << 30;

}  // namespace

ForwardPass::ForwardPass(const DeviceInfo& device, const ForwardPlan& plan, Weights& weights,
                         const EngineOptions& options, std::uint32_t context)
    : device_(device), plan_(plan), kv_format_(options.kv_format) {
  embedding_ = &weights.matrix(plan.embedding);
  hidden_ = embedding_->k;
  if (!plan.positions.empty()) positions_ = find_matrix(weights, plan.positions, hidden_, 0);
  for (const LayerPlan& layer : plan.layers)
    layers_.push_back(find_layer(weights, layer));
  embedding_norm_ = find_norm(weights, plan.embedding_norm, hidden_);
  if (!plan.final_norm.module.empty() && weights.has(plan.final_norm.module + ".weight"))
    final_norm_ = find_norm(weights, plan.final_norm, hidden_);
  else
    final_norm_.exists = plan.traits->norm.weightless;
  bool has_head = !plan.head.empty() &&
                  (weights.has(plan.head + ".weight") || weights.has(plan.head + ".q_weight"));
  head_ = has_head ? find_matrix(weights, plan.head, hidden_, 0) : embedding_;
  vocab_ = head_->n;
  bool endless = options.context == 0 && std::all_of(layers_.begin(), layers_.end(), [&](auto& l) {
                   return l.plan->is_recurrent || l.plan->window != 0 || options.window != 0;
                 });
  context_ = options.context != 0 ? options.context : context;
  if (endless) context_ = std::numeric_limits<std::uint32_t>::max();
  if (positions_ != nullptr) context_ = std::min(context_, positions_->n);
  lay_out(options);
}

ForwardPass::Norm ForwardPass::find_norm(Weights& weights, const NormPlan& plan,
                                         std::uint32_t width) {
  Norm norm{.exists = plan.exists};
  if (plan.module.empty()) return norm;
  norm.weight = &weights.vector(plan.module + ".weight", plan_.traits->norm.plus_one);
  if (weights.has(plan.module + ".bias")) norm.bias = &weights.vector(plan.module + ".bias");
  for (const Vector* vector : {norm.weight, norm.bias})
    if (vector != nullptr && vector->size != width)
      bad_input("the param {} has {} elements, expected {}", vector->name, vector->size, width);
  return norm;
}

ForwardPass::Norm ForwardPass::find_head_norm(Weights& weights, const std::string& module,
                                              std::uint64_t size) {
  if (module.empty() || !weights.has(module + ".weight")) return {};
  return find_norm(weights, {.module = module, .exists = true}, static_cast<std::uint32_t>(size));
}

// n = 0: any number of rows.
const Matrix* ForwardPass::find_matrix(Weights& weights, const std::string& module, std::uint32_t k,
                                       std::uint32_t n) {
  const Matrix& matrix = weights.matrix(module);
  if (matrix.k != k || (n != 0 && matrix.n != n))
    bad_input("the param {}.weight is [{}, {}], expected [{}, {}]", module, matrix.n, matrix.k,
              n == 0 ? "any" : std::to_string(n), k);
  return &matrix;
}

ForwardPass::Mlp ForwardPass::find_mlp(Weights& weights, const MlpPlan& plan) {
  Mlp mlp{.activation = plan.activation, .gated = plan.gated(), .up_first = plan.up_first};
  if (!plan.gate_up.empty()) {
    mlp.gate_up = find_matrix(weights, plan.gate_up, hidden_, 0);
    if (mlp.gate_up->n % 2 != 0)
      bad_input("the param {}.weight has {} rows, expected an even number", plan.gate_up,
                mlp.gate_up->n);
    mlp.width = mlp.gate_up->n / 2;
  } else {
    mlp.up = find_matrix(weights, plan.up, hidden_, 0);
    mlp.width = mlp.up->n;
    if (mlp.gated) mlp.gate = find_matrix(weights, plan.gate, hidden_, mlp.width);
  }
  mlp.down = find_matrix(weights, plan.down, mlp.width, hidden_);
  widths_.mid = std::max(widths_.mid, mlp.gated ? 2 * mlp.width : mlp.width);
  widths_.act = std::max(widths_.act, mlp.width);
  return mlp;
}

ForwardPass::Layer ForwardPass::find_layer(Weights& weights, const LayerPlan& p) {
  Layer layer{.plan = &p};
  layer.attention_norm = find_norm(weights, p.attention_norm, hidden_);
  layer.attention_post_norm = find_norm(weights, p.attention_post_norm, hidden_);
  layer.mlp_norm = find_norm(weights, p.mlp_norm, hidden_);
  layer.mlp_post_norm = find_norm(weights, p.mlp_post_norm, hidden_);
  if (p.is_recurrent) {
    layer.recurrent = find_recurrent(weights, p);
    return layer;
  }
  std::uint32_t q = p.heads * p.head_dim;
  std::uint32_t kv = p.kv_heads * p.head_dim;
  if (!p.qkv.empty()) {
    layer.qkv = find_matrix(weights, p.qkv, hidden_, q + 2 * kv);
  } else {
    layer.q = find_matrix(weights, p.q, hidden_, q);
    layer.k = find_matrix(weights, p.k, hidden_, kv);
    layer.v = find_matrix(weights, p.v, hidden_, kv);
  }
  layer.out = find_matrix(weights, p.out, q, hidden_);
  HeadNorm kind = plan_.traits->attention.head_norm;
  auto norm_size = [&](std::uint32_t all) -> std::uint64_t {
    return kind == HeadNorm::kEach ? p.head_dim : all;
  };
  layer.q_norm = find_head_norm(weights, p.q_norm, norm_size(q));
  layer.k_norm = find_head_norm(weights, p.k_norm, norm_size(kv));
  widths_.qkv = std::max(widths_.qkv, q + 2 * kv);
  widths_.attention = std::max(widths_.attention, q);
  widths_.clip = std::max(widths_.clip, p.clip);
  if (p.has_moe)
    find_experts(weights, layer);
  else
    layer.mlp = find_mlp(weights, p.mlp);
  return layer;
}

void ForwardPass::find_experts(Weights& weights, Layer& layer) {
  const MoePlan& p = layer.plan->moe;
  layer.router = find_matrix(weights, p.router, hidden_, 0);
  layer.moe_gate_up = &weights.experts(p.gate_up);
  layer.moe_down = &weights.experts(p.down);
  std::uint32_t experts = layer.router->n;
  std::uint32_t width = layer.moe_gate_up->n / 2;
  if (layer.moe_gate_up->experts != experts || layer.moe_gate_up->k != hidden_ ||
      layer.moe_gate_up->n != 2 * width || layer.moe_down->experts != experts ||
      layer.moe_down->k != width || layer.moe_down->n != hidden_)
    bad_input("the experts of {} and {} don't fit the {} outputs of {}", p.gate_up, p.down, experts,
              p.router);
  if (p.top_k > experts || std::uint64_t{p.top_k} * std::max(2 * width, hidden_) > kMaxWidth)
    bad_input("{} experts are to be chosen of the {} of {}", p.top_k, experts, p.router);
  widths_.router = std::max(widths_.router, experts);
  widths_.top_k = std::max(widths_.top_k, p.top_k);
  widths_.moe_mid = std::max(widths_.moe_mid, p.top_k * 2 * width);
  widths_.moe_act = std::max(widths_.moe_act, p.top_k * width);
  if (!p.shared.exists()) return;
  widths_.shared = true;
  layer.shared = find_mlp(weights, p.shared);
  if (!p.shared_gate.empty()) layer.shared_gate = find_matrix(weights, p.shared_gate, hidden_, 1);
}

void ForwardPass::lay_out(const EngineOptions& options) {
  const Widths& w = widths_;
  std::uint32_t rope = 0;
  for (const RopePlan& plan : plan_.ropes)
    rope = std::max(rope, plan.dims);
  // No buffer may be larger than what a kernel sees.
  std::uint64_t widest =
      std::max({hidden_, w.qkv, w.attention, w.mid, w.moe_mid, w.top_k * hidden_, rope, w.router});
  std::uint64_t limit = std::min(device_.max_binding_bytes, device_.max_buffer_bytes);
  // A GPU is filled by many rows; a CPU needs but enough to read weights seldom.
  std::uint32_t rows_asked = options.prefill_rows;
  if (rows_asked == 0) rows_asked = device_.is_cpu ? 64 : 512;
  std::uint64_t fit = std::max<std::uint64_t>(1, limit / (widest * sizeof(float)));
  rows_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(rows_asked, fit));
  std::uint64_t logits = std::min(limit, kLogitBytes) / (std::uint64_t{vocab_} * sizeof(float));
  wanted_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(logits, 1, rows_));

  for (std::size_t i = 0; i < layers_.size(); i++)
    if (!layers_[i].plan->is_recurrent) lay_out_cache(layers_[i], i, options);

  auto make = [&](std::uint64_t width, std::uint64_t rows) {
    return activations_.add(device_, std::max<std::uint64_t>(1, width) * rows * sizeof(float),
                            "a buffer of activations");
  };
  x_ = make(hidden_, rows_);
  h_ = make(hidden_, rows_);
  h2_ = make(hidden_, rows_);
  half_ = make(hidden_, rows_);
  qkv_ = make(w.qkv, rows_);
  attention_ = make(w.attention, rows_);
  mid_ = make(w.mid, rows_);
  act_ = make(w.act, rows_);
  router_ = make(w.router, rows_);
  indices_ = make(w.top_k, rows_);
  chosen_ = make(w.top_k, rows_);
  moe_mid_ = make(w.moe_mid, rows_);
  moe_act_ = make(w.moe_act, rows_);
  moe_out_ = make(w.top_k * hidden_, rows_);
  shared_out_ = make(w.shared ? hidden_ : 1, rows_);
  gate_ = make(1, rows_);
  gathered_ = make(hidden_, wanted_);
  raw_logits_ = make(plan_.logit_softcap == 0 ? 1 : vocab_, wanted_);
  clip_ = make(w.clip == 0 ? 1 : w.qkv, 1);
  if (w.recurrent) lay_out_recurrent(options);
  auto share = [&](std::uint64_t bytes) {
    return shared_.add(device_, bytes, "a buffer that the host shares");
  };
  state_ = share(rows_ * sizeof(RowState));
  gather_ = share(wanted_ * sizeof(RowState));
  for (const RopePlan& plan : plan_.ropes)
    ropes_.push_back(share(std::uint64_t{rows_} * plan.dims * sizeof(float)));
  logits_ = share(std::uint64_t{wanted_} * vocab_ * sizeof(float));
}

// A ring of `window` tokens has to hold as many more as a pass has rows beyond the first: all rows'
// keys are stored before the first row looks for those that it sees.
void ForwardPass::lay_out_cache(Layer& layer, std::size_t index, const EngineOptions& options) {
  const LayerPlan& p = *layer.plan;
  layer.window = p.window != 0 ? p.window : options.window;
  layer.sink = layer.window != 0 ? options.sinks : 0;
  std::uint64_t capacity = context_;
  if (layer.window != 0) {
    std::uint64_t ring = std::uint64_t{layer.sink} + layer.window + rows_ - 1;
    capacity = std::min(capacity, ring);
  }
  layer.capacity = static_cast<std::uint32_t>(capacity);
  std::uint64_t element = kv_format_ == KvFormat::kF16 ? 2 : 4;
  std::uint64_t head =
      checked_bytes({options.slots, capacity, p.head_dim, element}, "a cache of keys");
  std::uint64_t limit = std::min(device_.max_binding_bytes, device_.max_buffer_bytes);
  if (head > limit)
    fail(ExitCode::kUnsupported,
         "{}: the keys of one head of layer {} need {} bytes for {} slots of {} tokens, and a "
         "kernel "
         "sees {}; ask for a shorter context or fewer slots",
         printable(device_.name), index, head, options.slots, capacity, limit);
  auto step = static_cast<std::uint32_t>(std::min<std::uint64_t>(p.kv_heads, limit / head));
  for (std::uint32_t begin = 0; begin < p.kv_heads; begin += step) {
    CachePart part{.begin = begin, .heads = std::min(step, p.kv_heads - begin)};
    part.k = caches_.add(device_, part.heads * head, "a cache of keys");
    part.v = caches_.add(device_, part.heads * head, "a cache of values");
    layer.cache.push_back(part);
  }
}

std::uint32_t ForwardPass::kept(std::uint32_t position) const {
  std::uint32_t kept = position;
  for (const Layer& layer : layers_) {
    if (layer.plan->is_recurrent) return 0;
    if (layer.window == 0 || position <= layer.capacity) continue;
    kept = std::min(kept, layer.capacity - layer.sink - layer.window);
  }
  return kept;
}

void ForwardPass::allocate(Device& device) {
  activations_.allocate(device, BufferUse::kDevice);
  caches_.allocate(device, BufferUse::kDevice);
  shared_.allocate(device, BufferUse::kShared);
  if (widths_.clip == 0) return;
  std::vector<float> clip(widths_.qkv, widths_.clip);
  Slice slice = activations_.slice(clip_);
  device.write(*slice.buffer, slice.offset, std::as_bytes(std::span<const float>(clip)));
}

}  // namespace mlc
