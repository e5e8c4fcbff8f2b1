// The checks that every architecture table passes before it compiles:
//
//   static_assert(well_formed(kModels));
//
// Beyond the grammar of each expression (which its construction checks): every name in it is a
// field of this architecture, a loop variable in scope, `e`, or `config`; sources and arguments fit
// the op, dimensions fit the kind; names differ for each turn of every loop around them; params
// that share a source are ranked; steps, aliases and the forward pass refer to what exists.
#pragma once

#include <string_view>

#include "models/architecture.h"
#include "models/forward_formed.h"
#include "models/templates.h"

namespace mlc {

// Whether a nested config that some step reads into `field` may have the member `name`: one of its
// fields, or what it does not know, in kwargs. An object without a table of its own has any.
constexpr bool member_known(const ConfigTable& config, std::string_view field,
                            std::string_view name) {
  bool has_table = false;
  for (const Step& step : config.steps) {
    if (step.verb != Verb::kNested || step.field != field) continue;
    has_table = true;
    if (name == "kwargs" || find_field(*step.nested, name) != nullptr) return true;
  }
  return !has_table;
}

// The names in scope: fields of the config and the variables of the loops around a row.
struct Names {
  const Architecture* architecture = nullptr;
  const Names* outer = nullptr;
  std::string_view variable;
  // While the steps run, nested configs are not read yet: their members are unchecked.
  bool members_checked = true;

