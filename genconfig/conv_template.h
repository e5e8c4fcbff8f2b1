// Conversation templates: the words that a model expects around system message, user and
// assistant. A template is a row of genconfig/templates/; what mlc-chat-config.json says of it
// (docs/formats.md) is conv_template_json(row).
//
//   const ConvTemplate* t = find_conv_template("llama-3");
//   std::string text = render_conversation(*t, {{"user", "Hi"}}, {.add_generation_prompt = true});
//
// A malformed row does not compile (static_assert in conv_template.cc).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace mlc {

// At most six values, some of which may be empty texts, so that their number is kept.
template <class T>
class Few {
 public:
  template <class... V>
  requires(sizeof...(V) <= 6 &&
           (std::convertible_to<V, T> &&
            ...)) constexpr Few(V... values)  // NOLINT(google-explicit-constructor)
      : values_{static_cast<T>(values)...}, size_(sizeof...(V)) {}
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T* begin() const { return values_.data(); }
  constexpr const T* end() const { return values_.data() + size_; }
  constexpr const T& operator[](std::size_t index) const { return values_[index]; }

 private:
  std::array<T, 6> values_ = {};
  std::size_t size_ = 0;
};

struct ConvTemplate {
  std::string_view name;
  std::string_view system_template = "{system_message}";
  std::string_view system_message = {};  // the one that a runtime uses where none is given
  // Tokens in front of everything, mostly the one that begins a text. None: null.
  Few<std::int32_t> system_prefix_token_ids = {};
  // false: the first message's role stands within the system text already ("[INST] <<SYS>>").
  bool add_role_after_system_message = true;
  std::string_view user = {};
  std::string_view assistant = {};
  std::optional<std::string_view> tool = {};  // none: the template knows no such role
  std::string_view user_template = "{user_message}";
  std::string_view assistant_template = "{assistant_message}";
  std::string_view tool_template = "{tool_message}";
  Few<std::string_view> seps = {};  // after every message; or after user and after assistant
  std::string_view role_content_sep = {};
  std::string_view role_empty_sep = {};  // between the role and what the model is to write
  Few<std::string_view> stop_str = {};
  Few<std::int32_t> stop_token_ids = {};
  bool strip_reasoning_in_history = false;
};

// All of them; those of one family stand together.
std::span<const ConvTemplate> conv_templates();
const ConvTemplate* find_conv_template(std::string_view name);  // null if unknown

// The object that mlc-chat-config.json holds.
Json conv_template_json(const ConvTemplate& row);

struct ChatMessage {
  std::string role;  // "system", "user", "assistant" or "tool"
  std::string content;
};

struct RenderOptions {
  bool add_generation_prompt = true;  // end with the assistant's role, for the model to go on
};

// The prompt as MLC runtimes make it, without the tokens of system_prefix_token_ids. A system
// message, which has to be the first, replaces the row's own; without one the row's own is used.
// Error(kBadInput) for a role that the template does not know.
std::string render_conversation(const ConvTemplate& row, const std::vector<ChatMessage>& messages,
                                const RenderOptions& options = {});

}  // namespace mlc
