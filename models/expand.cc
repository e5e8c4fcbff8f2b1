#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/models.h"
#include "models/templates.h"

namespace mlc {

namespace {

// Fills in templates for one config.
class Filler {
 public:
  explicit Filler(const ModelConfig& config) : config_(config) {}

  std::string fill(std::string_view text, const Environment& scope) const {
    std::string result;
    for (TemplatePart part = next_part(text);; part = next_part(part.rest)) {
      result += part.literal;
      if (part.hole.empty()) return result;
      if (part.hole[0] == '$')
        result += fill(alias(part.hole.substr(1), scope), scope);
      else
        result += hole(part.hole, text, scope);
    }
  }

 private:
  std::string_view alias(std::string_view name, const Environment& scope) const {
    Expr last;
    for (const Alias& alias : config_.architecture->aliases) {
      if (alias.name != name) continue;
      if (alias.when.empty() || evaluate_bool(alias.when, scope, config_.path)) return alias.text;
      last = alias.when;
    }
    bad_input("{}: no layout of the checkpoint's names is known for this config ({})", config_.path,
              describe_names(last, scope));
  }

  // The text of a hole has been checked at compile time; most are just a loop variable.
  std::string hole(std::string_view expression, std::string_view text,
                   const Environment& scope) const {
    Expr checked;
    checked.text = expression;
    Value value = evaluate(checked, scope, fmt::format("{}: {}", config_.path, text));
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* word = std::get_if<std::string_view>(&value)) return std::string(*word);
    bad_input("{}: {} is neither an integer nor text ({})", config_.path, expression,
              describe_names(checked, scope));
  }

  const ModelConfig& config_;
};

class Expander {
 public:
  Expander(const ModelConfig& config, std::string_view quant_kind)
      : config_(config), quant_kind_(quant_kind), filler_(config) {}

  std::vector<ParamSpec> run() {
    ConfigScope scope(config_);
    for (const Block& block : config_.architecture->body)
      expand(block, scope);
    return std::move(specs_);
  }

 private:
  void expand(const Block& block, const Environment& scope) {
    if (!block.when.empty() && !evaluate_bool(block.when, scope, config_.path)) return;
    if (block.count.empty()) {
      turn(block, scope);
      return;
    }
    std::int64_t count = evaluate_int(block.count, scope, config_.path);
    auto rows = static_cast<std::int64_t>(std::max<std::size_t>(block.params.size(), 1));
    if (count < 1 || count > kMaxParams / rows)
      bad_input("{}: {} is {}, expected 1 to {}", config_.path, block.count.text, count,
                kMaxParams / rows);
    for (std::int64_t i = 0; i < count; i++)
      turn(block, Scope(scope, block.variable, i));
  }

  void turn(const Block& block, const Environment& scope) {
    for (const Param& param : block.params)
      add(param, scope);
    for (const Block& inner : block.blocks)
      expand(inner, scope);
  }

  void add(const Param& param, const Environment& scope) {
    if (!param.only_quant_kind.empty() && param.only_quant_kind != quant_kind_) return;
    if (!param.when.empty() && !evaluate_bool(param.when, scope, config_.path)) return;
    if (specs_.size() >= static_cast<std::size_t>(kMaxParams))
      bad_input("{}: this config would have more than {} params", config_.path, kMaxParams);
    ParamSpec spec;
    spec.name = filler_.fill(param.name, scope);
    spec.shape = shape(param, spec.name, scope);
    spec.symbolic_rows = param.shape.dims[0].symbolic;
    spec.kind = param.kind;
    // mlc_llm tells routers from other layers by their at most 256 outputs; its own habit, to leave
    // them alone, holds for all of them where no library fixes the names (Kimi K2 has 384 experts).
    if (!config_.architecture->in_mlc_llm && param.kind == ParamKind::kLinear &&
        spec.name.ends_with("gate.weight"))
      spec.kind = ParamKind::kRaw;
    spec.dtype = param.dtype;
    spec.out_dtype = param.out_dtype;
    spec.op = param.op;
    spec.args = arguments(param, spec.name, scope);
    spec.sources = sources(param, spec.name, scope);
    if (!param.fallback.empty() &&
        (param.fallback_when.empty() || evaluate_bool(param.fallback_when, scope, config_.path)))
      spec.fallback = filler_.fill(param.fallback, scope);
    spec.no_quantization = excluded(spec.name);
    spec.rank = param.rank;
    specs_.push_back(std::move(spec));
  }

