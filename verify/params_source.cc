#include "verify/params_source.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "convert/convert.h"
#include "genconfig/genconfig.h"
#include "verify/params.h"
#include "verify/params_template.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTokenizerFile = std::uint64_t{320} << 20;

// Options of gen_config: a value of its own is no mistake.
struct Override {
  const char* name;
  std::optional<std::int64_t> ConfigOverrides::*option;
};
constexpr std::array<Override, 7> kOverrides = {{
    {"context_window_size", &ConfigOverrides::context_window_size},
    {"sliding_window_size", &ConfigOverrides::sliding_window_size},
    {"prefill_chunk_size", &ConfigOverrides::prefill_chunk_size},
    {"attention_sink_size", &ConfigOverrides::attention_sink_size},
    {"max_batch_size", &ConfigOverrides::max_batch_size},
    {"tensor_parallel_shards", &ConfigOverrides::tensor_parallel_shards},
    {"pipeline_parallel_stages", &ConfigOverrides::pipeline_parallel_stages},
}};

bool is_override(std::string_view key) {
  return std::any_of(kOverrides.begin(), kOverrides.end(),
                     [&](const Override& row) { return row.name == key; });
}

// What people set by hand.
bool is_setting(std::string_view key) {
  return key == "temperature" || key == "presence_penalty" || key == "frequency_penalty" ||
         key == "repetition_penalty" || key == "top_p" || key == "disaggregation";
}

// Compared elsewhere, or by nothing that a runtime does.
bool is_compared_elsewhere(std::string_view key) {
  return key == "version" || key == "model_config" || key == "conv_template" ||
         key == "tokenizer_info" || key == "tokenizer_files" || key == "vocab_size" ||
         key == "quantization";
}

// Numbers by their value: writers differ in 1e-05 and 0.00001, and in 10000 and 10000.0.
bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.as_double("number") == b.as_double("number");
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    const std::vector<Json>&x = a.items("list"), &y = b.items("list");
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal);
  }
  if (!a.is_object()) return a == b;
  const std::vector<Json::Member>& members = a.members("object");
  return members.size() == b.members("object").size() &&
         std::all_of(members.begin(), members.end(), [&](const Json::Member& member) {
           const Json* other = b.find(member.first);
           return other != nullptr && equal(member.second, *other);
         });
}

// eos_token_id 2 and [2] are the same.
bool equal_tokens(const Json& a, const Json& b) {
  if (equal(a, b)) return true;
  const Json& list = a.is_array() ? a : b;
  const Json& one = a.is_array() ? b : a;
  return list.is_array() && one.is_int() && list.items("ids").size() == 1 &&
         equal(list.items("ids")[0], one);
}

class SourceCheck {
 public:
  SourceCheck(const VerifyOptions& options, const ChatConfig& config,
              const std::optional<FolderIndex>& index, VerifyReport& report)
      : options_(options), config_(config), index_(index), report_(report) {
    // A file of weights has its config beside it.
    fs::path source(options.source);
    std::error_code ignored;
    fs::path folder = fs::is_directory(source, ignored) ? source : source.parent_path();
    folder_ = folder.empty() ? fs::path(".").string() : folder.string();
  }

  void run() {
    std::error_code ignored;
    if (!fs::is_regular_file(fs::path(folder_) / "config.json", ignored)) {
      add(ParamRule::kSourceUnchecked, options_.source, "no config.json beside its weights");
      return;
    }
    try {
      check_config();
      if (index_ && config_.quantization != nullptr) check_plan();
    } catch (const Error& error) {
      // Of the source: it can't be converted, or not in this way.
      add(ParamRule::kSourceUnchecked, options_.source, error.what());
    }
  }

 private:
  void add(ParamRule rule, const std::string& where, std::string found, std::string expected = {}) {
    report_.findings.add(rule_of(rule), where, std::move(found), std::move(expected));
  }

  GenConfigOptions gen_config_options() const {
    GenConfigOptions options;
    options.config = folder_;
    options.quantization = config_.quantization != nullptr ? std::string(config_.quantization->name)
                                                           : std::string("q0f16");
    std::string name = conv_template_name(config_.json);
    if (find_conv_template(name) == nullptr) name = find_conv_template("LM")->name;
    options.conv_template = name;
    return options;
  }

  void check_config() {
    SilentReporter silent;
    GenConfigOptions options = gen_config_options();
    if (load_model_config(folder_, "auto").model_type() != config_.model.model_type()) {
      add(ParamRule::kConfigDiffers, config_.path + ": model_type",
          std::string(config_.model.model_type()),
          std::string(load_model_config(folder_, "auto").model_type()));
      return;
    }
    GeneratedConfig made = generate_config(options, silent);
    check_context(made.config);
    for (const Override& row : kOverrides) {
      const Json* found = config_.model.fields.find(row.name);
      const Json* wanted = made.config.find("model_config")->find(row.name);
      if (found != nullptr && wanted != nullptr && found->is_int() && !equal(*found, *wanted) &&
          found->as_int(row.name) > 0)
        options.overrides.*row.option = found->as_int(row.name);
    }
    made = generate_config(options, silent);
    compare_fields(*made.config.find("model_config"), config_.model.fields, "model_config");
    compare_top(made.config);
    compare_tokenizer(made.tokenizer);
    compare_template_choice(options);
  }

