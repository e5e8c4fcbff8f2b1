#include "runtime-min/tokenizer/pattern_syntax.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace mlc {
namespace {

constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
// Oniguruma's \w has the superscripts and fractions of Latin-1 besides, its [:word:] has not.
constexpr std::string_view kWordEscape =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}";
constexpr std::string_view kHex = "0-9a-fA-F";
constexpr int kMaxDepth = 32;

// What stands within \p{...} and is a general category or a binary property; other names are
// scripts.
bool is_script(std::string_view name) {
  constexpr std::array kNoScripts = {std::string_view("Any"),
                                     std::string_view("Alphabetic"),
                                     std::string_view("White_Space"),
                                     std::string_view("Uppercase"),
                                     std::string_view("Lowercase"),
                                     std::string_view("Emoji"),
                                     std::string_view("ID_Start"),
                                     std::string_view("ID_Continue"),
                                     std::string_view("Ideographic"),
                                     std::string_view("Extended_Pictographic"),
                                     std::string_view("Emoji_Presentation"),
                                     std::string_view("Emoji_Modifier"),
                                     std::string_view("Dash"),
                                     std::string_view("Math"),
                                     std::string_view("Diacritic"),
                                     std::string_view("Join_Control")};
  return name.size() > 2 && name.find_first_of(":=&") == std::string_view::npos &&
         std::find(kNoScripts.begin(), kNoScripts.end(), name) == kNoScripts.end();
}

// Names that Ruby has for sets of characters, in \p{...} and [:...:].
std::string_view ruby_set(std::string_view name) {
  struct Row {
    std::string_view name;
    std::string_view set;  // what stands between the brackets of a PCRE2 set
  };
  static constexpr std::array kSets = {
      Row{"alpha", "\\p{Alphabetic}"},
      Row{"digit", "\\p{Nd}"},
      Row{"alnum", "\\p{Alphabetic}\\p{Nd}"},
      Row{"upper", "\\p{Uppercase}"},
      Row{"lower", "\\p{Lowercase}"},
      Row{"space", "\\p{White_Space}"},
      Row{"blank", "\\p{Zs}\\t"},
      Row{"cntrl", "\\p{Cc}"},
      Row{"punct", "\\p{P}\\p{S}"},
      Row{"xdigit", kHex},
      Row{"word", kWord},
  };
  for (const Row& row : kSets)
    if (name.size() == row.name.size() &&
        std::equal(name.begin(), name.end(), row.name.begin(), [](char a, char b) {
          return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
        }))
      return row.set;
  return "";
}

// Names within \p{...} that are no sets of that name, and the long names of categories.
std::string_view ruby_property(std::string_view name) {
  struct Row {
    std::string_view name;
    std::string_view set;
  };
  static constexpr std::array kProperties = {
      Row{"Punct", "\\p{P}"},
      Row{"Word", kWordEscape},
      Row{"Letter", "\\p{L}"},
      Row{"Mark", "\\p{M}"},
      Row{"Number", "\\p{N}"},
      Row{"Punctuation", "\\p{P}"},
      Row{"Symbol", "\\p{S}"},
      Row{"Separator", "\\p{Z}"},
      Row{"Other", "\\p{C}"},
      Row{"Uppercase_Letter", "\\p{Lu}"},
      Row{"Lowercase_Letter", "\\p{Ll}"},
      Row{"Titlecase_Letter", "\\p{Lt}"},
      Row{"Modifier_Letter", "\\p{Lm}"},
      Row{"Other_Letter", "\\p{Lo}"},
      Row{"Nonspacing_Mark", "\\p{Mn}"},
      Row{"Decimal_Number", "\\p{Nd}"},
  };
  for (const Row& row : kProperties)
    if (row.name == name) return row.set;
  return "";
}

