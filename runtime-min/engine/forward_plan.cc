#include "runtime-min/engine/forward_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "models/registry.h"
#include "models/templates.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/engine/rope_plan.h"

namespace mlc {
namespace {

struct ActivationName {
  std::string_view name;
  Activation activation;
};
constexpr std::array kActivations = {
    ActivationName{"silu", Activation::kSilu},
    ActivationName{"swish", Activation::kSilu},
    ActivationName{"gelu", Activation::kGelu},
    ActivationName{"gelu_new", Activation::kGeluTanh},
    ActivationName{"gelu_fast", Activation::kGeluTanh},
    ActivationName{"gelu_pytorch_tanh", Activation::kGeluTanh},
    ActivationName{"relu", Activation::kRelu},
    ActivationName{"relu2", Activation::kRelu2},
    ActivationName{"sigmoid", Activation::kSigmoid},
    ActivationName{"tanh", Activation::kTanh},
    ActivationName{"quick_gelu", Activation::kQuickGelu},
};

// Far above any model; keeps every product of two of them in 64 bits.
constexpr std::int64_t kMaxNumber = std::int64_t{1} << 30;

class Planner {
 public:
  explicit Planner(const ModelConfig& config)
      : config_(config), scope_(config), where_(config.path) {}

  ForwardPlan plan() {
    traits_ = config_.architecture->forward;
    if (traits_ == nullptr)
      fail(ExitCode::kUnsupported, "{}: the engine does not run {}; it runs {}", config_.path,
           config_.model_type(), fmt::join(runnable_model_types(), ", "));
    const ForwardTraits& t = *traits_;
    if (!t.supported.empty() && !evaluate_bool(t.supported, scope_, where_))
      fail(ExitCode::kUnsupported, "{}: the engine runs {} only where {} ({})", where_,
           config_.model_type(), t.supported.text, describe_names(t.supported, scope_));
    ForwardPlan plan{.traits = traits_,
                     .embedding = text(t.embedding, scope_),
                     .positions = text(t.positions, scope_),
                     .head = text(t.head, scope_),
                     .embedding_norm = norm(t.embedding_norm, Scope(scope_, "i", 0)),
                     .final_norm = norm(t.final_norm, scope_)};
    plan.embedding_scale = product(t.embedding_scale, scope_, 1);
    plan.eps = static_cast<float>(number(t.norm.eps, scope_).value_or(0));
    plan.logit_scale = product(t.logit_scale, scope_, 1);
    plan.logit_softcap = static_cast<float>(number(t.logit_softcap, scope_).value_or(0));
    std::uint32_t layers = count(t.layers, scope_, "layers");
    for (std::uint32_t i = 0; i < layers; i++)
      plan.layers.push_back(layer(Scope(scope_, "i", i), plan.ropes));
    if (!t.note.empty()) plan.notes.emplace_back(t.note);
    return plan;
  }

 private:
  LayerPlan layer(const Environment& scope, std::vector<RopePlan>& ropes) {
    const ForwardTraits& t = *traits_;
    LayerPlan layer{.attention_norm = norm(t.attention_norm, scope),
                    .attention_post_norm = norm(t.attention_post_norm, scope),
                    .mlp_norm = norm(t.mlp_norm, scope),
                    .mlp_post_norm = norm(t.mlp_post_norm, scope)};
    if (t.norm.weightless) layer.attention_norm.exists = layer.mlp_norm.exists = true;
    layer.parallel = !t.parallel.empty() && evaluate_bool(t.parallel, scope, where_);
    layer.residual_scale = product(t.residual_scale, scope, 1);
    layer.is_recurrent = !t.recurrent.heads.empty();
    if (layer.is_recurrent)
      layer.recurrent = recurrent(t.recurrent, scope);
    else
      add_attention(layer, scope, ropes);
    return layer;
  }