  std::string where(const std::string& name) const {
    return fmt::format("{}: {}", config_.path, name);
  }

  std::vector<std::int64_t> shape(const Param& param, const std::string& name,
                                  const Environment& scope) const {
    std::vector<std::int64_t> shape;
    std::int64_t elements = 1;
    for (const Dim& dim : param.shape.dims) {
      if (dim.empty()) break;
      std::int64_t size = evaluate_int(dim.expression, scope, where(name));
      if (size < 1 || size > kMaxDim)
        bad_input("{}: {} would have dimension {} = {} ({})", config_.path, name,
                  dim.expression.text, size, describe_names(dim.expression, scope));
      if (__builtin_mul_overflow(elements, size, &elements) || elements > kMaxElements)
        bad_input("{}: {} would have more than {} elements ({})", config_.path, name, kMaxElements,
                  describe_names(dim.expression, scope));
      shape.push_back(size);
    }
    return shape;
  }

  OpArgs arguments(const Param& param, const std::string& name, const Environment& scope) const {
    auto number = [&](Expr expression, std::int64_t least) -> std::int64_t {
      if (expression.empty()) return 0;
      std::int64_t value = evaluate_int(expression, scope, where(name));
      if (value < least || value > kMaxDim)
        bad_input("{}: {} is made with {} = {} ({})", config_.path, name, expression.text, value,
                  describe_names(expression, scope));
      return value;
    };
    OpArgs args{.heads = number(param.args.heads, 1),
                .head_dim = number(param.args.head_dim, 1),
                .queries = number(param.args.queries, 1),
                .nope = number(param.args.nope, 1),
                .value = number(param.args.value, 1),
                .exponent = number(param.args.exponent, 0),
                .first_part = param.args.first_part,
                .part_count = param.args.part_count};
    for (std::size_t i = 0; i < args.parts.size(); i++)
      args.parts[i] = number(param.args.parts.rows[i], 1);
    return args;
  }

  std::vector<std::string> sources(const Param& param, const std::string& name,
                                   const Environment& scope) {
    std::int64_t turns = 1;
    if (!param.each.empty()) {
      turns = evaluate_int(param.each, scope, where(name));
      if (turns < 1)
        bad_input("{}: {} is {}, but {} needs at least one", config_.path, param.each.text, turns,
                  name);
    }
    auto per_turn = static_cast<std::int64_t>(count_sources(param));
    if (turns > (kMaxSources - source_count_) / per_turn)
      bad_input("{}: this config would have more than {} source tensors ({} is {})", config_.path,
                kMaxSources, param.each.empty() ? "they" : param.each.text, turns);
    source_count_ += turns * per_turn;
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(turns * per_turn));
    for (std::int64_t e = 0; e < turns; e++) {
      Scope expert(scope, "e", e);
      for (std::size_t i = 0; i < count_sources(param); i++)
        names.push_back(filler_.fill(source_template(param, i), expert));
    }
    return names;
  }

  static bool is_below(std::string_view name, std::string_view module) {
    return !module.empty() && name.size() > module.size() && name.starts_with(module) &&
           name[module.size()] == '.';
  }

  // mlc_llm looks a module of the config up attribute by attribute, so that a path with the index
  // of a list ("model.layers.0.mlp") names nothing.
  static bool has_index(std::string_view module) {
    for (std::size_t at = 0; at <= module.size();) {
      std::size_t end = std::min(module.find('.', at), module.size());
      std::string_view part = module.substr(at, end - at);
      if (!part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos)
        return true;
      at = end + 1;
    }
    return false;
  }

