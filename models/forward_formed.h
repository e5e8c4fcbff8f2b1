// The checks that a row of traits passes before it compiles; part of well_formed().
#pragma once

#include <initializer_list>
#include <string_view>

#include "models/architecture.h"
#include "models/forward.h"

namespace mlc {

// Whether some row makes the param `module` + `end`.
constexpr bool module_exists(std::span<const Block> blocks, std::string_view module,
                             std::string_view end) {
  for (const Block& block : blocks) {
    for (const Param& param : block.params)
      if (param.name.size() == module.size() + end.size() && param.name.starts_with(module) &&
          param.name.ends_with(end))
        return true;
    if (module_exists(block.blocks, module, end)) return true;
  }
  return false;
}

template <class NamesKnown>
constexpr bool factors_known(const Factors& factors, NamesKnown known) {
  for (const Factor& factor : factors.factors)
    if (!known(factor.value)) return false;
  return true;
}

// Layers of attention and an MLP or experts.
constexpr std::string_view layer_problem(const ForwardTraits& f) {
  const AttentionTraits& a = f.attention;
  const MoeTraits& moe = f.moe;
  bool has_moe = !moe.when.empty();
  if (a.heads.empty() || a.kv_heads.empty() || a.head_dim.empty())
    return "attention needs heads, kv_heads and head_dim";
  if (a.out.empty() || a.qkv.empty() == a.q.empty() || a.q.empty() != a.k.empty() ||
      a.q.empty() != a.v.empty())
    return "attention needs out, and qkv or all of q, k, v";
  if (a.q_norm.empty() != a.k_norm.empty()) return "q and k are both normed, or neither";
  if (a.rope.theta.empty() == f.positions.empty())
    return "positions come from a rotation or from an embedding";
  if (a.rope.query_growth.empty() != a.rope.query_growth_step.empty())
    return "the growth of queries needs a step";
  if (!a.rope.dims.empty() && !a.rope.part.empty()) return "rope has dims or a part, not both";
  for (const MlpTraits& m : {f.mlp, moe.shared}) {
    if (m.down.empty() && m.up.empty() && m.gate.empty() && m.gate_up.empty()) continue;
    if (m.down.empty() || m.activation.empty() || m.gate_up.empty() == m.up.empty() ||
        (!m.gate.empty() && m.up.empty()))
      return "an mlp needs down, an activation, and gate_up or up";
  }
  if (f.mlp.down.empty() && !has_moe) return "a layer needs an mlp or experts";
  if (has_moe &&
      (moe.router.empty() || moe.gate_up.empty() || moe.down.empty() || moe.top_k.empty()))
    return "experts need router, gate_up, down and top_k";
  if (has_moe && f.mlp.activation.empty()) return "experts take their activation from mlp";
  return {};
}

// `known_outside` and `known_in_layers`: whether all names of an expression are in scope.
template <class Outside, class InLayers>
constexpr std::string_view forward_problem(const Architecture& architecture, Outside known_outside,
                                           InLayers known_in_layers) {
  const ForwardTraits& f = *architecture.forward;
  const AttentionTraits& a = f.attention;
  const MoeTraits& moe = f.moe;
  bool has_attention = f.recurrent.heads.empty();
  if (f.layers.empty() || f.embedding.empty() || f.norm.eps.empty())
    return "a forward pass needs layers, embedding and eps";
  if (!has_attention && (f.recurrent.head_dim.empty() || f.recurrent.attention.empty() ||
                         f.recurrent.feed_forward.empty() || f.attention_norm.empty() ||
                         f.mlp_norm.empty() || !a.heads.empty() || !moe.when.empty()))
    return "a recurrent layer has heads, both modules and both norms, and nothing of another kind";
  if (has_attention)
    if (std::string_view problem = layer_problem(f); !problem.empty()) return problem;
  for (std::string_view module : {f.embedding,
                                  f.positions,
                                  f.attention_norm,
                                  f.attention_post_norm,
                                  f.mlp_norm,
                                  f.mlp_post_norm,
                                  a.qkv,
                                  a.q,
                                  a.k,
                                  a.v,
                                  a.out,
                                  a.q_norm,
                                  a.k_norm,
                                  f.mlp.gate_up,
                                  f.mlp.gate,
                                  f.mlp.up,
                                  f.mlp.down,
                                  moe.router,
                                  moe.gate_up,
                                  moe.down,
                                  moe.shared.gate_up,
                                  moe.shared.gate,
                                  moe.shared.up,
                                  moe.shared.down,
                                  moe.shared_gate,
                                  f.final_norm,
                                  f.embedding_norm,
                                  f.head})
    if (!module.empty() && !module_exists(architecture.body, module, ".weight"))
      return "no row makes a module of the forward pass";
  for (Expr expression : {f.supported, f.layers, f.norm.eps, f.logit_softcap})
    if (!known_outside(expression)) return "a name in the forward pass is unknown";
  for (const Factors& factors : {f.embedding_scale, f.logit_scale})
    if (!factors_known(factors, known_outside)) return "a name in a factor is unknown";
  for (Expr expression : {a.heads,
                          a.kv_heads,
                          a.head_dim,
                          a.clip,
                          a.softcap,
                          a.window,
                          a.rope.theta,
                          a.rope.dims,
                          a.rope.part,
                          a.rope.scaling,
                          a.rope.local_theta,
                          a.rope.when,
                          a.rope.query_growth,
                          a.rope.query_growth_step,
                          f.mlp.activation,
                          moe.when,
                          moe.top_k,
                          moe.normalize,
                          moe.shared.activation,
                          f.parallel,
                          f.recurrent.heads,
                          f.recurrent.head_dim})
    if (!known_in_layers(expression)) return "a name in a layer of the forward pass is unknown";
  for (const Factors& factors : {a.scale, f.residual_scale, moe.scale, f.recurrent.head_eps})
    if (!factors_known(factors, known_in_layers)) return "a name in a layer's factor is unknown";
  return {};
}

}  // namespace mlc
