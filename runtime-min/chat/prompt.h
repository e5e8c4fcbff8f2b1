// The words that a model expects around system message, user and assistant, as the conv_template of
// mlc-chat-config.json has them (docs/formats.md), and prompts made of them.
//
//   PromptTemplate t = read_prompt_template(config_json, "OUT/mlc-chat-config.json");
//   std::string text = render_prompt(t, {{Speaker::kUser, "Hi"}});
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace mlc {

enum class Speaker : std::uint8_t { kSystem, kUser, kAssistant, kTool };

struct SpeakerWords {
  std::string role;         // in front of the message
  std::string around;       // holds the placeholder
  std::string placeholder;  // "{user_message}"
};

struct PromptTemplate {
  std::string name;
  std::string system_template = "{system_message}";
  std::string system_message;                       // where a conversation has none of its own
  std::vector<std::uint32_t> system_prefix_tokens;  // in front of everything
  bool add_role_after_system_message = true;
  SpeakerWords user, assistant;
  std::optional<SpeakerWords> tool;
  std::vector<std::string> separators;  // after every message; or after others and the assistant
  std::string role_content_sep;
  std::string role_empty_sep;
  std::vector<std::string> stop_strings;
  std::vector<std::uint32_t> stop_tokens;
  bool strip_reasoning_in_history = false;
};

// `config` is mlc-chat-config.json as a whole, `where` its path. Error(kBadInput) names the member
// that is missing or of another kind, with what to do.
PromptTemplate read_prompt_template(const Json& config, const std::string& where);

struct PromptMessage {
  Speaker speaker = Speaker::kUser;
  std::string content;
};

// What MLC makes of the conversation (genconfig/conv_template.h, render_conversation), ending with
// the assistant's role, without the tokens of system_prefix_tokens. A system message stands first.
// Error(kUsage) for a role that the template does not know, Error(kBadInput) beyond 64 MiB.
std::string render_prompt(const PromptTemplate& words, const std::vector<PromptMessage>& messages);

}  // namespace mlc
