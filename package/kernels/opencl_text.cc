// OpenCL C from outside goes through a driver's compiler, which is a C compiler with a file system
// behind it. What can name a file there is refused before.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "package/kernels/module_check.h"

namespace mlc {
namespace {

constexpr std::size_t kMostText = std::size_t{1} << 20;

// A line as the preprocessor sees it: continuations joined, comments away.
struct Line {
  std::string clean;
  std::string_view raw;  // as it stands in the file
  std::size_t number;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  std::vector<Line> split() {
    while (at_ < text_.size()) {
      if (skip_continuation()) continue;
      const char c = text_[at_];
      if (state_ == State::kBlock) {
        if (starts("*/")) {
          at_ += 2;
          state_ = State::kCode;
          line_.clean += ' ';
        } else {
          if (c == '\n') newline_within();
          at_++;
        }
        continue;
      }
      if (c == '\n') {
        at_++;
        end_line();
        state_ = State::kCode;
        continue;
      }
      if (state_ == State::kComment) {
        at_++;
      } else if (state_ == State::kText) {
        line_.clean += c;
        if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n')
          line_.clean += text_[++at_];
        else if (c == quote_)
          state_ = State::kCode;
        at_++;
      } else {
        code(c);
      }
    }
    end_line();
    return std::move(lines_);
  }

 private:
  bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

  bool skip_continuation() {
    if (!starts("\\\n")) return false;
    at_ += 2;
    physical_++;
    return true;
  }

  void code(char c) {
    if (starts("/*")) {
      state_ = State::kBlock;
      at_ += 2;
    } else if (starts("//")) {
      state_ = State::kComment;
      at_ += 2;
    } else {
      if (c == '"' || c == '\'') {
        state_ = State::kText;
        quote_ = c;
      }
      line_.clean += c;
      at_++;
    }
  }

  // A comment over several lines is one white space of one line.
  void newline_within() { physical_++; }

  void end_line() {
    line_.raw = text_.substr(begin_, at_ - begin_);
    line_.number = first_;
    lines_.push_back(std::move(line_));
    line_ = {};
    begin_ = at_;
    first_ = ++physical_;
  }

