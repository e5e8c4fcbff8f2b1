// Compares the prompts of the checkpoint's chat template ("theirs") with those of a conversation
// template ("ours").
//
// A prompt is cut at the texts of the messages. What stands between them is compared exactly, as it
// is what a model was trained on. In front of the first message templates differ without harm, and
// so each difference there has a rule of its own.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "genconfig/chat_template.h"
#include "genconfig/compare_prompts.h"
#include "genconfig/conv_template.h"
#include "genconfig/jinja/jinja.h"

namespace mlc {
namespace {

// Words that no template contains, without white space at the ends, which some templates trim.
constexpr std::string_view kSystem = "Answer as a lighthouse keeper would.";
constexpr std::string_view kQuestion = "How far can one see from here?";
constexpr std::string_view kAnswer = "About twenty miles on a clear day.";
constexpr std::string_view kNext = "And at night?";

// 26 July 2024, the day that Llama 3.1's template falls back to: no check depends on when it runs.
constexpr std::int64_t kNow = 1721952000;

std::vector<ChatMessage> conversation(bool with_system) {
  std::vector<ChatMessage> messages;
  if (with_system) messages.push_back({"system", std::string(kSystem)});
  messages.push_back({"user", std::string(kQuestion)});
  messages.push_back({"assistant", std::string(kAnswer)});
  messages.push_back({"user", std::string(kNext)});
  return messages;
}

std::vector<std::string_view> texts(bool with_system) {
  if (with_system) return {kSystem, kQuestion, kAnswer, kNext};
  return {kQuestion, kAnswer, kNext};
}

// A prompt of theirs, or why there is none.
struct Theirs {
  std::string text;
  std::vector<std::string> parts;  // empty if the prompt does not hold all messages
  std::string error;
};

class Checkpoint {
 public:
  explicit Checkpoint(const ChatTemplateSource& source)
      : source_(source), template_(jinja::Template::parse(source.text, source.where)) {}

  // Templates of models that see images take the content as a list of parts; some only so.
  Theirs prompt(bool with_system) const {
    Theirs plain = prompt(with_system, false);
    if (!plain.parts.empty()) return plain;
    Theirs listed = prompt(with_system, true);
    return listed.parts.empty() ? plain : listed;
  }

 private:
  Theirs prompt(bool with_system, bool as_parts) const {
    Json messages = Json::array();
    for (const ChatMessage& message : conversation(with_system)) {
      Json content = message.content;
      if (as_parts) {
        content = Json::array();
        content.push(Json::object().set("type", "text").set("text", message.content));
      }
      messages.push(Json::object().set("role", message.role).set("content", std::move(content)));
    }
    Json context = Json::object();
    context.set("messages", std::move(messages));
    context.set("tools", Json());
    context.set("documents", Json());
    context.set("add_generation_prompt", true);
    const std::array<std::pair<const char*, const std::string*>, 4> tokens = {{
        {"bos_token", &source_.bos_token},
        {"eos_token", &source_.eos_token},
        {"pad_token", &source_.pad_token},
        {"unk_token", &source_.unk_token},
    }};
    for (const auto& [name, text] : tokens)  // a token that the files lack is undefined
      if (!text->empty()) context.set(name, *text);
    Theirs theirs;
    try {
      theirs.text = template_.render(context, kNow);
      if (auto parts = split_prompt(theirs.text, texts(with_system))) theirs.parts = *parts;
    } catch (const jinja::LimitError&) {
      throw;  // no input would suit a template that does not end
    } catch (const Error& e) {
      theirs.error = e.what();
    }
    return theirs;
  }