  constexpr bool has(std::string_view path) const {
    std::string_view name = path.substr(0, path.find('.'));
    if (name == "config") return true;  // config.json as it is: `'vision_config' in config`
    for (const Names* at = this; at != nullptr; at = at->outer)
      if (!at->variable.empty() && at->variable == name) return true;
    if (find_field(architecture->config, name) == nullptr) return false;
    if (name == path || !members_checked) return true;
    std::string_view rest = path.substr(name.size() + 1);
    return member_known(architecture->config, name, rest.substr(0, rest.find('.')));
  }
};

constexpr bool names_known(Expr expression, const Names& names) {
  Syntax syntax = parse_expression(expression.text);
  if (expression.empty()) return true;
  for (std::size_t i = 0; i < syntax.count; i++)
    if (syntax.nodes[i].kind == NodeKind::kName && !names.has(syntax.nodes[i].text)) return false;
  return true;
}

constexpr bool template_known(std::string_view text, const Names& names) {
  if (text.empty()) return false;
  for (TemplatePart part = next_part(text);; part = next_part(part.rest)) {
    if (part.bad) return false;
    if (part.hole.empty()) return true;
    if (part.hole[0] == '$') {
      bool found = false;
      for (const Alias& alias : names.architecture->aliases)
        found = found || alias.name == part.hole.substr(1);
      if (!found) return false;
      continue;
    }
    Syntax syntax = parse_expression(part.hole);
    if (syntax.error != nullptr) return false;
    for (std::size_t i = 0; i < syntax.count; i++)
      if (syntax.nodes[i].kind == NodeKind::kName && !names.has(syntax.nodes[i].text)) return false;
  }
}

// Whether the text depends on `variable`, directly or through an alias.
constexpr bool template_uses(std::string_view text, std::string_view variable,
                             const Architecture& architecture) {
  for (TemplatePart part = next_part(text); !part.hole.empty(); part = next_part(part.rest)) {
    if (part.hole[0] == '$') {
      for (const Alias& alias : architecture.aliases)
        if (alias.name == part.hole.substr(1) && alias.text.find('$') == std::string_view::npos &&
            template_uses(alias.text, variable, architecture))
          return true;
      continue;
    }
    Syntax syntax = parse_expression(part.hole);
    for (std::size_t i = 0; i < syntax.count; i++)
      if (syntax.nodes[i].kind == NodeKind::kName && syntax.nodes[i].text == variable) return true;
  }
  return false;
}

constexpr std::string_view op_problem(const Param& param) {
  std::size_t sources = count_sources(param);
  std::size_t dims = size_of_shape(param);
  const OpExprs& args = param.args;
  bool mla = param.op == Op::kMlaKvBK || param.op == Op::kMlaKvBV;
  bool split = param.op == Op::kSplitInterleavedQkv || param.op == Op::kSplitGroupedQkv;
  bool groups = param.op == Op::kSplitGroups;
  bool each = param.op == Op::kDeinterleaveRows || param.op == Op::kTransposeEach ||
              param.op == Op::kTransposeDeinterleaved;
  bool stack = param.op == Op::kStack || param.op == Op::kStackOfConcat;
  if (stack == param.each.empty()) return "`each` belongs to the stacking ops, and only to them";
  if (param.op == Op::kConcat && sources < 2) return "concat needs at least two sources";
  if (param.op == Op::kStackOfConcat && sources != 2) return "stack_of_concat needs two sources";
  if (param.op != Op::kConcat && param.op != Op::kStackOfConcat && sources != 1)
    return "this op takes one source";
  if (param.op == Op::kTranspose && dims != 2) return "transpose needs two dimensions";
  if (stack && dims != 3) return "a stack has three dimensions";
  if (mla && dims != 3) return "an MLA part has three dimensions";
  if (each && dims != 3) return "experts that are turned or taken apart have three dimensions";
  if (param.op == Op::kDeinterleaveColumns && dims < 2) return "columns need two dimensions";
  if ((mla || split || groups) == args.heads.empty()) return "`heads` belongs to split and mla ops";
  if (groups == (args.parts.size() == 0)) return "`parts` belongs to split_groups";
  if (groups == (args.part_count == 0)) return "`part_count` belongs to split_groups";
  if (args.first_part + args.part_count > args.parts.size()) return "a group has no such part";
  if (split == args.head_dim.empty()) return "`head_dim` belongs to the split ops";
  if ((param.op == Op::kSplitGroupedQkv) == args.queries.empty())
    return "`queries` belongs to split_grouped_qkv";
  if (mla == args.nope.empty() || mla == args.value.empty())
    return "`nope` and `value` belong to the mla ops";
  if ((param.op == Op::kDivPow2) == args.exponent.empty()) return "`exponent` belongs to div_pow2";
  return {};
}

constexpr std::string_view kind_problem(const Param& param) {
  std::size_t dims = size_of_shape(param);
  if (dims == 0) return "a param needs a shape";
  for (std::size_t i = 0; i < param.shape.dims.size(); i++) {
    if (i >= dims && !param.shape.dims[i].empty()) return "a gap in the shape";
    if (i > 0 && param.shape.dims[i].symbolic) return "only the first dimension can be symbolic";
  }
  bool matrix = param.kind == ParamKind::kLinear || param.kind == ParamKind::kEmbedding;
  if (matrix && dims != 2) return "a linear or embedding has two dimensions";
  if (param.kind == ParamKind::kLinearBias && dims != 1) return "a bias has one dimension";
  if (param.kind == ParamKind::kExperts && dims != 3) return "experts have three dimensions";
  bool quantizable = matrix || param.kind == ParamKind::kExperts;
  if (quantizable && !param.name.ends_with(".weight")) return "its name must end with .weight";
  bool linear = param.kind == ParamKind::kLinear || param.kind == ParamKind::kLinearBias;
  if (param.out_dtype && !linear) return "out_dtype belongs to a linear and its bias";
  return {};
}

constexpr std::string_view param_problem(const Param& param, const Names& names) {
  if (auto problem = kind_problem(param); !problem.empty()) return problem;
  if (auto problem = op_problem(param); !problem.empty()) return problem;
  if (!template_known(param.name, names)) return "a name in the param's template is unknown";
  for (const Names* at = &names; at != nullptr; at = at->outer)
    if (!at->variable.empty() && !template_uses(param.name, at->variable, *names.architecture))
      return "a loop variable is missing in the name, which would repeat";
  Names with_expert = {names.architecture, &names, param.each.empty() ? "" : "e"};
  if (param.fallback.empty() != param.fallback_when.empty())
    return "a fallback needs a condition, and a condition a fallback";
  if (!param.fallback.empty() && (count_sources(param) != 1 || !param.each.empty()))
    return "only a single source can have a fallback";
  if (!param.fallback.empty() && !template_known(param.fallback, names))
    return "a name in a fallback's template is unknown";
  for (std::size_t i = 0; i < count_sources(param); i++) {
    std::string_view source = source_template(param, i);
    if (!template_known(source, with_expert)) return "a name in a source's template is unknown";
    if (!param.each.empty() && !template_uses(source, "e", *names.architecture))
      return "a stacked source needs {e}";
  }
  for (const Dim& dim : param.shape.dims)
    if (!names_known(dim.expression, names)) return "a name in the shape is unknown";
  const OpExprs& args = param.args;
  for (Expr expression : {param.each, param.when, param.fallback_when, args.heads, args.head_dim,
                          args.queries, args.nope, args.value, args.exponent})
    if (!names_known(expression, names)) return "a name in a condition or argument is unknown";
  for (Expr rows : args.parts.rows)
    if (!names_known(rows, names)) return "a name in a part is unknown";
  return {};
}

// Two rows of one block: the same name needs different conditions, a shared source other ranks.
constexpr std::string_view pair_problem(const Param& a, const Param& b) {
  bool apart = a.when.text != b.when.text || a.only_quant_kind != b.only_quant_kind;
  if (a.name == b.name) return apart ? std::string_view() : "two rows have the same name";
  for (std::size_t i = 0; i < count_sources(a); i++)
    for (std::size_t k = 0; k < count_sources(b); k++)
      if (source_template(a, i) == source_template(b, k) && a.rank == b.rank && !apart)
        return "params that share a source need different ranks";
  return {};
}

constexpr std::string_view block_problem(const Block& block, const Names& outer) {
  if (block.variable.empty() != block.count.empty()) return "a loop needs a variable and a count";
  if (!names_known(block.count, outer)) return "a name in a loop's count is unknown";
  Names names = {outer.architecture, &outer, block.variable};
  if (!names_known(block.when, outer)) return "a name in a block's condition is unknown";
  for (std::size_t i = 0; i < block.params.size(); i++) {
    if (auto problem = param_problem(block.params[i], names); !problem.empty()) return problem;
    for (std::size_t k = 0; k < i; k++)
      if (auto problem = pair_problem(block.params[k], block.params[i]); !problem.empty())
        return problem;
  }
  for (const Ignored& ignored : block.ignored) {
    if (ignored.rule.empty()) return "an ignored source needs the name of its rule";
    if (!template_known(ignored.pattern, names)) return "a name in an ignored pattern is unknown";
  }
  for (const Block& inner : block.blocks)
    if (auto problem = block_problem(inner, names); !problem.empty()) return problem;
  return {};
}

// Params outside loops may share a source across blocks (gpt2: wte and lm_head).
constexpr std::string_view blocks_problem(std::span<const Block> blocks) {
  for (std::size_t a = 0; a < blocks.size(); a++)
    for (std::size_t b = 0; b < a; b++)
      for (const Param& one : blocks[a].params)
        for (const Param& other : blocks[b].params)
          if (auto problem = pair_problem(one, other); !problem.empty()) return problem;
  return {};
}

// The fields that a step works on beside its `field`.
constexpr bool missing_field(const ConfigTable& config, Verb verb) {
  auto lacks = [&](std::string_view name) { return find_field(config, name) == nullptr; };
  switch (verb) {
    case Verb::kPrefill:
    case Verb::kPrefillUncapped:
      return lacks("prefill_chunk_size") || lacks("context_window_size");
    case Verb::kPrefillSliding:
      return lacks("prefill_chunk_size") || lacks("context_window_size") ||
             lacks("sliding_window_size");
    case Verb::kContextUnlessSliding:
      return lacks("context_window_size") || lacks("sliding_window_size");
    case Verb::kRopeScalingLlama3:
      return lacks("rope_scaling");
    case Verb::kRopeScalingLongrope:
      return lacks("rope_scaling") || lacks("max_position_embeddings") ||
             lacks("original_max_position_embeddings");
    case Verb::kFp8Blocks:
      return lacks("weight_block_size");
    default:
      return false;
  }
}

constexpr bool works_on_field(Verb verb) {
  return verb == Verb::kTake || verb == Verb::kSet || verb == Verb::kList ||
         verb == Verb::kMember || verb == Verb::kRest || verb == Verb::kMerge ||
         verb == Verb::kNested || verb == Verb::kEmpty;
}

constexpr std::string_view config_problem(const Architecture& architecture, const Names& names);

constexpr std::string_view step_problem(const Step& step, const ConfigTable& config,
                                        const Names& names) {
  Verb verb = step.verb;
  bool takes = verb == Verb::kTake || verb == Verb::kContextUnlessSliding ||
               verb == Verb::kMember || verb == Verb::kMerge;
  if (takes == step.keys[0].empty()) return "`keys` belong to the taking steps";
  if (works_on_field(verb) == step.field.empty()) return "this step needs a field, or has none";
  if (works_on_field(verb) && find_field(config, step.field) == nullptr)
    return "a step's field is unknown";
  if (missing_field(config, verb)) return "a step needs a field that the table lacks";
  bool computes = verb == Verb::kSet || verb == Verb::kAssert || verb == Verb::kPrefill ||
                  verb == Verb::kPrefillSliding || verb == Verb::kList || verb == Verb::kStopUnless;
  if (computes && step.expression.empty()) return "a step needs an expression";
  if ((verb == Verb::kList) == step.count.empty()) return "`count` belongs to kList";
  if ((verb == Verb::kMember) == step.object.empty()) return "`object` belongs to kMember";
  if ((verb == Verb::kMerge) == step.named.empty()) return "`named` belongs to kMerge";
  if ((verb == Verb::kNested) == (step.nested == nullptr)) return "`nested` belongs to kNested";
  Names with_turn = {names.architecture, &names, verb == Verb::kList ? "i" : "", false};
  for (Expr expression : {step.expression, step.condition, step.count, step.filter})
    if (!names_known(expression, with_turn)) return "a name in a step is unknown";
  if (verb != Verb::kNested) return {};
  Architecture inner;
  inner.config = *step.nested;
  return config_problem(inner, {&inner, nullptr, {}});
}

constexpr std::string_view config_problem(const Architecture& architecture, const Names& names) {
  const ConfigTable& config = architecture.config;
  for (const Field& field : config.fields) {
    if (find_field(config, field.name) != &field) return "two fields have the same name";
    if (field.name == "config") return "`config` is the name of the whole file";
    if (!names_known(field.otherwise, names)) return "a name in a default is unknown";
  }
  for (const Step& step : config.steps)
    if (auto problem = step_problem(step, config, names); !problem.empty()) return problem;
  return {};
}

// What is wrong with a table, or nothing.
constexpr std::string_view problem_of(const Architecture& architecture) {
  if (architecture.model_type.empty()) return "an architecture needs a model_type";
  Names names = {&architecture, nullptr, {}};
  if (auto problem = config_problem(architecture, names); !problem.empty()) return problem;
  if (!architecture.no_quantization_field.empty() &&
      find_field(architecture.config, architecture.no_quantization_field) == nullptr)
    return "no_quantization_field is no field";
  for (const Block& block : architecture.body)
    if (auto problem = block_problem(block, names); !problem.empty()) return problem;
  for (const Alias& alias : architecture.aliases)
    if (!names_known(alias.when, names)) return "a name in an alias's condition is unknown";
  if (architecture.forward != nullptr) {
    Names in_layers = {&architecture, &names, "i"};
    std::string_view problem = forward_problem(
        architecture, [&](Expr e) { return names_known(e, names); },
        [&](Expr e) { return names_known(e, in_layers); });
    if (!problem.empty()) return problem;
  }
  return blocks_problem(architecture.body);
}

consteval bool well_formed(std::span<const Architecture> family) {
  for (const Architecture& architecture : family)
    if (!problem_of(architecture).empty()) return false;
  return !family.empty();
}

}  // namespace mlc