  void check_context(const Json& made) {
    const Json* found = config_.json.find("context_window_size");
    const Json* wanted = made.find("context_window_size");
    if (found != nullptr && wanted != nullptr && found->is_int() && wanted->is_int() &&
        wanted->as_int("context") > 0 && found->as_int("context") > wanted->as_int("context"))
      add(ParamRule::kLongerContext, config_.path + ": context_window_size", found->number_text(),
          "at most " + wanted->number_text());
  }

  // As the runtime reads them: a field that an older writer left out has its default.
  void compare_fields(const Json& wanted, const Json& found, const std::string& where) {
    for (const Json::Member& member : wanted.members(where)) {
      const Json* value = found.find(member.first);
      if (value == nullptr || is_override(member.first) || is_setting(member.first)) continue;
      std::string inner = where + "." + member.first;
      if (member.second.is_object() && value->is_object())
        compare_fields(member.second, *value, inner);
      else if (!equal(member.second, *value))
        add(ParamRule::kConfigDiffers, config_.path + ": " + inner,
            printable(dump_json(*value), 300), printable(dump_json(member.second), 300));
    }
  }

  void compare_top(const Json& made) {
    for (const Json::Member& member : made.members("made")) {
      const Json* found = config_.json.find(member.first);
      if (found == nullptr || is_override(member.first) || is_compared_elsewhere(member.first) ||
          equal_tokens(*found, member.second))
        continue;
      add(is_setting(member.first) ? ParamRule::kSettingDiffers : ParamRule::kConfigDiffers,
          config_.path + ": " + member.first, printable(dump_json(*found), 300),
          printable(dump_json(member.second), 300));
    }
  }

  void compare_tokenizer(const TokenizerFiles& made) {
    for (const TokenizerFile& file : made.files) {
      std::string path = (fs::path(options_.model) / file.name).string();
      std::error_code ignored;
      if (!fs::exists(path, ignored)) {
        // A file that mlc-chat-config.json names was found missing already.
        if (!is_listed(file.name))
          add(ParamRule::kTokenizerDiffers, file.name, "no such file", "the source's");
        continue;
      }
      // What was made of another file may have been made by another program.
      if (file.source.empty()) continue;
      std::string bytes = read_file(path, kMaxTokenizerFile);
      if (bytes == file.bytes) continue;
      std::size_t at = static_cast<std::size_t>(
          std::mismatch(bytes.begin(), bytes.end(), file.bytes.begin(), file.bytes.end()).first -
          bytes.begin());
      add(ParamRule::kTokenizerDiffers, file.name,
          fmt::format("{} bytes, other ones from byte {} on", bytes.size(), at),
          fmt::format("the {} bytes of the source's", file.bytes.size()));
    }
  }

  bool is_listed(const std::string& name) const {
    const Json* names = config_.json.find("tokenizer_files");
    if (names == nullptr || !names->is_array()) return false;
    const std::vector<Json>& all = names->items("tokenizer_files");
    return std::find(all.begin(), all.end(), Json(name)) != all.end();
  }

  // A rule for the checkpoint names another template, and that of the config gives other text.
  void compare_template_choice(GenConfigOptions options) {
    bool unlike = report_.findings.has(rule_of(ParamRule::kTemplateUnlike).id);
    if (!unlike) return;
    options.conv_template = "auto";
    SilentReporter silent;
    try {
      GeneratedConfig chosen = generate_config(options, silent);
      if (chosen.conv_template != conv_template_name(config_.json))
        add(ParamRule::kTemplateOther, config_.path + ": conv_template.name",
            conv_template_name(config_.json),
            fmt::format("{}, by {}", chosen.conv_template, chosen.template_rule));
    } catch (const Error&) {
      return;  // no rule knows the checkpoint
    }
  }

  void check_plan() {
    SilentReporter silent;
    ConvertOptions options;
    options.config = folder_;
    options.source = options_.source;
    options.quantization = config_.quantization->name;
    options.source_format = options_.source_format;
    options.allow_unused = true;
    Prepared prepared = prepare_conversion(options, silent);
    std::vector<const Record*> found;
    std::vector<std::size_t> shards;
    for (std::size_t s = 0; s < index_->cache.shards.size(); s++)
      for (const Record& record : index_->cache.shards[s].records) {
        found.push_back(&record);
        shards.push_back(s);
      }
    std::size_t i = 0;
    for (const PlanStep& step : prepared.plan.steps)
      for (const PlanRecord& wanted : step.records) {
        // Another number of records, and others, were found before.
        if (i >= found.size()) return;
        if (found[i]->name != wanted.name || shards[i] != wanted.shard ||
            found[i]->byte_offset != wanted.offset) {
          add(ParamRule::kOrder, fmt::format("{}: record {}", index_->name, i),
              fmt::format("{} at byte {} of shard {}", printable(found[i]->name),
                          found[i]->byte_offset, shards[i]),
              fmt::format("{} at byte {} of shard {}", printable(wanted.name), wanted.offset,
                          wanted.shard));
          return;
        }
        i++;
      }
  }

  const VerifyOptions& options_;
  const ChatConfig& config_;
  const std::optional<FolderIndex>& index_;
  VerifyReport& report_;
  std::string folder_;  // of the source's config.json
};

}  // namespace

void check_against_source(const VerifyOptions& options, const ChatConfig& config,
                          const std::optional<FolderIndex>& index, VerifyReport& report) {
  SourceCheck(options, config, index, report).run();
}

}  // namespace mlc
