#include "runtime-min/chat/prompt.h"

#include <limits>
#include <string_view>

#include "base/error.h"

namespace mlc {
namespace {

// A hostile template could ask for more copies of a message than memory holds.
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

void append(std::string& text, std::string_view more) {
  if (more.size() > kMaxBytes - text.size())
    bad_input("the prompt would have more than {} bytes", kMaxBytes);
  text += more;
}

// `text` with `by` in every place of the placeholder.
std::string filled(std::string_view text, std::string_view placeholder, std::string_view by) {
  std::string result;
  for (;;) {
    std::size_t at = text.find(placeholder);
    append(result, text.substr(0, at));
    if (at == std::string_view::npos) return result;
    append(result, by);
    text.remove_prefix(at + placeholder.size());
  }
}

// What a model thought aloud before its answer is left out of the history.
std::string_view without_reasoning(std::string_view content) {
  constexpr std::string_view kEnd = "</think>";
  std::size_t end = content.rfind(kEnd);
  if (end == std::string_view::npos) return content;
  std::size_t begin = content.find_first_not_of('\n', end + kEnd.size());
  return begin == std::string_view::npos ? std::string_view() : content.substr(begin);
}

const SpeakerWords& words_of(const PromptTemplate& words, Speaker speaker) {
  if (speaker == Speaker::kUser) return words.user;
  if (speaker == Speaker::kAssistant) return words.assistant;
  if (speaker == Speaker::kTool && words.tool) return *words.tool;
  fail(ExitCode::kUsage, "conversation template {} has no {}", printable(words.name),
       speaker == Speaker::kTool ? "tool messages" : "system message after the first message");
}

class TemplateReader {
 public:
  TemplateReader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  const Json& need(std::string_view key) const {
    const Json* value = json_.find(key);
    if (value == nullptr) bad_input("{}: {} is missing; mlc gen_config writes it", where_, key);
    return *value;
  }

  std::string text(std::string_view key) const { return need(key).as_string(name(key)); }

  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> list;
    for (const Json& item : need(key).items(name(key)))
      list.push_back(item.as_string(name(key)));
    return list;
  }

  // Null or absent: none.
  std::vector<std::uint32_t> tokens(std::string_view key) const {
    std::vector<std::uint32_t> list;
    const Json* value = json_.find(key);
    if (value == nullptr || value->is_null()) return list;
    for (const Json& item : value->items(name(key))) {
      std::uint64_t id = item.as_size(name(key));
      if (id > std::numeric_limits<std::int32_t>::max())
        bad_input("{}: {} is no token", name(key), id);
      list.push_back(static_cast<std::uint32_t>(id));
    }
    return list;
  }

  bool flag(std::string_view key, bool otherwise) const {
    const Json* value = json_.find(key);
    return value == nullptr || value->is_null() ? otherwise : value->as_bool(name(key));
  }

  std::string name(std::string_view key) const { return fmt::format("{}: {}", where_, key); }

 private:
  const Json& json_;
  std::string where_;
};

SpeakerWords read_speaker(const Json& roles, const Json* around, std::string_view speaker,
                          const std::string& where) {
  const Json* role = roles.find(speaker);
  if (role == nullptr) bad_input("{}: roles: {} is missing", where, speaker);
  std::string placeholder = fmt::format("{{{}_message}}", speaker);
  SpeakerWords words{.role = role->as_string(fmt::format("{}: roles: {}", where, speaker)),
                     .around = placeholder,
                     .placeholder = placeholder};
  const Json* text = around == nullptr ? nullptr : around->find(speaker);
  if (text != nullptr)
    words.around = text->as_string(fmt::format("{}: role_templates: {}", where, speaker));
  return words;
}

}  // namespace

PromptTemplate read_prompt_template(const Json& config, const std::string& where) {
  const Json* json = config.find("conv_template");
  if (json == nullptr || !json->is_object())
    bad_input("{}: conv_template is {}, expected an object; mlc gen_config writes it", where,
              json == nullptr ? "missing" : "the name of a template");
  std::string place = where + ": conv_template";
  TemplateReader reader(*json, place);
  PromptTemplate words;
  const Json* name = json->find("name");
  if (name != nullptr && name->is_string()) words.name = name->as_string("name");
  words.system_template = reader.text("system_template");
  words.system_message = reader.text("system_message");
  words.system_prefix_tokens = reader.tokens("system_prefix_token_ids");
  words.add_role_after_system_message = reader.flag("add_role_after_system_message", true);
  const Json& roles = reader.need("roles");
  const Json* around = json->find("role_templates");
  words.user = read_speaker(roles, around, "user", place);
  words.assistant = read_speaker(roles, around, "assistant", place);
  if (roles.find("tool") != nullptr) words.tool = read_speaker(roles, around, "tool", place);
  words.separators = reader.texts("seps");
  if (words.separators.empty() || words.separators.size() > 2)
    bad_input("{}: seps has {} texts, expected 1 or 2", place, words.separators.size());
  words.role_content_sep = reader.text("role_content_sep");
  words.role_empty_sep = reader.text("role_empty_sep");
  words.stop_strings = reader.texts("stop_str");
  words.stop_tokens = reader.tokens("stop_token_ids");
  words.strip_reasoning_in_history = reader.flag("strip_reasoning_in_history", false);
  return words;
}

std::string render_prompt(const PromptTemplate& words, const std::vector<PromptMessage>& messages) {
  bool has_system = !messages.empty() && messages[0].speaker == Speaker::kSystem;
  std::string text = filled(words.system_template, "{system_message}",
                            has_system ? messages[0].content : words.system_message);
  bool role_is_written = !words.add_role_after_system_message && !text.empty();
  for (std::size_t i = has_system ? 1 : 0; i < messages.size(); i++) {
    const PromptMessage& message = messages[i];
    const SpeakerWords& speaker = words_of(words, message.speaker);
    bool is_assistant = message.speaker == Speaker::kAssistant;
    if (!role_is_written) {
      append(text, speaker.role);
      append(text, words.role_content_sep);
    }
    role_is_written = false;
    std::string_view content = message.content;
    if (is_assistant && words.strip_reasoning_in_history) content = without_reasoning(content);
    append(text, filled(speaker.around, speaker.placeholder, content));
    append(text, is_assistant ? words.separators.back() : words.separators.front());
  }
  append(text, words.assistant.role);
  append(text, words.role_empty_sep);
  return filled(text, "{function_string}", "");  // no tools are offered
}

}  // namespace mlc
