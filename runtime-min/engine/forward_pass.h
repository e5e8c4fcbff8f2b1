// The forward pass as a list of dispatches: weights, caches and buffers on the device, joined by
// what the plan says. Made once per number of rows, recorded and replayed by the engine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/engine/arena.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/engine/forward_plan.h"
#include "runtime-min/engine/weights.h"

namespace mlc {

// A dispatch and what it has to move: fixed bytes, and more for every cached position it sees.
struct PassStep {
  Dispatch dispatch;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_position = 0;
  std::uint32_t window = 0;  // of those; 0: all
};

class ForwardPass {
 public:
  // Asks `weights` for all it needs and lays out its own memory; nothing is allocated. `context` is
  // what is meant where the options leave it open.
  // Error(kBadInput): params that don't fit each other or the config.
  ForwardPass(const DeviceInfo& device, const ForwardPlan& plan, Weights& weights,
              const EngineOptions& options, std::uint32_t context);

  void allocate(Device& device);

  std::uint64_t cache_bytes() const { return caches_.bytes(); }
  std::uint64_t activation_bytes() const { return activations_.bytes() + shared_.bytes(); }
  std::uint32_t hidden() const { return hidden_; }
  std::uint32_t vocab() const { return vocab_; }
  std::uint32_t rows() const { return rows_; }      // of one pass, at most
  std::uint32_t wanted() const { return wanted_; }  // rows with logits, at most
  // Empties what layers carry from token to token in this slot; keys and values need no emptying.
  void forget(Device& device, std::uint32_t slot) const;
  // Tokens that every layer still has behind the last `position` ones: what truncate() may go back.
  std::uint32_t kept(std::uint32_t position) const;
  // Tokens that a slot can hold: what was asked for, but no more than there are learned positions;
  // UINT32_MAX if every layer has a window and nothing was asked for.
  std::uint32_t context() const { return context_; }

  // The pass over `rows` rows, and the logits of `wanted` of them: all, if as many, else those that
  // the gather buffer names.
  std::vector<PassStep> steps(std::uint32_t rows, std::uint32_t wanted) const;

  // What the host writes before and reads after a run.
  Slice state() const { return shared_.slice(state_); }
  Slice gather() const { return shared_.slice(gather_); }
  Slice rope_table(std::size_t rope) const { return shared_.slice(ropes_[rope]); }
  Slice logits() const { return shared_.slice(logits_); }

 private:
  struct Norm {
    bool exists = false;
    const Vector* weight = nullptr;
    const Vector* bias = nullptr;
  };
  struct Mlp {
    const Matrix* gate_up = nullptr;
    const Matrix* gate = nullptr;
    const Matrix* up = nullptr;
    const Matrix* down = nullptr;
    Activation activation = Activation::kSilu;
    std::uint32_t width = 0;
    bool gated = false;
    bool up_first = false;
  };
  struct CachePart {
    std::uint32_t begin = 0;  // of the key and value heads
    std::uint32_t heads = 0;
    std::size_t k = 0;
    std::size_t v = 0;
  };
  // How a token and the last one are mixed into the input of a matrix: x + (last - x) mix. Where
  // the mix depends on the token, it is what `by_token` makes, which has a bias.
  struct Mixed {
    const Vector* mix = nullptr;
    const Matrix* by_token = nullptr;
    const Matrix* matrix = nullptr;
  };
  struct Recurrent {
    const Vector* mix = nullptr;       // into what the mixes of the token are made from
    const Matrix* mix_down = nullptr;  // [5 ranks, hidden]
    const Matrix* decay_down = nullptr;
    const Matrix* decay_up = nullptr;
    const Vector* decay = nullptr;  // where it does not depend on the token
    const Vector* bonus = nullptr;  // of the token itself
    Mixed to_decay = {}, key = {}, value = {}, receptance = {}, gate = {};
    Norm head_norm = {};
    const Matrix* out = nullptr;
    Mixed forward_key = {}, forward_receptance = {};
    const Matrix* forward_out = nullptr;
    // In the arena of caches: the last tokens of both halves, and the state of the heads.
    std::size_t last = 0, forward_last = 0, heads = 0;
  };
  struct Layer {
    const LayerPlan* plan = nullptr;
    Norm attention_norm = {}, attention_post_norm = {}, mlp_norm = {}, mlp_post_norm = {};
    Norm q_norm = {}, k_norm = {};
    const Matrix* qkv = nullptr;
    const Matrix* q = nullptr;
    const Matrix* k = nullptr;
    const Matrix* v = nullptr;
    const Matrix* out = nullptr;
    Mlp mlp = {};
    const Matrix* router = nullptr;
    const Matrix* moe_gate_up = nullptr;
    const Matrix* moe_down = nullptr;
    Mlp shared = {};
    const Matrix* shared_gate = nullptr;
    std::uint32_t window = 0;
    std::uint32_t sink = 0;
    std::uint32_t capacity = 0;
    std::vector<CachePart> cache = {};
    Recurrent recurrent = {};
  };
  // A buffer of activations: rows of `width` elements.
  struct Rows {
    Slice slice = {};
    std::uint32_t width = 0;
  };
  class Writer;  // forward_pass.cc

