#include "genconfig/conv_template.h"

#include <algorithm>

#include "base/error.h"
#include "genconfig/templates/chatml.h"
#include "genconfig/templates/deepseek.h"
#include "genconfig/templates/llama.h"
#include "genconfig/templates/marked.h"
#include "genconfig/templates/mistral.h"
#include "genconfig/templates/plain.h"

namespace mlc {
namespace {

template <std::size_t... N>
constexpr auto join_rows(const ConvTemplate (&... families)[N]) {
  std::array<ConvTemplate, (N + ...)> rows = {};
  auto out = rows.begin();
  ((out = std::copy(families, families + N, out)), ...);
  return rows;
}

constexpr auto kRows = join_rows(kChatmlTemplates, kLlamaTemplates, kMistralTemplates,
                                 kDeepseekTemplates, kMarkedTemplates, kPlainTemplates);

constexpr bool holds(std::string_view text, std::string_view placeholder) {
  return text.find(placeholder) != std::string_view::npos;
}

constexpr bool well_formed(const ConvTemplate& row) {
  for (std::int32_t id : row.stop_token_ids)
    if (id < 0) return false;
  for (std::int32_t id : row.system_prefix_token_ids)
    if (id < 0) return false;
  return !row.name.empty() && (row.seps.size() == 1 || row.seps.size() == 2) &&
         holds(row.user_template, "{user_message}") &&
         holds(row.assistant_template, "{assistant_message}") &&
         holds(row.tool_template, "{tool_message}") &&
         // A model that nothing stops would write on as the user.
         !(row.stop_token_ids.empty() && row.stop_str.empty());
}

constexpr bool all_well_formed() {
  for (std::size_t i = 0; i < kRows.size(); i++) {
    if (!well_formed(kRows[i])) return false;
    for (std::size_t j = 0; j < i; j++)
      if (kRows[i].name == kRows[j].name) return false;
  }
  return true;
}
static_assert(all_well_formed(), "a row of genconfig/templates is malformed or occurs twice");

template <class T>
Json list_of(const Few<T>& values) {
  Json list = Json::array();
  for (const T& value : values)
    list.push(Json(value));
  return list;
}

void replace_all(std::string& text, std::string_view placeholder, std::string_view by) {
  for (std::size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + by.size()))
    text.replace(at, placeholder.size(), by);
}

std::string filled(std::string_view text, std::string_view placeholder, std::string_view by) {
  std::string result(text);
  replace_all(result, placeholder, by);
  return result;
}

// What a model thought aloud before its answer is left out of the history.
std::string without_reasoning(const std::string& content) {
  constexpr std::string_view kEnd = "</think>";
  std::size_t end = content.rfind(kEnd);
  if (end == std::string::npos) return content;
  std::size_t begin = content.find_first_not_of('\n', end + kEnd.size());
  return begin == std::string::npos ? std::string() : content.substr(begin);
}

struct Role {
  std::string_view words;
  std::string_view text;
  std::string_view placeholder;
};

Role find_role(const ConvTemplate& row, const std::string& name) {
  if (name == "user") return {row.user, row.user_template, "{user_message}"};
  if (name == "assistant") return {row.assistant, row.assistant_template, "{assistant_message}"};
  if (name == "tool" && row.tool) return {*row.tool, row.tool_template, "{tool_message}"};
  bad_input("conversation template {} has no role \"{}\"{}", row.name, printable(name),
            name == "system" ? " after the first message" : "");
}

}  // namespace

std::span<const ConvTemplate> conv_templates() { return kRows; }

const ConvTemplate* find_conv_template(std::string_view name) {
  auto found = std::find_if(kRows.begin(), kRows.end(),
                            [&](const ConvTemplate& row) { return row.name == name; });
  return found == kRows.end() ? nullptr : &*found;
}

Json conv_template_json(const ConvTemplate& row) {
  Json json = Json::object();
  json.set("name", row.name);
  json.set("system_template", row.system_template);
  json.set("system_message", row.system_message);
  json.set("system_prefix_token_ids",
           row.system_prefix_token_ids.empty() ? Json() : list_of(row.system_prefix_token_ids));
  json.set("add_role_after_system_message", row.add_role_after_system_message);
  Json roles = Json::object().set("user", row.user).set("assistant", row.assistant);
  if (row.tool) roles.set("tool", *row.tool);
  json.set("roles", std::move(roles));
  json.set("role_templates", Json::object()
                                 .set("user", row.user_template)
                                 .set("assistant", row.assistant_template)
                                 .set("tool", row.tool_template));
  json.set("messages", Json::array());
  json.set("seps", list_of(row.seps));
  json.set("role_content_sep", row.role_content_sep);
  json.set("role_empty_sep", row.role_empty_sep);
  json.set("stop_str", list_of(row.stop_str));
  json.set("stop_token_ids", list_of(row.stop_token_ids));
  json.set("strip_reasoning_in_history", row.strip_reasoning_in_history);
  json.set("function_string", "");
  json.set("use_function_calling", false);
  return json;
}

std::string render_conversation(const ConvTemplate& row, const std::vector<ChatMessage>& messages,
                                const RenderOptions& options) {
  bool has_system = !messages.empty() && messages[0].role == "system";
  std::string system =
      filled(row.system_template, "{system_message}",
             has_system ? std::string_view(messages[0].content) : row.system_message);
  std::string text = system;
  for (std::size_t i = has_system ? 1 : 0; i < messages.size(); i++) {
    const ChatMessage& message = messages[i];
    Role role = find_role(row, message.role);
    bool first = i == (has_system ? 1u : 0u);
    if (!first || row.add_role_after_system_message || system.empty()) {
      text += role.words;
      text += row.role_content_sep;
    }
    bool is_assistant = message.role == "assistant";
    text +=
        filled(role.text, role.placeholder,
               is_assistant && row.strip_reasoning_in_history ? without_reasoning(message.content)
                                                              : message.content);
    text += row.seps[is_assistant ? row.seps.size() - 1 : 0];
  }
  if (options.add_generation_prompt) {
    text += row.assistant;
    text += row.role_empty_sep;
  }
  // No tools are offered here.
  replace_all(text, "{function_string}", "");
  return text;
}

}  // namespace mlc