class Rewriter {
 public:
  Rewriter(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::string run() {
    while (at_ < text_.size())
      piece();
    return std::move(out_);
  }

 private:
  bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  // One character, set, group mark or repetition.
  void piece() {
    switch (text_[at_]) {
      case '\\':
        atom_ = out_.size();
        escape();
        break;
      case '[':
        atom_ = out_.size();
        out_ += set(0);
        break;
      case '(':
        open();
        break;
      case ')':
        if (!groups_.empty()) {
          atom_ = groups_.back();
          groups_.pop_back();
        }
        out_ += text_[at_++];
        break;
      case '{':
        repetition();
        break;
      case '*':
      case '+':
      case '?':
      case '|':
        out_ += text_[at_++];
        break;
      default:
        atom_ = out_.size();
        copy_character(out_);
    }
  }

  void copy_character(std::string& out) {
    std::size_t length = std::max<std::size_t>(utf8_length(text_[at_]), 1);
    out += text_.substr(at_, length);
    at_ += length;
  }

  void open() {
    groups_.push_back(out_.size());
    out_ += text_[at_++];
    if (!looking_at("?")) return;
    // Options only: letters, then ":" or ")". Everything else is the same in both.
    std::size_t end = text_.find_first_not_of("imx-", at_ + 1);
    if (end == std::string_view::npos || end == at_ + 1 || (text_[end] != ':' && text_[end] != ')'))
      return;
    for (; at_ < end; at_++)
      out_ += text_[at_] == 'm' ? 's' : text_[at_];
  }

  // "{n}", "{n,m}", "{n,}", "{,m}"; anything else is the character.
  void repetition() {
    std::size_t end = text_.find_first_not_of("0123456789,", at_ + 1);
    std::string_view counts;
    if (end != std::string_view::npos && text_[end] == '}')
      counts = text_.substr(at_ + 1, end - at_ - 1);
    if (counts.empty() || counts == "," || std::count(counts.begin(), counts.end(), ',') > 1) {
      atom_ = out_.size();
      out_ += "\\{";
      at_++;
      return;
    }
    at_ = end + 1;
    out_ += '{';
    if (counts[0] == ',') out_ += '0';
    out_ += counts;
    out_ += '}';
    if (!looking_at("+")) return;
    out_.insert(atom_, "(?:");
    out_ += ')';
  }

  void escape() {
    if (at_ + 1 >= text_.size()) {
      out_ += text_[at_++];
      return;
    }
    std::string inner;
    if (bool negated = false; escaped_set(inner, negated, kWordEscape)) {
      out_ += (negated ? "[^" : "[") + inner + "]";
      return;
    }
    escaped_character(out_);
  }

  // \s, \w, \h, \p{...} and their opposites: what goes between brackets. Not \d, which is the same.
  bool escaped_set(std::string& inner, bool& negated, std::string_view word) {
    char c = text_[at_ + 1];
    std::string_view plain;
    if (c == 's' || c == 'S') plain = "\\p{White_Space}";
    if (c == 'w' || c == 'W') plain = word;
    if (c == 'h' || c == 'H') plain = kHex;
    if (c == 'd' || c == 'D') plain = "\\p{Nd}";
    if (!plain.empty()) {
      inner = plain;
      negated = c < 'a';
      at_ += 2;
      return true;
    }
    if ((c != 'p' && c != 'P') || at_ + 2 >= text_.size() || text_[at_ + 2] != '{') return false;
    std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return false;
    std::string_view name = text_.substr(at_ + 3, end - at_ - 3);
    negated = c == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    at_ = end + 1;
    std::string_view known = ruby_property(name);
    if (known.empty()) known = ruby_set(name);
    inner = known.empty() ? fmt::format("\\p{{{}{}}}", is_script(name) ? "sc:" : "", name)
                          : std::string(known);
    return true;
  }

  // An escape that is one character or a mark such as \b or \A.
  void escaped_character(std::string& out) {
    std::string_view digits = text_.substr(std::min(at_ + 2, text_.size()), 4);
    if (text_[at_ + 1] == 'u' && digits.size() == 4 &&
        digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos) {
      out += fmt::format("\\x{{{}}}", digits);
      at_ += 6;
      return;
    }
    bool hex = text_[at_ + 1] == 'x';
    out += text_[at_++];
    copy_character(out);
    // \x{4E00} is no repetition.
    std::size_t end = hex && looking_at("{") ? text_.find('}', at_) : std::string_view::npos;
    for (; end != std::string_view::npos && at_ <= end; at_++)
      out += text_[at_];
  }

  // A set from its '[' on, as an expression for one character.
  std::string set(int depth) {
    if (depth > kMaxDepth)
      bad_input("{}: sets of characters are nested more than {} deep", where_, kMaxDepth);
    at_++;
    bool negated = looking_at("^");
    if (negated) at_++;
    std::vector<std::string> all;  // of an intersection
    std::vector<std::string> any;  // of a union: expressions besides `items`
    std::string items;             // of a union: what stands between brackets
    bool first = true;
    for (; at_ < text_.size(); first = false) {
      if (text_[at_] == ']' && !first) break;
      if (looking_at("&&")) {
        all.push_back(one_of_these(items, any));
        items.clear();
        any.clear();
        at_ += 2;
      } else if (looking_at("[:") && posix(items)) {
        continue;
      } else if (text_[at_] == '[') {
        any.push_back(set(depth + 1));
      } else if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        std::string inner;
        if (bool opposite = false; !escaped_set(inner, opposite, kWord))
          escaped_character(items);
        else if (opposite)
          any.push_back("[^" + inner + "]");
        else
          items += inner;
      } else if (text_[at_] == ']' || text_[at_] == '^') {  // here they are characters
        items += '\\';
        items += text_[at_++];
      } else {
        copy_character(items);
      }
    }
    if (at_ == text_.size())
      bad_input("{}: a set of characters in the pattern '{}' is not closed", where_,
                printable(text_, 400));
    at_++;
    if (all.empty() && any.empty()) return (negated ? "[^" : "[") + items + "]";
    all.push_back(one_of_these(items, any));
    std::string expression;
    for (std::size_t i = 0; i + 1 < all.size(); i++)
      expression += "(?=" + all[i] + ")";
    expression += all.back();
    if (negated) return "(?:(?!" + expression + ")(?s:.))";
    return all.size() == 1 ? expression : "(?:" + expression + ")";
  }

  static std::string one_of_these(const std::string& items, const std::vector<std::string>& any) {
    std::string expression;
    if (!items.empty() || any.empty()) expression = items.empty() ? "(?!)" : "[" + items + "]";
    for (const std::string& one : any) {
      if (!expression.empty()) expression += '|';
      expression += one;
    }
    return "(?:" + expression + ")";
  }

  // [:alpha:] within a set.
  bool posix(std::string& items) {
    std::size_t end = text_.find(":]", at_ + 2);
    if (end == std::string_view::npos) return false;
    std::string_view known = ruby_set(text_.substr(at_ + 2, end - at_ - 2));
    if (known.empty()) return false;
    items += known;
    at_ = end + 2;
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;             // where the last thing that can be repeated begins in out_
  std::vector<std::size_t> groups_;  // where open groups begin in out_
};

}  // namespace

std::string pcre2_from_ruby(std::string_view pattern, const std::string& where) {
  return Rewriter(pattern, where).run();
}

}  // namespace mlc
