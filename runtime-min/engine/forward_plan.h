// The traits of an architecture (models/forward.h) with the numbers of one config in them: what
// each layer computes, without expressions and templates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/model_config.h"
#include "runtime-min/kernels/kernels.h"

namespace mlc {

// Rotations: row r, pair i turns by position * frequency[i], and is scaled by `scale`.
struct RopePlan {
  std::uint32_t dims = 0;  // of a head that are rotated; even
  bool interleaved = false;
  std::vector<double> frequencies = {};  // dims / 2
  double scale = 1;
  // longrope: a sequence that has become longer than `long_after` tokens turns by these instead.
  std::vector<double> long_frequencies = {};
  std::uint32_t long_after = 0;
  // Llama 4's growth of the scores with the length: rows at position p are scaled by 1 + growth
  // log(1 + floor(p / growth_step)) besides. Only queries are turned by such a plan.
  double growth = 0;
  double growth_step = 1;

  friend bool operator==(const RopePlan& a, const RopePlan& b) = default;
};

// The table of the rope kernel for rows at these positions, each of a sequence that will hold
// `lengths[r]` tokens: [rows, dims], cosines before sines.
void fill_rope_table(const RopePlan& rope, std::span<const std::uint32_t> positions,
                     std::span<const std::uint32_t> lengths, std::span<float> table);

struct NormPlan {
  std::string module = {};  // empty: no norm
  bool exists = false;
};

struct MlpPlan {
  std::string gate_up = {}, gate = {}, up = {}, down = {};
  Activation activation = Activation::kSilu;
  bool up_first = false;  // in gate_up
  bool exists() const { return !down.empty(); }
  bool gated() const { return !gate_up.empty() || !gate.empty(); }
};

struct MoePlan {
  std::string router = {}, gate_up = {}, down = {};
  std::uint32_t top_k = 0;
  std::uint32_t mode = 0;  // of the kernel top_experts
  float scale = 1;
  MlpPlan shared = {};
  std::string shared_gate = {};
};

struct RecurrentPlan {
  std::string attention = {}, feed_forward = {};
  std::uint32_t heads = 0, head_dim = 0;
  bool by_token = false;
  float head_eps = 0;
};

struct LayerPlan {
  NormPlan attention_norm = {}, attention_post_norm = {}, mlp_norm = {}, mlp_post_norm = {};
  bool parallel = false;
  float residual_scale = 1;

  std::uint32_t heads = 0, kv_heads = 0, head_dim = 0;
  std::string qkv = {}, q = {}, k = {}, v = {}, out = {}, q_norm = {}, k_norm = {};
  float attention_scale = 1;
  float softcap = 0;
  float clip = 0;            // 0: none
  std::uint32_t window = 0;  // 0: all
  int rope = -1;             // index into ForwardPlan::ropes; -1: none
  int query_rope = -1;       // that of the queries, mostly the same

  bool has_moe = false;
  MoePlan moe = {};
  MlpPlan mlp = {};

  bool is_recurrent = false;  // then all between the residual's scale and here is not used
  RecurrentPlan recurrent = {};
};

struct ForwardPlan {
  const ForwardTraits* traits = nullptr;
  std::string embedding = {}, positions = {}, head = {};
  NormPlan embedding_norm = {}, final_norm = {};
  float embedding_scale = 1;
  float eps = 0;
  float logit_scale = 1;
  float logit_softcap = 0;
  std::vector<RopePlan> ropes = {};
  std::vector<LayerPlan> layers = {};
  std::vector<std::string> notes = {};
};

// Error(kUnsupported): the architecture has no traits (with those that have), a rope scaling or an
// activation that the engine does not know. Error(kBadInput): numbers that can't be.
ForwardPlan plan_forward(const ModelConfig& config);

// By the names of transformers.
Activation activation_named(std::string_view name, std::string_view where);

}  // namespace mlc
