// Layers that carry a state from token to token: RWKV 5 and 6 (Peng et al. 2024, "Eagle and Finch",
// arxiv.org/abs/2404.05892, and the models' published code). With x' the token before x, and
// mix(m) = x + (x' - x) m:
//
//   r, k, v, g = matrices of mix(..);  y = wkv(r, k, v, w, u);  x += out (headnorm(y) silu(g))
//   x += forward_out(relu(forward_key mix(..))^2) sigmoid(forward_receptance mix(..))
//
// RWKV 5: m are vectors (stored as 1 - m), w is one for each place of the state. RWKV 6: m and w
// depend on the token, by matrices of low rank with tanh in between.
//
// With rescale_every, RWKV halves its activations every so many layers so that float16 does not
// overflow, and folders have the matrices that write to them divided to match. Here activations are
// float32: the matrices' results are multiplied back instead (residual_scale).
#include <algorithm>

#include "base/error.h"
#include "runtime-min/engine/forward_writer.h"

namespace mlc {
namespace {

// The order of the five mixes in the matrices that make them.
enum MixIndex : std::uint32_t { kDecay = 0, kKey = 1, kValue = 2, kReceptance = 3, kGate = 4 };

}  // namespace

ForwardPass::Recurrent ForwardPass::find_recurrent(Weights& weights, const LayerPlan& layer) {
  const RecurrentPlan& p = layer.recurrent;
  if (std::uint64_t{p.heads} * p.head_dim != hidden_)
    bad_input("{} heads of {} don't make {}", p.heads, p.head_dim, hidden_);
  const std::string a = p.attention + ".";
  const std::string f = p.feed_forward + ".";
  auto vector = [&](const std::string& name) {
    const Vector& found = weights.vector(name);
    if (found.size != hidden_)
      bad_input("the param {} has {} elements, expected {}", name, found.size, hidden_);
    return &found;
  };
  Recurrent r;
  auto mixed = [&](const char* five, const char* six, const char* module, std::uint32_t index) {
    Mixed result{.mix = vector(a + (p.by_token ? six : five))};
    if (p.by_token) result.by_token = &weights.turned(a + "time_maa_w2", index, result.mix);
    if (module != nullptr) result.matrix = find_matrix(weights, a + module, hidden_, hidden_);
    return result;
  };
  r.key = mixed("time_mix_key", "time_maa_k", "key", kKey);
  r.value = mixed("time_mix_value", "time_maa_v", "value", kValue);
  r.receptance = mixed("time_mix_receptance", "time_maa_r", "receptance", kReceptance);
  r.gate = mixed("time_mix_gate", "time_maa_g", "gate", kGate);
  r.decay = vector(a + "time_decay");
  r.bonus = vector(a + "time_faaaa");
  if (p.by_token) {
    r.mix = vector(a + "time_maa_x");
    r.mix_down = &weights.turned(a + "time_maa_w1");
    r.to_decay = mixed("", "time_maa_w", nullptr, kDecay);
    r.decay_down = &weights.turned(a + "time_decay_w1");
    r.decay_up = &weights.turned(a + "time_decay_w2", 0, r.decay);
    const Matrix& up = *r.to_decay.by_token;
    if (r.mix_down->k != hidden_ || r.mix_down->n != 5 * up.k || up.n != hidden_ ||
        r.decay_down->k != hidden_ || r.decay_up->k != r.decay_down->n || r.decay_up->n != hidden_)
      bad_input("the matrices of low rank of {} don't fit each other", p.attention);
    widths_.low_rank = std::max({widths_.low_rank, r.mix_down->n, r.decay_down->n});
  }
  r.head_norm = find_norm(weights, {.module = a + "ln_x", .exists = true}, hidden_);
  r.out = find_matrix(weights, a + "output", hidden_, hidden_);
  r.forward_key = {.mix = vector(f + (p.by_token ? "time_maa_k" : "time_mix_key")),
                   .matrix = find_matrix(weights, f + "key", hidden_, 0)};
  r.forward_receptance = {.mix = vector(f + (p.by_token ? "time_maa_r" : "time_mix_receptance")),
                          .matrix = find_matrix(weights, f + "receptance", hidden_, hidden_)};
  r.forward_out = find_matrix(weights, f + "value", r.forward_key.matrix->n, hidden_);
  widths_.mid = std::max(widths_.mid, r.forward_key.matrix->n);
  widths_.recurrent = true;
  return r;
}

void ForwardPass::lay_out_recurrent(const EngineOptions& options) {
  auto make = [&](std::uint32_t width) {
    return activations_.add(device_, std::uint64_t{rows_} * width * sizeof(float),
                            "a buffer of activations");
  };
  RecurrentPlaces& p = recurrent_;
  for (std::size_t* place :
       {&p.last, &p.mixed, &p.mix, &p.decay, &p.key, &p.value, &p.receptance, &p.gate, &p.out})
    *place = make(hidden_);
  p.low_rank = make(std::max(1U, widths_.low_rank));
  for (Layer& layer : layers_) {
    std::uint64_t slots = options.slots;
    std::uint64_t token = slots * hidden_ * sizeof(float);
    layer.recurrent.last = caches_.add(device_, token, "the last tokens");
    layer.recurrent.forward_last = caches_.add(device_, token, "the last tokens");
    layer.recurrent.heads =
        caches_.add(device_, token * layer.plan->recurrent.head_dim, "the states of a layer");
  }
}

void ForwardPass::forget(Device& device, std::uint32_t slot) const {
  std::vector<float> nothing;
  auto clear = [&](std::size_t place, std::uint64_t count) {
    if (nothing.size() < count) nothing.resize(count);
    Slice slice = caches_.slice(place);
    device.write(*slice.buffer, slice.offset + slot * count * sizeof(float),
                 std::as_bytes(std::span<const float>(nothing).first(count)));
  };
  for (const Layer& layer : layers_) {
    if (!layer.plan->is_recurrent) continue;
    clear(layer.recurrent.last, hidden_);
    clear(layer.recurrent.forward_last, hidden_);
    clear(layer.recurrent.heads, std::uint64_t{hidden_} * layer.plan->recurrent.head_dim);
  }
}

// The token before each of h, and the last of them kept for the next pass.
ForwardPass::Rows ForwardPass::Writer::shift(std::size_t last, Rows h) {
  Rows y = pass_.rows_of(pass_.recurrent_.last, pass_.hidden_);
  emit(Kernel::kTokenShift, "token_shift",
       {pass_.state(), h.slice, pass_.caches_.slice(last), y.slice},
       {h.width, rows_, h.width, y.width}, 8 * std::uint64_t{rows_} * h.width);
  return y;
}

// y = h + (last - h) m, m a vector.
void ForwardPass::Writer::mix(Rows h, Rows last, const Vector& m, Rows y) {
  emit(Kernel::kCombine, "mix", {h.slice, last.slice, m.slice, y.slice},
       {id(Combine::kLerp), 0, rows_, h.width, h.width, 0, last.width, 0, 0, 0, y.width, 0, 0, 0},
       12 * std::uint64_t{rows_} * h.width);
}

// RWKV 5: its vectors say how much of the token itself goes in. RWKV 6: `last` is the difference
// to the last token, and the mix is made here.
ForwardPass::Rows ForwardPass::Writer::mixed(const Mixed& m, std::uint32_t index, Rows h,
                                             Rows last) {
  const RecurrentPlaces& places = pass_.recurrent_;
  Rows y = pass_.rows_of(places.mixed, pass_.hidden_);
  if (m.by_token == nullptr) {
    mix(last, h, *m.mix, y);
    return y;
  }
  Rows low{pass_.activations_.slice(places.low_rank), 5 * m.by_token->k};
  Rows by_token = pass_.rows_of(places.mix, pass_.hidden_);
  matmul(low, *m.by_token, by_token, 0, 1, false, index * m.by_token->k);
  emit(Kernel::kCombine, "mix", {h.slice, last.slice, by_token.slice, y.slice},
       {id(Combine::kAddScaled), 0, rows_, h.width, h.width, 0, last.width, 0, by_token.width, 0,
        y.width, 0, 0, 0},
       16 * std::uint64_t{rows_} * h.width);
  return y;
}

void ForwardPass::Writer::recurrent_attention(const Layer& layer, Rows h, Rows x) {
  const RecurrentPlan& p = layer.plan->recurrent;
  const Recurrent& r = layer.recurrent;
  const RecurrentPlaces& places = pass_.recurrent_;
  auto rows = [&](std::size_t place) { return pass_.rows_of(place, pass_.hidden_); };
  Rows last = shift(r.last, h);
  Rows decay{r.decay->slice, 0};
  if (p.by_token) {
    Rows y = rows(places.mixed);
    Rows low{pass_.activations_.slice(places.low_rank), r.mix_down->n};
    mix(h, last, *r.mix, y);
    matmul(y, *r.mix_down, low);
    activate("tanh", Activation::kTanh, false, rows_, low.width, low.slice, low.slice);
    add("token difference", last, h, -1);
    decay = rows(places.decay);
  }
  auto project = [&](const Mixed& m, std::uint32_t index, std::size_t place) {
    Rows y = rows(place);
    matmul(mixed(m, index, h, last), *m.matrix, y);
    return y;
  };
  Rows k = project(r.key, kKey, places.key);
  Rows v = project(r.value, kValue, places.value);
  Rows receptance = project(r.receptance, kReceptance, places.receptance);
  Rows gate = project(r.gate, kGate, places.gate);
  if (p.by_token) {
    // The mixes have all been made by now, so their buffer is free.
    Rows y = mixed(r.to_decay, kDecay, h, last);
    Rows low{pass_.activations_.slice(places.low_rank), r.decay_down->n};
    matmul(y, *r.decay_down, low);
    activate("tanh", Activation::kTanh, false, rows_, low.width, low.slice, low.slice);
    matmul(low, *r.decay_up, decay);
    activate("decay", Activation::kExpNegExp, false, rows_, decay.width, decay.slice, decay.slice);
  }
  Rows y = rows(places.out);
  Slice state = pass_.caches_.slice(r.heads);
  emit(p.by_token ? Kernel::kWkv6 : Kernel::kWkv5, "wkv",
       {pass_.state(), receptance.slice, k.slice, v.slice, decay.slice, r.bonus->slice, state,
        y.slice},
       {p.head_dim, p.heads, rows_, y.width},
       8 * std::uint64_t{rows_} * y.width * (2 + p.head_dim));
  norm("ln_x", y, r.head_norm, p.head_dim, p.heads, 0, true, p.head_eps, y);
  activate("gate", Activation::kSilu, false, rows_, gate.width, gate.slice, gate.slice);
  combine("gated", Combine::kMul, y, gate.slice, gate.width, 1, 0, false);
  matmul(y, *r.out, x, 0, layer.plan->residual_scale, true);
}

void ForwardPass::Writer::recurrent_forward(const Layer& layer, Rows h, Rows x) {
  const Recurrent& r = layer.recurrent;
  const RecurrentPlaces& places = pass_.recurrent_;
  Rows last = shift(r.forward_last, h);
  Rows y = pass_.rows_of(places.mixed, pass_.hidden_);
  // RWKV 6 has what goes in of the last token, RWKV 5 what goes in of the token itself.
  bool of_last = layer.plan->recurrent.by_token;
  auto mix_in = [&](const Mixed& m) { mix(of_last ? h : last, of_last ? last : h, *m.mix, y); };
  Rows mid{pass_.activations_.slice(pass_.mid_), r.forward_key.matrix->n};
  mix_in(r.forward_key);
  matmul(y, *r.forward_key.matrix, mid);
  activate("activation", Activation::kRelu2, false, rows_, mid.width, mid.slice, mid.slice);
  Rows receptance = pass_.rows_of(places.receptance, pass_.hidden_);
  mix_in(r.forward_receptance);
  matmul(y, *r.forward_receptance.matrix, receptance);
  Rows half = pass_.rows_of(pass_.half_, pass_.hidden_);
  matmul(mid, *r.forward_out, half);
  combine("receptance", Combine::kMulSigmoid, half, receptance.slice, receptance.width, 1, 0,
          false);
  add("residual", x, half, layer.plan->residual_scale);
}

void ForwardPass::Writer::recurrent(const Layer& layer, Rows x) {
  Rows h = pass_.rows_of(pass_.h_, pass_.hidden_);
  recurrent_attention(layer, norm("ln1", x, layer.attention_norm, h), x);
  recurrent_forward(layer, norm("ln2", x, layer.mlp_norm, h), x);
}

}  // namespace mlc