  Norm find_norm(Weights& weights, const NormPlan& plan, std::uint32_t width);
  Norm find_head_norm(Weights& weights, const std::string& module, std::uint64_t size);
  const Matrix* find_matrix(Weights& weights, const std::string& module, std::uint32_t k,
                            std::uint32_t n);
  Mlp find_mlp(Weights& weights, const MlpPlan& plan);
  Layer find_layer(Weights& weights, const LayerPlan& plan);
  Recurrent find_recurrent(Weights& weights, const LayerPlan& layer);
  void lay_out_recurrent(const EngineOptions& options);
  void find_experts(Weights& weights, Layer& layer);
  void lay_out(const EngineOptions& options);
  void lay_out_cache(Layer& layer, std::size_t index, const EngineOptions& options);
  Rows rows_of(std::size_t place, std::uint32_t width) const {
    return {activations_.slice(place), width};
  }

  const DeviceInfo device_;
  const ForwardPlan& plan_;
  KvFormat kv_format_;
  std::uint32_t hidden_ = 0;
  std::uint32_t vocab_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t wanted_ = 0;
  std::uint32_t context_ = 0;
  const Matrix* embedding_ = nullptr;
  const Matrix* positions_ = nullptr;
  const Matrix* head_ = nullptr;
  Norm embedding_norm_, final_norm_;
  std::vector<Layer> layers_;

  // Widths of the widest layer, and the places of the buffers in the arenas.
  struct Widths {
    std::uint32_t qkv = 0, attention = 0, mid = 0, act = 0, router = 0, top_k = 0, moe_mid = 0,
                  moe_act = 0;
    bool shared = false;
    float clip = 0;
    std::uint32_t low_rank = 0;
    bool recurrent = false;
  } widths_;
  Arena activations_, caches_, shared_;
  std::size_t x_ = 0, h_ = 0, h2_ = 0, half_ = 0, qkv_ = 0, attention_ = 0, mid_ = 0, act_ = 0,
              router_ = 0, indices_ = 0, chosen_ = 0, moe_mid_ = 0, moe_act_ = 0, moe_out_ = 0,
              shared_out_ = 0, gate_ = 0, gathered_ = 0, raw_logits_ = 0, clip_ = 0;
  // Of recurrent layers.
  struct RecurrentPlaces {
    std::size_t last = 0, mixed = 0, mix = 0, low_rank = 0, decay = 0, key = 0, value = 0,
                receptance = 0, gate = 0, out = 0;
  } recurrent_;
  std::size_t state_ = 0, gather_ = 0, logits_ = 0;
  std::vector<std::size_t> ropes_;
};

}  // namespace mlc
