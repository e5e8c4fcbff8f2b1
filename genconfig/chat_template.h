// The checkpoint's own chat template (Jinja, as transformers runs it) beside the conversation
// template that mlc-chat-config.json will carry.
//
//   TemplateFinding f = check_chat_template("path/to/checkpoint", *find_conv_template("llama-3"));
//   if (f.is_warning()) warn(f.summary + "\n" + f.detail);
//
// Both render a conversation of two turns, with and without a system message; the first difference
// is shown side by side. Not reported, because runtimes add or replace these themselves: the token
// that begins the text, a default system message, a preamble (date, knowledge cut-off) in front of
// the system message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mlc {

struct ConvTemplate;

// What a checkpoint's files say about its chat template.
struct ChatTemplateSource {
  std::string text;   // Jinja
  std::string where;  // file and key, for messages: "DIR/tokenizer_config.json: chat_template"
  // Texts of special tokens, empty where the files have none.
  std::string bos_token, eos_token, pad_token, unk_token;
};

// The template that transformers would use: chat_template.jinja, else tokenizer_config.json's
// chat_template (text, or a list of {name, template}: "default", else the first), else
// chat_template.json's. None if no file has one. Error(kBadInput) for files that are not what they
// should be.
std::optional<ChatTemplateSource> find_chat_template(const std::string& folder);

struct TemplateFinding {
  enum class Kind : std::uint8_t {
    kNoTemplate,  // the checkpoint has no chat template; nothing was compared
    kEqual,       // the same text
    kHarmless,   // differs in what does not change a conversation that a runtime makes; see summary
    kDifferent,  // the model would see text that it was not trained on
    kUnchecked,  // the checkpoint's template failed; summary has its error
  };
  Kind kind = Kind::kNoTemplate;
  std::string summary;  // one sentence in the style of error messages; printable
  std::string detail;   // kDifferent, kHarmless: lines that show both texts around the difference
  bool is_warning() const { return kind == Kind::kDifferent || kind == Kind::kUnchecked; }
};

// Throws Error(kBadInput) for files that can't be read as JSON and for a template that does not end
// within limits (steps, memory, size of output); a template that merely fails is kUnchecked.
TemplateFinding check_chat_template(const std::string& folder, const ConvTemplate& ours);
TemplateFinding check_chat_template(const ChatTemplateSource& source, const ConvTemplate& ours);

}  // namespace mlc