  enum class State : std::uint8_t { kCode, kBlock, kComment, kText };
  std::string_view text_;
  State state_ = State::kCode;
  char quote_ = '"';
  std::size_t at_ = 0, begin_ = 0, physical_ = 1, first_ = 1;
  Line line_;
  std::vector<Line> lines_;
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

void check_directive(const Line& line, std::string_view directive, const KernelVariant& variant,
                     const std::string& where) {
  const auto end = static_cast<std::size_t>(
      std::find_if_not(directive.begin(), directive.end(), is_word) - directive.begin());
  const std::string_view name = directive.substr(0, end);
  const std::string_view rest = trimmed(directive.substr(end));
  constexpr std::string_view kPlain[] = {"",       "define", "undef", "if",    "ifdef",
                                         "ifndef", "elif",   "else",  "endif", "error"};
  if (std::find(std::begin(kPlain), std::end(kPlain), name) != std::end(kPlain)) return;
  if (name == "pragma" &&
      (rest.rfind("OPENCL ", 0) == 0 || rest == "unroll" || rest.rfind("unroll ", 0) == 0))
    return;
  if (name == "include") {
    // Exactly the form that the runtime replaces by itself; the compiler never sees it.
    constexpr std::string_view kForm = "#include \"";
    const std::string_view raw = line.raw;
    const std::size_t close = raw.find('"', kForm.size());
    if (raw.rfind(kForm, 0) == 0 && close != std::string_view::npos &&
        trimmed(raw.substr(close + 1)).empty() &&
        variant.find(raw.substr(kForm.size(), close - kForm.size())) != nullptr)
      return;
    bad_input("{}: line {}: \"#{}\" includes what is no file of the variant", where, line.number,
              printable(trimmed(directive), 100));
  }
  bad_input("{}: line {}: \"#{}\" is not for kernels", where, line.number,
            printable(trimmed(directive), 100));
}

void check_words(const Line& line, const std::string& where) {
  constexpr std::string_view kRefused[] = {"__FILE__",      "__BASE_FILE__", "__TIMESTAMP__",
                                           "__has_include", "__has_embed",   "__has_include_next",
                                           "asm",           "__asm",         "__asm__"};
  for (std::size_t at = 0; at < line.clean.size();) {
    if (!is_word(line.clean[at])) {
      at++;
      continue;
    }
    const std::size_t begin = at;
    while (at < line.clean.size() && is_word(line.clean[at]))
      at++;
    const std::string_view word = std::string_view(line.clean).substr(begin, at - begin);
    if (std::find(std::begin(kRefused), std::end(kRefused), word) != std::end(kRefused))
      bad_input("{}: line {}: \"{}\" is not for kernels", where, line.number, word);
    if (word == "_Pragma" &&
        trimmed(std::string_view(line.clean).substr(at)).rfind("(\"unroll", 0) != 0)
      bad_input("{}: line {}: only _Pragma(\"unroll\") is for kernels", where, line.number);
  }
}

// The parameters of a list without its parentheses; nothing where one is a macro's name.
std::optional<std::size_t> parameters_of(std::string_view list) {
  std::size_t count = 0;
  for (bool more = true; more; count++) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view one = trimmed(list.substr(0, comma));
    if (one.find_first_of(" *") == std::string_view::npos) return std::nullopt;
    more = comma < list.size();
    if (more) list.remove_prefix(comma + 1);
  }
  return count;
}

}  // namespace

std::string opencl_entry_problem(std::string_view text, const KernelAbi& kernel) {
  std::string code;
  for (const Line& line : Lines(text).split())
    code += line.clean + ' ';
  constexpr std::string_view kDefinition = "kernel void ";
  bool defines = false, may_be = false;
  const std::size_t expected = kernel.args.size() + kernel.push / 4 + kernel.spec;
  for (std::size_t at = code.find(kDefinition); at != std::string::npos;
       at = code.find(kDefinition, at + 1)) {
    const std::string_view rest = std::string_view(code).substr(at + kDefinition.size());
    const std::string_view name =
        rest.substr(0, static_cast<std::size_t>(
                           std::find_if_not(rest.begin(), rest.end(), is_word) - rest.begin()));
    defines = true;
    // Names in capitals are macros.
    may_be = may_be ||
             std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (name != kernel.name) continue;
    const std::size_t open = rest.find('('), close = rest.find(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
      return "its parameters have no end";
    const auto count = parameters_of(rest.substr(open + 1, close - open - 1));
    if (count && *count != expected)
      return fmt::format("it has {} arguments, the abi has {} (buffers and words)", *count,
                         expected);
    return "";
  }
  if (may_be || (!defines && code.find(kernel.name) != std::string::npos)) return "";
  return fmt::format("there is no kernel of the name {}", kernel.name);
}

void check_opencl_text(std::string_view text, const KernelVariant& variant,
                       const std::string& where) {
  if (text.size() > kMostText)
    bad_input("{}: {} bytes of OpenCL C, expected at most {}", where, text.size(), kMostText);
  for (std::size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if ((c < ' ' && c != '\n' && c != '\t') || c > '~')
      bad_input("{}: byte {} is {:#04x}, expected ASCII text", where, i,
                static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  // Other spellings of '#' and of the end of a line.
  for (std::string_view spelling : {"?"
                                    "?",
                                    "%:"})
    if (const std::size_t at = text.find(spelling); at != std::string_view::npos)
      bad_input("{}: byte {}: \"{}\" is not for kernels", where, at, spelling);
  for (const Line& line : Lines(text).split()) {
    const std::string_view clean = trimmed(line.clean);
    if (!clean.empty() && clean.front() == '#')
      check_directive(line, trimmed(clean.substr(1)), variant, where);
    check_words(line, where);
  }
}

}  // namespace mlc
