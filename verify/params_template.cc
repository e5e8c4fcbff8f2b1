#include "verify/params_template.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "base/error.h"
#include "genconfig/chat_template.h"
#include "genconfig/conv_template.h"
#include "runtime-min/chat/prompt.h"
#include "verify/params.h"

namespace mlc {
namespace {

// Beyond these a template is told apart by nothing that a model sees.
bool is_free(std::string_view key) {
  return key == "system_message" || key == "messages" || key == "function_string" ||
         key == "use_function_calling";
}

std::vector<std::int64_t> ints_of(const Json* json) {
  std::vector<std::int64_t> values;
  if (json == nullptr) return values;
  if (json->is_int()) values.push_back(json->as_int("ids"));
  if (!json->is_array()) return values;
  for (const Json& item : json->items("ids"))
    if (item.is_int()) values.push_back(item.as_int("ids"));
  return values;
}

bool contains(const std::vector<std::int64_t>& values, std::int64_t value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string list_text(const std::vector<std::int64_t>& values) {
  return values.empty() ? "none" : fmt::format("{}", fmt::join(values, ", "));
}

void take_texts(const Json& json, std::vector<std::string>& out) {
  if (json.is_string()) out.push_back(json.as_string("text"));
  if (json.is_array())
    for (const Json& item : json.items("texts"))
      take_texts(item, out);
  if (json.is_object())
    for (const Json::Member& member : json.members("texts"))
      take_texts(member.second, out);
}

constexpr std::size_t kLongestMark = 64;

// "<|im_end|>", "<｜User｜>", "<start_of_turn>": what a tokenizer has one token for, if the model
// was made for the template. Plain words in angle brackets are text for some models.
bool is_mark(std::string_view inner) {
  if (inner.find_first_of(" \n{}") != std::string_view::npos) return false;
  return (inner.size() > 2 && inner.front() == '|' && inner.back() == '|') ||
         inner.starts_with("｜") || inner.ends_with("_of_turn");
}

std::set<std::string> marks_in(const std::vector<std::string>& texts) {
  std::set<std::string> marks;
  for (const std::string& text : texts)
    for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
      // No farther: a text of "<" alone would be looked through again from each.
      std::string_view rest = std::string_view(text).substr(at + 1, kLongestMark);
      std::size_t end = rest.find('>');
      if (end != std::string_view::npos && is_mark(rest.substr(0, end)))
        marks.insert(text.substr(at, end + 2));
    }
  return marks;
}

class TemplateCheck {
 public:
  TemplateCheck(const VerifyOptions& options, const ChatConfig& config, const TokenizerFacts& facts,
                VerifyReport& report)
      : options_(options), config_(config), facts_(facts), report_(report) {}

  void run() {
    const Json* json = config_.json.find("conv_template");
    if (json == nullptr && is_embedding()) return;
    // The name alone is how files of 2024 have it.
    if (json == nullptr || !json->is_string()) {
      try {
        read_prompt_template(config_.json, config_.path);
      } catch (const Error& error) {
        report_.findings.add(rule_of(ParamRule::kConfigDamaged), config_.path, error.what());
      }
    }
    if (json == nullptr || (!json->is_object() && !json->is_string())) return;
    std::string name = conv_template_name(config_.json);
    report_.params->conv_template = name;
    row_ = find_conv_template(name);
    if (row_ == nullptr) add(ParamRule::kTemplateUnknown, "name", printable(name));
    if (row_ != nullptr && json->is_object()) compare_with_row(*json);
    bool as_trained = row_ != nullptr && compare_with_chat_template();
    if (!facts_.tokenizer) return;
    check_ids("stop_token_ids", stop_token_ids(config_.json));
    if (json->is_object())
      check_ids("system_prefix_token_ids", ints_of(json->find("system_prefix_token_ids")));
    check_ends(*json);
    if (!as_trained) check_marks(*json);
  }

 private:
  void add(ParamRule rule, std::string_view member, std::string found, std::string expected = {}) {
    report_.findings.add(rule_of(rule), fmt::format("{}: conv_template.{}", config_.path, member),
                         std::move(found), std::move(expected));
  }

  bool is_embedding() const {
    const Json* task = config_.json.find("model_task");
    return task != nullptr && *task == Json("embedding");
  }

  // Key by key; members that are absent are what older writers left out.
  void compare_with_row(const Json& json) {
    const Json row = conv_template_json(*row_);
    for (const Json::Member& wanted : row.members("row")) {
      const Json* found = json.find(wanted.first);
      if (found == nullptr || is_free(wanted.first) || *found == wanted.second) continue;
      if (wanted.first == "stop_token_ids" && is_superset(*found, wanted.second)) continue;
      if (wanted.second.is_object() && found->is_object() && agrees(*found, wanted.second))
        continue;
      add(ParamRule::kTemplateDiffers, wanted.first, printable(dump_json(*found), 300),
          fmt::format("{}, as {} has it", printable(dump_json(wanted.second), 300), row_->name));
    }
  }