  bool excluded(const std::string& name) const {
    const Architecture& architecture = *config_.architecture;
    for (std::string_view module : architecture.no_quantization)
      if (is_below(name, module)) return true;
    if (architecture.no_quantization_field.empty()) return false;
    const Json* modules = config_.fields.find(architecture.no_quantization_field);
    if (modules == nullptr || modules->is_null()) return false;
    std::string where = this->where(std::string(architecture.no_quantization_field));
    for (const Json& module : modules->items(where))
      if (is_below(name, module.as_string(where)) && !has_index(module.as_string(where)))
        return true;
    return false;
  }

  const ModelConfig& config_;
  std::string_view quant_kind_;
  Filler filler_;
  std::vector<ParamSpec> specs_;
  std::int64_t source_count_ = 0;
};

class IgnoreMatcher {
 public:
  IgnoreMatcher(const ModelConfig& config, std::string_view name)
      : config_(config), name_(name), filler_(config) {}

  const Ignored* find(std::span<const Block> blocks, const Environment& scope) const {
    for (const Block& block : blocks)
      if (const Ignored* ignored = find_in(block, scope)) return ignored;
    return nullptr;
  }

 private:
  const Ignored* find_in(const Block& block, const Environment& scope) const {
    if (!block.when.empty() && !evaluate_bool(block.when, scope, config_.path)) return nullptr;
    if (block.count.empty()) return find_turn(block, scope);
    // Only worth the turns when some pattern inside can start this way.
    if (!may_match(block)) return nullptr;
    std::int64_t count = std::min(evaluate_int(block.count, scope, config_.path), kMaxParams);
    for (std::int64_t i = 0; i < count; i++)
      if (const Ignored* ignored = find_turn(block, Scope(scope, block.variable, i)))
        return ignored;
    return nullptr;
  }

  bool may_match(const Block& block) const {
    for (const Ignored& ignored : block.ignored)
      if (name_.starts_with(next_part(ignored.pattern).literal) &&
          name_.ends_with(last_literal(ignored.pattern)))
        return true;
    return std::any_of(block.blocks.begin(), block.blocks.end(),
                       [&](const Block& inner) { return may_match(inner); });
  }

  // What the name must end in. A checkpoint may have 70,000 tensors, and to fill in a pattern for
  // each layer and each of them took seconds.
  static std::string_view last_literal(std::string_view pattern) {
    if (pattern.ends_with('*')) return {};
    std::size_t hole = pattern.rfind('}');
    return hole == std::string_view::npos ? pattern : pattern.substr(hole + 1);
  }

  const Ignored* find_turn(const Block& block, const Environment& scope) const {
    for (const Ignored& ignored : block.ignored)
      if (matches(ignored.pattern, scope)) return &ignored;
    return find(block.blocks, scope);
  }

  bool matches(std::string_view pattern, const Environment& scope) const {
    bool open = pattern.ends_with('*');
    if (open) pattern.remove_suffix(1);
    std::string text = filler_.fill(pattern, scope);
    return open ? name_.starts_with(text) : name_ == text;
  }

  const ModelConfig& config_;
  std::string_view name_;
  Filler filler_;
};

}  // namespace

std::vector<ParamSpec> expand_params(const ModelConfig& config, std::string_view quant_kind) {
  return Expander(config, quant_kind).run();
}

std::optional<std::string_view> is_ignored_source(const ModelConfig& config,
                                                  std::string_view source_name) {
  const Ignored* ignored =
      IgnoreMatcher(config, source_name).find(config.architecture->body, ConfigScope(config));
  if (ignored == nullptr) return std::nullopt;
  return ignored->rule;
}

bool is_counted_source(const ModelConfig& config, std::string_view source_name) {
  const Ignored* ignored =
      IgnoreMatcher(config, source_name).find(config.architecture->body, ConfigScope(config));
  return ignored == nullptr || ignored->counted;
}

std::string renamed_source(const Architecture& architecture, std::string_view name) {
  for (const Rename& rename : architecture.renames)
    if (name.starts_with(rename.from))
      return std::string(rename.to) + std::string(name.substr(rename.from.size()));
  return std::string(name);
}

std::string original_source(const Architecture& architecture, std::string_view name) {
  for (const Rename& rename : architecture.renames)
    if (name.starts_with(rename.to))
      return std::string(rename.from) + std::string(name.substr(rename.to.size()));
  return std::string(name);
}

}  // namespace mlc
