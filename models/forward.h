// How an architecture computes, as data: what runtime-min/engine/ needs beside the params to turn
// tokens into logits. A decoder-only architecture that is made of these parts needs no engine code,
// only a row; runtime-min/engine/forward_pass.cc says exactly what each trait does.
//
// Modules are templates of param names without their last part: "model.layers.{i}.mlp.down_proj".
// A module's bias is used where the folder has one, so no trait tells. Expressions are over the
// config's fields, `config` (the file as it is: fields that mlc_llm does not know) and, in layers,
// `i`. An expression that gives None or False means "none"; "('x' in config and config.x) or 10"
// is Python's way to give a default.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "models/expression.h"

namespace mlc {

// A product of numbers, each to a power: expressions count in integers.
struct Factor {
  Expr value = {};
  double power = 1;
};

struct Factors {
  std::array<Factor, 3> factors;  // ends at the first empty one; none: 1

  // All are written out for the same reason as in Texts.
  constexpr Factors(Factor a = Factor(), Factor b = Factor(), Factor c = Factor())
      : factors{a, b, c} {}
};

enum class NormKind : std::uint8_t { kRms, kLayer };

struct NormTraits {
  NormKind kind = NormKind::kRms;
  Expr eps = {};
  bool plus_one = false;    // the stored weights lack 1
  bool weightless = false;  // OLMo 1: no weights, no biases
};

// What is normed of q and k, before the rotation.
enum class HeadNorm : std::uint8_t {
  kEach,        // each head, by the same weights [head_dim]
  kEachItsOwn,  // each head, by its own [heads, head_dim]
  kWhole,       // all heads together, by [heads * head_dim]
};

struct RopeTraits {
  Expr theta = {};  // empty: no rotation
  // The elements of a head that are rotated: a number, or a part of the head. Both empty: all.
  Expr dims = {};
  Expr part = {};
  bool interleaved = false;  // pairs are neighbours, instead of the two halves
  // An object as transformers has it: rope_type (or type) linear, llama3, yarn, longrope, default.
  Expr scaling = {};
  Expr local_theta = {};  // of layers with a window, which are not scaled; empty: as the others
  Expr when = {};         // layers that rotate; empty: all
  // Queries at position p are also scaled by 1 + query_growth log(1 + floor(p /
  // query_growth_step)).
  Expr query_growth = {};
  Expr query_growth_step = {};
};

struct AttentionTraits {
  Expr heads = {};
  Expr kv_heads = {};
  Expr head_dim = {};
  std::string_view qkv = {};  // all q, all k, all v, in one matrix; or three:
  std::string_view q = {};
  std::string_view k = {};
  std::string_view v = {};
  std::string_view out = {};
  HeadNorm head_norm = HeadNorm::kEach;
  std::string_view q_norm = {};  // where the folder has it
  std::string_view k_norm = {};
  bool norm_after_rope = false;
  Expr clip = {};      // q, k and v are kept within [-clip, clip]
  Factors scale = {};  // of q k; empty: head_dim ** -0.5
  Expr softcap = {};
  Expr window = {};  // tokens that a row sees, itself among them, in this layer; 0 or less: all
  RopeTraits rope = {};
};

struct MlpTraits {
  std::string_view gate_up = {};  // the gate's rows first, unless up_first; or two:
  std::string_view gate = {};     // neither: act(up x)
  std::string_view up = {};
  std::string_view down = {};
  Expr activation = {};  // a name as transformers has it: 'silu', 'gelu_new'
  bool up_first = false;
};

// Experts take the place of `mlp` in the layers where `when` holds.
struct MoeTraits {
  Expr when = {};  // empty: no experts
  Expr top_k = {};
  std::string_view router = {};
  std::string_view gate_up = {};      // [experts, 2 * width, hidden]
  std::string_view down = {};         // [experts, hidden, width]
  bool sigmoid = false;               // the scores; else softmax
  Expr normalize = {};                // the chosen scores sum up to one
  Factors scale = {};                 // of the chosen scores
  MlpTraits shared = {};              // an MLP for every token beside the experts; empty: none
  std::string_view shared_gate = {};  // its result times sigmoid of this; empty: times one
};

// RWKV 5 and 6: both halves of a layer carry a state from token to token and see nothing else of
// the past. Below these modules the names are RWKV's own; forward_recurrent.cc has them all.
struct RecurrentTraits {
  Expr heads = {};  // empty: layers have attention and an MLP
  Expr head_dim = {};
  std::string_view attention = {};  // "time mix" in RWKV's words
  std::string_view feed_forward = {};
  // RWKV 6: how much of the last token goes in, and the decay of the state, depend on the token, by
  // matrices of low rank.
  bool by_token = false;
  Factors head_eps = {};  // of the norm of each head
};

struct ForwardTraits {
  // Where this does not hold, the engine does not run the model. Empty: always.
  Expr supported = {};
  Expr layers = {};

  std::string_view embedding = {};
  std::string_view positions = {};  // an embedding of the positions, added; empty: none
  Factors embedding_scale = {};
  std::string_view embedding_norm = {};  // {i} in it is 0

  // A layer: x += attention(norm(x)), then x += mlp(norm(x)). `parallel`: both read the layer's x.
  // A norm of neither name is none; in a parallel layer without an mlp_norm, both halves read
  // attention_norm(x). The post norms are put on what each half gives.
  NormTraits norm = {};
  std::string_view attention_norm = {};
  std::string_view attention_post_norm = {};
  std::string_view mlp_norm = {};
  std::string_view mlp_post_norm = {};
  Expr parallel = {};
  Factors residual_scale = {};  // of what each half adds

  AttentionTraits attention = {};
  MlpTraits mlp = {};
  MoeTraits moe = {};
  RecurrentTraits recurrent = {};  // takes the place of these three; the layer's norms stay

  std::string_view final_norm = {};
  std::string_view head = {};  // where the folder has none, the embedding is the head
  Factors logit_scale = {};
  Expr logit_softcap = {};

  // What this engine does where an MLC runtime does something else, or can't know; one sentence.
  std::string_view note = {};
};

}  // namespace mlc