  // gen_config --all-stop-tokens appends.
  static bool is_superset(const Json& found, const Json& wanted) {
    std::vector<std::int64_t> all = ints_of(&found);
    std::vector<std::int64_t> needed = ints_of(&wanted);
    return std::all_of(needed.begin(), needed.end(),
                       [&](std::int64_t id) { return contains(all, id); });
  }

  static bool agrees(const Json& found, const Json& wanted) {
    for (const Json::Member& member : wanted.members("row"))
      if (const Json* value = found.find(member.first); value && !(*value == member.second))
        return false;
    return true;
  }

  // True if the checkpoint's own template gives the same text.
  bool compare_with_chat_template() {
    std::error_code ignored;
    for (const std::string* folder : {&options_.source, &options_.model}) {
      if (folder->empty() || !std::filesystem::is_directory(*folder, ignored)) continue;
      try {
        TemplateFinding found = check_chat_template(*folder, *row_);
        if (found.kind == TemplateFinding::Kind::kNoTemplate) continue;
        if (found.is_warning())
          add(ParamRule::kTemplateUnlike, "name", found.summary,
              "the text of the checkpoint's chat template");
        return !found.is_warning();
      } catch (const Error& error) {
        add(ParamRule::kTemplateUnlike, "name", error.what());
        return false;
      }
    }
    return false;
  }

  void check_ids(std::string_view member, const std::vector<std::int64_t>& ids) {
    for (std::int64_t id : ids)
      if (id < 0 || id > std::numeric_limits<std::int32_t>::max() ||
          !facts_.tokenizer->token_text(static_cast<std::int32_t>(id)))
        add(ParamRule::kTokenUnknown, member, fmt::format("{}", id),
            fmt::format("a token of the tokenizer, which has {} ids",
                        facts_.tokenizer->vocab_size()));
  }

  // What the checkpoint's files end a turn with must be a stop token, or a stop text.
  void check_ends(const Json& json) {
    std::vector<std::int64_t> ends = ints_of(config_.json.find("eos_token_id"));
    if (std::optional<std::int32_t> id = facts_.tokenizer->token_id(facts_.eos_token)) {
      // Where no file names one, gen_config writes 2, as mlc_llm does.
      if (ends.size() == 1 && ends[0] == 2) ends.clear();
      if (!contains(ends, *id)) ends.push_back(*id);
    }
    std::vector<std::string> texts;
    if (const Json* stop_str = json.find("stop_str")) take_texts(*stop_str, texts);
    const std::set<std::string> stop_texts(texts.begin(), texts.end());
    std::vector<std::int64_t> stops = stop_token_ids(config_.json);
    const std::set<std::int64_t> stop_ids(stops.begin(), stops.end());
    std::vector<std::int64_t> lacking;
    for (std::int64_t id : ends) {
      if (id < 0 || id > std::numeric_limits<std::int32_t>::max() || stop_ids.count(id) > 0)
        continue;
      std::optional<std::string> text = facts_.tokenizer->token_text(static_cast<std::int32_t>(id));
      if (!text || stop_texts.count(*text) == 0) lacking.push_back(id);
    }
    if (!lacking.empty())
      add(ParamRule::kStopTokenMissing, "stop_token_ids", list_text(stops),
          fmt::format("also {}", list_text(lacking)));
  }

  void check_marks(const Json& json) {
    std::vector<std::string> texts;
    if (json.is_object())
      take_texts(json, texts);
    else if (row_ != nullptr)
      take_texts(conv_template_json(*row_), texts);
    std::vector<std::string> unknown;
    for (const std::string& mark : marks_in(texts))
      if (facts_.tokenizer->encode(mark, {.add_special_tokens = false}).size() != 1)
        unknown.push_back(mark);
    if (!unknown.empty())
      add(ParamRule::kTemplateMarks, "roles and separators", printable_list(unknown),
          "one token each");
  }

  const VerifyOptions& options_;
  const ChatConfig& config_;
  const TokenizerFacts& facts_;
  VerifyReport& report_;
  const ConvTemplate* row_ = nullptr;
};

}  // namespace

std::string conv_template_name(const Json& chat_config) {
  const Json* json = chat_config.find("conv_template");
  if (json != nullptr && json->is_object()) json = json->find("name");
  return json != nullptr && json->is_string() ? json->as_string("name") : std::string();
}

std::vector<std::int64_t> stop_token_ids(const Json& chat_config) {
  const Json* json = chat_config.find("conv_template");
  if (json != nullptr && json->is_object()) return ints_of(json->find("stop_token_ids"));
  const ConvTemplate* row = find_conv_template(conv_template_name(chat_config));
  if (row == nullptr) return {};
  return {row->stop_token_ids.begin(), row->stop_token_ids.end()};
}

void check_conv_template(const VerifyOptions& options, const ChatConfig& config,
                         const TokenizerFacts& facts, VerifyReport& report) {
  TemplateCheck(options, config, facts, report).run();
}

}  // namespace mlc