  const ChatTemplateSource& source_;
  jinja::Template template_;
};

// Ours without a system message is without any words for it: a runtime writes the row's own there,
// which the checkpoint does not know.
std::string our_prompt(const ConvTemplate& row, bool with_system) {
  ConvTemplate changed = row;
  if (!with_system) {
    changed.system_template = "{system_message}";
    changed.system_message = "";
  }
  return render_conversation(changed, conversation(with_system));
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed_front(std::string_view text) {
  while (!text.empty() && is_space(text[0]))
    text.remove_prefix(1);
  return text;
}

// Words that precede a message within its marks: a date, a limit of knowledge. Marks of a turn have
// brackets of some kind.
bool is_preamble(std::string_view text) {
  return text.find_first_of("<[") == std::string_view::npos &&
         std::any_of(text.begin(), text.end(), is_space);
}

class Comparison {
 public:
  Comparison(const ChatTemplateSource& source, const ConvTemplate& row)
      : source_(source), row_(row) {}

  TemplateFinding run() {
    const Checkpoint checkpoint(source_);
    Theirs plain = checkpoint.prompt(false), full = checkpoint.prompt(true);
    if (plain.parts.empty() && full.parts.empty()) return unchecked(plain);
    if (!plain.parts.empty() && !compare_turns(plain)) return finding_;
    if (full.parts.empty()) {
      note("the checkpoint's template takes no system message");
      return finished();
    }
    compare_system(full, plain.parts.empty());
    return finished();
  }

 private:
  TemplateFinding unchecked(const Theirs& theirs) {
    finding_.kind = TemplateFinding::Kind::kUnchecked;
    finding_.summary =
        theirs.error.empty()
            ? fmt::format(
                  "{}: leaves out messages of a conversation of two turns; conversation "
                  "template {} was not checked",
                  printable(source_.where, 1024), row_.name)
            : fmt::format("{}; conversation template {} was not checked", theirs.error, row_.name);
    return finding_;
  }

  TemplateFinding finished() {
    if (finding_.kind == TemplateFinding::Kind::kDifferent) return finding_;
    finding_.kind =
        notes_.empty() ? TemplateFinding::Kind::kEqual : TemplateFinding::Kind::kHarmless;
    finding_.summary = fmt::format(
        "conversation template {} {} {}{}{}", row_.name, notes_.empty() ? "equals" : "agrees with",
        printable(source_.where, 1024), notes_.empty() ? "" : "; ", fmt::join(notes_, "; "));
    return finding_;
  }

  void note(std::string text) {
    if (std::find(notes_.begin(), notes_.end(), text) == notes_.end())
      notes_.push_back(std::move(text));
  }

  std::string shown(std::string_view theirs, std::string_view ours) const {
    return side_by_side("checkpoint", theirs, row_.name, ours);
  }

  bool differ(std::string_view what, std::string_view theirs, std::string_view ours) {
    finding_.kind = TemplateFinding::Kind::kDifferent;
    finding_.summary = fmt::format("conversation template {} differs from {} {}", row_.name,
                                   printable(source_.where, 1024), what);
    finding_.detail = shown(theirs, ours);
    return false;
  }

  // What stands before the first message, without the token that begins the text.
  std::string_view without_bos(std::string_view text) const {
    if (!source_.bos_token.empty() && text.starts_with(source_.bos_token))
      text.remove_prefix(source_.bos_token.size());
    return text;
  }

  bool compare_beginning(std::string_view theirs, std::string_view ours,
                         std::string_view theirs_all, std::string_view ours_all) {
    const std::string_view a = without_bos(theirs), b = without_bos(ours);
    // DeepSeek's rows begin a text within the system message's words.
    const bool by_runtime =
        !row_.system_prefix_token_ids.empty() ||
        (!source_.bos_token.empty() && row_.system_template.starts_with(source_.bos_token));
    if (a.size() < theirs.size() && b.size() == ours.size() && !by_runtime)
      return differ("at the beginning: nothing writes the token that begins a text", theirs_all,
                    ours_all);
    if (a == b) return true;
    if (!a.ends_with(b)) return differ("before the first message", theirs_all, ours_all);
    const std::string_view more = a.substr(0, a.size() - b.size());
    // Tokens alone: those that the runtime puts in front (GLM's [gMASK]<sop>). With words: a
    // system message of its own.
    if (std::any_of(more.begin(), more.end(), is_space)) {
      note("the checkpoint's template has a system message of its own");
    } else if (!by_runtime) {
      return differ("before the first message", theirs_all, ours_all);
    }
    return true;
  }

  bool compare_between(std::size_t i, std::string_view theirs, std::string_view ours,
                       std::string_view theirs_all, std::string_view ours_all) {
    static constexpr std::array<std::string_view, 3> kPlaces = {
        "between a question and its answer", "between an answer and the next question",
        "after the last question"};
    if (theirs == ours) return true;
    // Mistral's template in mlc_llm leaves out the token that ends an answer; the next turn's mark
    // ends it as well.
    const std::string& eos = source_.eos_token;
    const std::string_view rest = trimmed_front(theirs);
    if (i == 1 && !eos.empty() && rest.starts_with(eos) &&
        ours.find(eos) == std::string_view::npos &&
        trimmed_front(rest.substr(eos.size())) == trimmed_front(ours)) {
      note(fmt::format("the checkpoint's template ends each answer with {}", printable(eos)));
      return true;
    }
    return differ(kPlaces.at(i), theirs_all, ours_all);
  }

  bool compare_turns(const Theirs& theirs) {
    const std::string ours = our_prompt(row_, false);
    const auto parts = split_prompt(ours, texts(false));
    if (!parts) return differ("in which messages it writes", theirs.text, ours);
    if (!compare_beginning(theirs.parts[0], (*parts)[0], theirs.text, ours)) return false;
    for (std::size_t i = 0; i < 3; ++i)
      if (!compare_between(i, theirs.parts[i + 1], (*parts)[i + 1], theirs.text, ours))
        return false;
    return true;
  }

  // With a system message. The turns are as before, unless the template accepts no other form.
  void compare_system(const Theirs& theirs, bool turns_too) {
    const std::string ours = our_prompt(row_, true);
    const auto parts = split_prompt(ours, texts(true));
    if (!parts) {
      differ("in which messages it writes", theirs.text, ours);
      return;
    }
    for (std::size_t i = 0; turns_too && i < 3; ++i)
      if (!compare_between(i, theirs.parts[i + 2], (*parts)[i + 2], theirs.text, ours)) return;
    const std::string_view a = without_bos(theirs.parts[0]), b = without_bos((*parts)[0]);
    bool same = theirs.parts[1] == (*parts)[1];
    if (a != b && same) {
      const bool prefix_tokens =
          !row_.system_prefix_token_ids.empty() && a.ends_with(b) &&
          std::none_of(a.begin(), a.end() - static_cast<std::ptrdiff_t>(b.size()), is_space);
      const bool preamble = a.starts_with(b) && is_preamble(a.substr(b.size()));
      if (preamble) note("the checkpoint's template writes a preamble before the system message");
      same = prefix_tokens || preamble;
    }
    if (same) return;
    if (!row_.system_message.empty()) {
      differ("around the system message", theirs.text, ours);
      return;
    }
    // Without a system message of its own, such prompts come only from users who give one.
    note("a system message, which it lacks by default, would be written differently");
    finding_.detail = shown(theirs.text, ours);
  }

  const ChatTemplateSource& source_;
  const ConvTemplate& row_;
  TemplateFinding finding_;
  std::vector<std::string> notes_;
};

}  // namespace

TemplateFinding check_chat_template(const std::string& folder, const ConvTemplate& ours) {
  const auto source = find_chat_template(folder);
  if (!source) return {};
  return check_chat_template(*source, ours);
}

TemplateFinding check_chat_template(const ChatTemplateSource& source, const ConvTemplate& ours) {
  try {
    return Comparison(source, ours).run();
  } catch (const jinja::LimitError&) {
    throw;
  } catch (const Error& e) {  // what the engine does not understand
    TemplateFinding finding;
    finding.kind = TemplateFinding::Kind::kUnchecked;
    finding.summary =
        fmt::format("{}; conversation template {} was not checked", e.what(), ours.name);
    return finding;
  }
}

}  // namespace mlc
