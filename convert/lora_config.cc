#include "convert/lora_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::int64_t kLargestRank = 65536;

// Options that change the sum, or the base model, when they are set to anything but false, null or
// an empty container.
struct Refused {
  std::string_view key;
  std::string_view what;
};
constexpr std::array kRefused = {
    Refused{"use_dora", "DoRA, which also scales each row by a learned magnitude,"},
    Refused{"use_qalora", "QA-LoRA"},
    Refused{"lora_bias", "a bias of B"},
    Refused{"layer_replication", "replicated layers"},
    Refused{"target_parameters", "adapters of bare parameters"},
    Refused{"alora_invocation_tokens", "an adapter that is active from a token on (aLoRA)"},
    Refused{"trainable_token_indices", "single rows of an embedding"},
};

// With these the adapter was trained against a base model that they changed.
constexpr std::array<std::string_view, 4> kChangesBase = {"pissa", "olora", "corda", "loftq"};

class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {
    if (!json.is_object()) bad_input("{}: expected an object", where_);
  }
  std::string what(std::string_view key) const { return fmt::format("{}: {}", where_, key); }
  const Json* find(std::string_view key) const {
    const Json* value = json_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }
  bool flag(std::string_view key) const {
    const Json* value = find(key);
    return value && value->as_bool(what(key));
  }
  [[noreturn]] void unsupported(std::string_view key, std::string_view found) const {
    fail(ExitCode::kUnsupported,
         "{}: {} is not supported; merge the adapter with PEFT (merge_and_unload) and convert the "
         "result",
         what(key), printable(found));
  }
  std::int64_t rank(const Json& value, std::string_view key) const {
    std::int64_t r = value.as_int(what(key));
    if (r < 1 || r > kLargestRank)
      bad_input("{}: found {}, expected 1 to {}", what(key), r, kLargestRank);
    return r;
  }
  double alpha(const Json& value, std::string_view key) const { return value.as_double(what(key)); }
  std::vector<std::string> strings(std::string_view key) const {
    std::vector<std::string> out;
    if (const Json* value = find(key))
      for (const Json& item : value->items(what(key)))
        out.push_back(item.as_string(what(key)));
    return out;
  }
  // Keys of the pattern tables are regular expressions that in practice are names; those are taken
  // as such, with their dots.
  std::string module_name(std::string key, std::string_view table) const {
    std::string name;
    for (std::size_t i = 0; i < key.size(); i++) {
      if (key[i] == '\\' && i + 1 < key.size() && key[i + 1] == '.') continue;
      if (std::string_view("\\*+?()[]{}|$").find(key[i]) != std::string_view::npos)
        unsupported(table, "the pattern " + key);
      name += key[i];
    }
    if (name.find('^', 1) != std::string::npos) unsupported(table, "the pattern " + key);
    return name;
  }

 private:
  const Json& json_;
  const std::string& where_;
};

bool is_set(const Json* value) {
  if (!value) return false;
  if (value->is_bool()) return value->as_bool("");
  if (value->is_array()) return !value->items("").empty();
  if (value->is_object()) return !value->members("").empty();
  return true;
}

void check_initialization(const Reader& r) {
  const Json* init = r.find("init_lora_weights");
  if (!init || init->is_bool()) return;
  std::string name = init->as_string(r.what("init_lora_weights"));
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (std::string_view method : kChangesBase)
    if (name.starts_with(method))
      r.unsupported("init_lora_weights", name + ", which changes the base model,");
}

// "q_proj" names every module of which it is the last part or parts; a leading '^' the whole one.
bool names(std::string_view entry, std::string_view module) {
  if (entry.starts_with('^')) return entry.substr(1) == module;
  return module == entry || (module.ends_with(entry) && module.size() > entry.size() &&
                             module[module.size() - entry.size() - 1] == '.');
}

template <class Entries>
auto first_named(const Entries& entries, std::string_view module) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const auto& e) { return names(e.first, module); });
}

bool any_names(const std::vector<std::string>& entries, std::string_view module) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const std::string& e) { return names(e, module); });
}

}  // namespace

bool LoraConfig::targets(std::string_view module) const {
  return any_module || any_names(target_modules, module);
}

bool LoraConfig::saves(std::string_view module) const {
  // PEFT also saves these when the vocabulary was resized or when asked to (save_embedding_layers).
  static const std::vector<std::string> kEmbeddings = {"embed_tokens", "lm_head"};
  return any_names(modules_to_save, module) || any_names(kEmbeddings, module);
}

std::int64_t LoraConfig::rank_of(std::string_view module) const {
  auto entry = first_named(rank_pattern, module);
  return entry == rank_pattern.end() ? rank : entry->second;
}

double LoraConfig::scaling_of(std::string_view module) const {
  auto entry = first_named(alpha_pattern, module);
  double a = entry == alpha_pattern.end() ? alpha : entry->second;
  auto r = static_cast<double>(rank_of(module));
  return rslora ? a / std::sqrt(r) : a / r;
}

LoraConfig parse_lora_config(const Json& config, const std::string& where) {
  Reader r(config, where);
  if (const Json* type = r.find("peft_type"))
    if (const std::string& name = type->as_string(r.what("peft_type")); name != "LORA")
      r.unsupported("peft_type", name);
  for (const Refused& refused : kRefused)
    if (is_set(r.find(refused.key))) r.unsupported(refused.key, refused.what);
  check_initialization(r);

  LoraConfig out;
  const Json* rank = r.find("r");
  const Json* alpha = r.find("lora_alpha");
  if (!rank || !alpha) bad_input("{}: {} is missing", where, rank ? "lora_alpha" : "r");
  out.rank = r.rank(*rank, "r");
  out.alpha = r.alpha(*alpha, "lora_alpha");
  out.rslora = r.flag("use_rslora");
  out.fan_in_fan_out = r.flag("fan_in_fan_out");
  if (const Json* bias = r.find("bias"))
    out.saves_biases = bias->as_string(r.what("bias")) != "none";
  const Json* targets = r.find("target_modules");
  out.any_module = !targets || targets->is_string();
  if (!out.any_module) out.target_modules = r.strings("target_modules");
  out.modules_to_save = r.strings("modules_to_save");
  if (const Json* table = r.find("rank_pattern"))
    for (const auto& [key, value] : table->members(r.what("rank_pattern")))
      out.rank_pattern.emplace_back(r.module_name(key, "rank_pattern"),
                                    r.rank(value, "rank_pattern"));
  if (const Json* table = r.find("alpha_pattern"))
    for (const auto& [key, value] : table->members(r.what("alpha_pattern")))
      out.alpha_pattern.emplace_back(r.module_name(key, "alpha_pattern"),
                                     r.alpha(value, "alpha_pattern"));
  return out;
}

}  // namespace mlc