  void add_attention(LayerPlan& layer, const Environment& scope, std::vector<RopePlan>& ropes) {
    const ForwardTraits& t = *traits_;
    const AttentionTraits& a = t.attention;
    layer.heads = count(a.heads, scope, "heads");
    layer.kv_heads = count(a.kv_heads, scope, "kv_heads");
    layer.head_dim = count(a.head_dim, scope, "head_dim");
    if (layer.heads % layer.kv_heads != 0)
      bad_input("{}: {} heads can't share {} key and value heads evenly", where_, layer.heads,
                layer.kv_heads);
    std::uint64_t all_heads = std::uint64_t{layer.heads} + 2 * std::uint64_t{layer.kv_heads};
    if (all_heads * layer.head_dim > static_cast<std::uint64_t>(kMaxNumber))
      bad_input("{}: {} heads of {} elements are too many", where_, all_heads, layer.head_dim);
    layer.qkv = text(a.qkv, scope);
    layer.q = text(a.q, scope);
    layer.k = text(a.k, scope);
    layer.v = text(a.v, scope);
    layer.out = text(a.out, scope);
    layer.q_norm = text(a.q_norm, scope);
    layer.k_norm = text(a.k_norm, scope);
    layer.attention_scale = product(a.scale, scope, 1 / std::sqrt(double{1} * layer.head_dim));
    layer.softcap = static_cast<float>(number(a.softcap, scope).value_or(0));
    layer.clip = static_cast<float>(number(a.clip, scope).value_or(0));
    double window = number(a.window, scope).value_or(0);
    // A window of everything is none.
    if (window >= 1 && window < static_cast<double>(kMaxNumber))
      layer.window = static_cast<std::uint32_t>(window);
    plan_ropes(layer, scope, ropes);
    layer.has_moe = !t.moe.when.empty() && evaluate_bool(t.moe.when, scope, where_);
    layer.mlp = mlp(t.mlp, scope);
    if (layer.has_moe) layer.moe = moe(scope);
    if (!layer.has_moe && !layer.mlp.exists())
      bad_input("{}: a layer without experts, which {} does not have", where_,
                config_.model_type());
  }

  RecurrentPlan recurrent(const RecurrentTraits& t, const Environment& scope) {
    return {.attention = text(t.attention, scope),
            .feed_forward = text(t.feed_forward, scope),
            .heads = count(t.heads, scope, "heads"),
            .head_dim = count(t.head_dim, scope, "head_dim"),
            .by_token = t.by_token,
            .head_eps = product(t.head_eps, scope, 1e-5)};
  }

  void plan_ropes(LayerPlan& layer, const Environment& scope, std::vector<RopePlan>& ropes) {
    const RopeTraits& r = traits_->attention.rope;
    if (r.theta.empty() || (!r.when.empty() && !evaluate_bool(r.when, scope, where_))) return;
    bool local = layer.window != 0 && !r.local_theta.empty();
    double theta = number(local ? r.local_theta : r.theta, scope).value_or(0);
    if (!(theta > 1)) bad_input("{}: rope_theta is {}, expected more than 1", where_, theta);
    double dims = layer.head_dim;
    if (!r.dims.empty()) dims = number(r.dims, scope).value_or(0);
    if (!r.part.empty()) dims = std::floor(layer.head_dim * number(r.part, scope).value_or(1));
    if (!(dims >= 0) || dims > layer.head_dim || std::fmod(dims, 2) != 0)
      bad_input("{}: {} of {} elements of a head can't be rotated in pairs", where_, dims,
                layer.head_dim);
    if (dims == 0) return;
    Json scaling;
    if (!local && !r.scaling.empty()) scaling = evaluate_json(r.scaling, scope, where_);
    RopePlan plan =
        plan_rope(theta, static_cast<std::uint32_t>(dims), r.interleaved, scaling, config_);
    layer.rope = layer.query_rope = index_of(ropes, plan);
    std::optional<double> growth = number(r.query_growth, scope);
    if (!growth || *growth == 0) return;
    if (plan.dims != layer.head_dim)
      fail(ExitCode::kUnsupported, "{}: queries that grow, in a model that rotates parts of them",
           where_);
    plan.growth = *growth;
    plan.growth_step = number(r.query_growth_step, scope).value_or(0);
    if (!(plan.growth_step >= 1))
      bad_input("{}: the step of the queries' growth is {}", where_, plan.growth_step);
    layer.query_rope = index_of(ropes, plan);
  }

