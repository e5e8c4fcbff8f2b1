// Our lists of params and source maps beside mlc_llm's, and the differences that docs/errata.md
// names. tests/interop/registry_oracle.py and the files of the registry give theirs in one form.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "convert/kept_params.h"
#include "convert/plan.h"
#include "models/models.h"
#include "tests/unit/source_shapes.h"

namespace mlc::test {

namespace fs = std::filesystem;

inline const fs::path kRegistry = fs::path(MLC_TEST_SHARED) / "spec" / "registry";

inline std::string text(const Json& json, const char* key) {
  return json.find(key)->as_string(key);
}

inline std::vector<std::int64_t> integers(const Json& json) {
  std::vector<std::int64_t> list;
  for (const Json& item : json.items("list"))
    list.push_back(item.as_int("item"));
  return list;
}

inline std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> list;
  for (const Json& item : json.items("list"))
    list.push_back(item.as_string("item"));
  return list;
}

// What may differ, and where: `models`, `schemes` and `names` are regular expressions for the whole
// of the model type, the quantization and the param's name (kRefused: of the message).
enum class Aspect : std::uint8_t {
  kRefused,  // we refuse what mlc_llm lists
  kExtra,    // a param that mlc_llm lacks
  kLacking,  // a param, or an entry of a map, that we lack
  kShape,
  kSources,
  kOp,
  kOrder,  // the place in the order of writing
};

struct Difference {
  std::string mark;  // of docs/errata.md
  Aspect aspect;
  std::string models;
  std::string schemes;
  std::string names;
};

inline const std::vector<Difference>& known_differences() {
  static const std::string biased = "llama|mistral|mixtral|gemma2?|orion|olmo2?|nemotron|eagle";
  static const std::string biased_mlp =
      "llama|mistral|mixtral|gemma2?|orion|stablelm|baichuan|internlm|deepseek|olmo2?|qwen2|eagle";
  static const std::vector<Difference> list = {
      {"M2", Aspect::kSources, "llama4", ".*", ".*feed_forward\\.(gate_up|down)_proj\\.weight"},
      {"M2", Aspect::kShape, "llama4", ".*",
       ".*feed_forward\\.(gate_up|down)_proj\\.(q_|q|)(weight|scales?|zeros)"},
      {"M3", Aspect::kSources, "deepseek", ".*", ".*wqkv_pack\\.bias"},
      {"M3", Aspect::kSources, "qwen3_5(_text)?", ".*", ".*c_attn\\.bias"},
      {"M3", Aspect::kOp, "deepseek", ".*", ".*wqkv_pack\\.bias"},
      {"M3", Aspect::kOp, "qwen3_5(_text)?", ".*", ".*c_attn\\.bias"},
      {"M3", Aspect::kOrder, "deepseek", ".*", ".*wqkv_pack\\.bias"},
      {"M3", Aspect::kOrder, "qwen3_5(_text)?", ".*", ".*c_attn\\.bias"},
      {"M4", Aspect::kOp, "internlm2", ".*", ".*attention\\.wqkv\\.bias"},
      {"M6", Aspect::kLacking, "chatglm", ".*", "transformer\\.encoder\\.final_layernorm\\..*"},
      {"M7", Aspect::kExtra, biased, ".*", ".*self_attn\\.(qkv_proj|o_proj)\\.bias"},
      {"M8", Aspect::kExtra, biased_mlp, ".*", ".*mlp\\.(gate_up_proj|down_proj)\\.bias"},
      {"M10", Aspect::kSources, "starcoder2", ".*", "lm_head\\.weight"},
      {"S2", Aspect::kOrder, ".*", "q4f16_ft", ".*gate\\.weight"},
      {"S4", Aspect::kRefused, ".*", "q4f16_ft", ".*multiple of 64 inputs.*"},
      {"S5", Aspect::kRefused, ".*", "q4f16_autoawq",
       ".*q4f16_autoawq has no form for it \\((experts|its number of rows|it is more than|its "
       "source|.*multiples of 8 and 128).*"},
      {"S9", Aspect::kSources, ".*", ".*static_activation", ".*activation_scale"},
      {"S9", Aspect::kOp, ".*", ".*static_activation", ".*activation_scale"},
      {"S9", Aspect::kOrder, ".*", ".*static_activation", ".*activation_scale"},
      {"S10", Aspect::kOp, "ministral3", "fp8.*", ".*weight_scale_inv"},
      {"S11", Aspect::kRefused, ".*", "fp8.*", ".*its rows are taken apart.*"},
  };
  return list;
}

// Marks without an entry in docs/errata.md.
inline std::vector<std::string> unknown_marks() {
  std::ifstream file(fs::path(MLC_TEST_DATA).parent_path() / "docs" / "errata.md");
  std::string errata(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> unknown;
  for (const Difference& d : known_differences())
    if (errata.find("| [" + d.mark + "] ") == std::string::npos) unknown.push_back(d.mark);
  return unknown;
}

// The mark that excuses it, or "".
inline std::string mark_of(Aspect aspect, const std::string& model, const std::string& scheme,
                           const std::string& name) {
  for (const Difference& d : known_differences())
    if (d.aspect == aspect && std::regex_match(model, std::regex(d.models)) &&
        std::regex_match(scheme, std::regex(d.schemes)) &&
        std::regex_match(name, std::regex(d.names)))
      return d.mark;
  return "";
}

struct Listed {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string dtype;
  std::optional<bool> symbolic = {};  // its number of rows; of unquantized params
};

// One config under one scheme.
struct OurLists {
  std::vector<ParamSpec> specs;     // as the scheme stores them (convert/kept_params.h)
  std::vector<Listed> unquantized;  // in tree order
  std::vector<Listed> params;       // in tree order
  Checkpoint checkpoint;            // of headers alone
  Plan plan;
};

inline OurLists our_lists(const ModelConfig& config, const Quantization& q) {
  OurLists lists;
  for (const ParamSpec& spec : expand_params(config, "no-quant"))
    lists.unquantized.push_back(
        {spec.name, spec.shape, std::string(name_of(plain_dtype(spec, q))), spec.symbolic_rows});
  lists.specs = scheme_params(config, q);
  lists.checkpoint = headers_for(lists.specs);
  spread_scales(lists.checkpoint, lists.specs, config, q);
  lists.plan = build_plan(lists.checkpoint, config, lists.specs, q);
  std::map<std::string_view, const PlanStep*> steps;
  for (const PlanStep& step : lists.plan.steps)
    steps[step.spec.name] = &step;
  for (std::size_t i = 0; i < lists.specs.size(); i++) {
    const ParamSpec& spec = lists.specs[i];
    std::vector<Listed> records;
    for (const PlanRecord& r : steps.at(spec.name)->records)
      records.push_back({r.name, r.shape, std::string(name_of(r.dtype))});
    // In a module, the calibration stands before the scale, and the bias before the scale of the
    // activations.
    if (records.size() == 3) std::swap(records[1], records[2]);
    auto place = lists.params.end();
    if (spec.kind == ParamKind::kLinearBias && !lists.params.empty() &&
        lists.params.back().name == std::string(module_of(spec.name)) + ".activation_scale")
      --place;
    lists.params.insert(place, records.begin(), records.end());
  }
  return lists;
}

inline std::string op_word(Op op) {
  switch (op) {
    case Op::kConcatColumns:
      return "concat";
    case Op::kShared:
      return "fp8_shared_scale";
    case Op::kAddOneF32:
      return "add_one";
    default:
      return std::string(op_name(op));
  }
}

// Compares with the members `unquantized`, `params`, `map` and the orders of a file of the
// registry. Differences that no mark excuses are sentences in `wrong`.
class Comparison {
 public:
  Comparison(std::string model, std::string scheme)
      : model_(std::move(model)), scheme_(std::move(scheme)) {}

  std::vector<std::string> wrong;
  std::map<std::string, int> excused;  // by mark
  int params = 0;                      // equal
  int entries = 0;                     // of maps, equal

  bool is_excused(Aspect aspect, const std::string& name) {
    std::string mark = mark_of(aspect, model_, scheme_, name);
    if (mark.empty()) return false;
    excused[mark]++;
    return true;
  }

  void lists(const std::vector<Listed>& ours, const Json& theirs) {
    const std::vector<Json>& rows = theirs.items("params");
    std::size_t i = 0;
    std::size_t k = 0;
    while (i < ours.size() || k < rows.size()) {
      std::string a = i < ours.size() ? ours[i].name : "";
      std::string b = k < rows.size() ? text(rows[k], "name") : "";
      if (a == b) {
        row(ours[i++], rows[k++]);
      } else if (!a.empty() && is_excused(Aspect::kExtra, a)) {
        i++;
      } else if (!b.empty() && is_excused(Aspect::kLacking, b)) {
        k++;
      } else {
        wrong.push_back(fmt::format("ours is {}, theirs is {}", a, b));
        return;
      }
    }
  }

  void map(const std::vector<ParamSpec>& ours, const Json& theirs) {
    std::map<std::string, const Json*> rows;
    for (const Json& entry : theirs.items("map"))
      rows[text(entry, "mlc")] = &entry;
    for (const ParamSpec& spec : ours) {
      auto found = rows.find(spec.name);
      if (found == rows.end()) {
        if (!is_excused(Aspect::kExtra, spec.name) && !is_excused(Aspect::kSources, spec.name))
          wrong.push_back(spec.name + " is not in their map");
        continue;
      }
      entry(spec, *found->second);
      rows.erase(found);
    }
    for (const auto& [name, json] : rows)
      if (!is_excused(Aspect::kLacking, name)) wrong.push_back(name + " is not in our map");
  }

  void order(std::vector<std::string> ours, const Json& theirs) {
    std::vector<std::string> expected = strings(theirs);
    auto placed_elsewhere = [&](const std::string& name) {
      std::string mark = mark_of(Aspect::kOrder, model_, scheme_, name);
      // A gate that mlc_llm writes must stand where it does.
      return !mark.empty() &&
             (mark != "S2" || std::find(expected.begin(), expected.end(), name) == expected.end());
    };
    std::erase_if(ours, placed_elsewhere);
    std::erase_if(expected, placed_elsewhere);
    if (ours != expected) wrong.push_back("the order of writing differs");
  }

 private:
  void row(const Listed& ours, const Json& theirs) {
    std::vector<std::int64_t> shape = integers(*theirs.find("shape"));
    if (ours.shape != shape && !is_excused(Aspect::kShape, ours.name))
      wrong.push_back(fmt::format("{} is [{}], theirs [{}]", ours.name, fmt::join(ours.shape, ", "),
                                  fmt::join(shape, ", ")));
    if (ours.dtype != text(theirs, "dtype"))
      wrong.push_back(
          fmt::format("{} is {}, theirs {}", ours.name, ours.dtype, text(theirs, "dtype")));
    if (ours.symbolic && *ours.symbolic != (theirs.find("symbolic_dims") != nullptr))
      wrong.push_back(ours.name + ": who leaves the number of rows open differs");
    params++;
  }

  void entry(const ParamSpec& spec, const Json& theirs) {
    bool same = true;
    auto check = [&](bool equal, Aspect aspect, const std::string& what) {
      if (equal) return;
      same = false;
      if (!is_excused(aspect, spec.name)) wrong.push_back(spec.name + ": " + what);
    };
    std::vector<std::string> sources = strings(*theirs.find("hf"));
    check(spec.sources == sources, Aspect::kSources,
          fmt::format("from {}, theirs from {}", fmt::join(spec.sources, " "),
                      fmt::join(sources, " ")));
    std::string op = text(theirs, "op");
    // For one source that is copying.
    if (op == "fp8_shared_scale" && spec.op == Op::kCopy) op = "copy";
    check(op_word(spec.op) == op, Aspect::kOp,
          fmt::format("by {}, theirs by {}", op_word(spec.op), op));
    if (op == op_word(spec.op)) arguments(spec, theirs, check);
    entries += same ? 1 : 0;
  }

  // The numbers of an op, as far as the map's entry has them.
  template <class Check>
  void arguments(const ParamSpec& spec, const Json& theirs, Check& check) {
    auto expect = [&](std::int64_t value, const char* key) {
      const Json* number = theirs.find(key);
      if (number == nullptr) return;
      check(value == number->as_int(key), Aspect::kOp,
            fmt::format("{} is {}, theirs {}", key, value, number->as_int(key)));
    };
    expect(spec.args.heads, "heads");
    expect(spec.args.heads, "kv_heads");
    expect(spec.args.head_dim, "head_dim");
    expect(spec.args.queries, "q_per_kv");
    expect(spec.args.exponent, "t");
    if (spec.op == Op::kConcat || spec.op == Op::kConcatColumns)
      expect(spec.op == Op::kConcat ? 0 : 1, "axis");
    if (const Json* parts = theirs.find("reshape")) {
      check(spec.args.heads == integers(*parts)[0], Aspect::kOp, "other heads");
      check(spec.args.nope + spec.args.value == integers(*parts)[1], Aspect::kOp, "other rows");
      expect(spec.op == Op::kMlaKvBK ? spec.args.nope : spec.args.nope + spec.args.value, "hi");
      expect(spec.op == Op::kMlaKvBK ? 0 : spec.args.nope, "lo");
    }
    if (spec.op == Op::kAddOne || spec.op == Op::kAddOneF32) {
      const Json* dtype = theirs.find("compute_dtype");
      bool float32 = dtype != nullptr && dtype->as_string("dtype") == "float32";
      check(float32 == (spec.op == Op::kAddOneF32), Aspect::kOp, "computed in another dtype");
    }
  }

  std::string model_;
  std::string scheme_;
};

}  // namespace mlc::test