  static int index_of(std::vector<RopePlan>& ropes, const RopePlan& plan) {
    auto found = std::find(ropes.begin(), ropes.end(), plan);
    if (found == ropes.end()) found = ropes.insert(ropes.end(), plan);
    return static_cast<int>(found - ropes.begin());
  }

  MlpPlan mlp(const MlpTraits& t, const Environment& scope) {
    MlpPlan plan{.gate_up = text(t.gate_up, scope),
                 .gate = text(t.gate, scope),
                 .up = text(t.up, scope),
                 .down = text(t.down, scope)};
    plan.up_first = t.up_first;
    if (t.activation.empty()) return plan;
    Value name = evaluate(t.activation, scope, where_);
    const auto* word = std::get_if<std::string_view>(&name);
    if (word == nullptr) bad_input("{}: the name of an activation is no text", where_);
    plan.activation = activation_named(*word, where_);
    return plan;
  }

  MoePlan moe(const Environment& scope) {
    const MoeTraits& t = traits_->moe;
    MoePlan plan{.router = text(t.router, scope),
                 .gate_up = text(t.gate_up, scope),
                 .down = text(t.down, scope),
                 .top_k = count(t.top_k, scope, "top_k"),
                 .scale = product(t.scale, scope, 1),
                 .shared = mlp(t.shared, scope),
                 .shared_gate = text(t.shared_gate, scope)};
    bool normalize = !t.normalize.empty() && evaluate_bool(t.normalize, scope, where_);
    plan.mode = (t.sigmoid ? 3u : 0u) + (normalize ? 1u : 0u);
    return plan;
  }

  NormPlan norm(std::string_view module, const Environment& scope) {
    return {.module = text(module, scope), .exists = !module.empty()};
  }

  std::string text(std::string_view module, const Environment& scope) {
    std::string result;
    for (TemplatePart part = next_part(module);; part = next_part(part.rest)) {
      result += part.literal;
      if (part.hole.empty()) return result;
      Expr hole;
      hole.text = part.hole;
      result += std::to_string(evaluate_int(hole, scope, where_));
    }
  }

  // None and False: nothing.
  std::optional<double> number(Expr expression, const Environment& scope) {
    if (expression.empty()) return std::nullopt;
    Value value = evaluate(expression, scope, where_);
    if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&value)) return *d;
    if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
    if (const auto* b = std::get_if<bool>(&value); b != nullptr && !*b) return std::nullopt;
    bad_input("{}: expected a number ({})", where_, describe_names(expression, scope));
  }

  std::uint32_t count(Expr expression, const Environment& scope, std::string_view what) {
    std::int64_t value = evaluate_int(expression, scope, where_);
    if (value < 1 || value > kMaxNumber)
      bad_input("{}: {} is {} ({})", where_, what, value, describe_names(expression, scope));
    return static_cast<std::uint32_t>(value);
  }

  float product(const Factors& factors, const Environment& scope, double otherwise) {
    if (factors.factors[0].value.empty()) return static_cast<float>(otherwise);
    double result = 1;
    for (const Factor& factor : factors.factors)
      if (std::optional<double> value = number(factor.value, scope))
        result *= std::pow(*value, factor.power);
    if (!std::isfinite(result)) bad_input("{}: a scale is not finite", where_);
    return static_cast<float>(result);
  }

  const ModelConfig& config_;
  ConfigScope scope_;
  std::string where_;
  const ForwardTraits* traits_ = nullptr;
};

}  // namespace

ForwardPlan plan_forward(const ModelConfig& config) { return Planner(config).plan(); }

Activation activation_named(std::string_view name, std::string_view where) {
  for (const ActivationName& row : kActivations)
    if (row.name == name) return row.activation;
  std::vector<std::string_view> known;
  known.reserve(kActivations.size());
  for (const ActivationName& row : kActivations)
    known.push_back(row.name);
  fail(ExitCode::kUnsupported, "{}: the activation \"{}\" is unknown; known are {}", where,
       printable(name, 60), fmt::join(known, ", "));
}

std::vector<std::string> runnable_model_types() {
  std::vector<std::string> names;
  for (const Architecture* architecture : architectures())
    if (architecture->forward != nullptr) names.emplace_back(architecture->model_type);
  return names;
}

}  // namespace mlc
