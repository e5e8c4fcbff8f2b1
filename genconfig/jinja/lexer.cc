#include "genconfig/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

// "\r\n" and "\r" become "\n"; one line break at the very end goes.
std::string normalized(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_word(char c) {
  const auto u = static_cast<unsigned char>(c);
  return is_ascii_letter(u) || is_digit(u) || c == '_';
}

class Lexer {
 public:
  Lexer(Run& run, std::string source) : run_(run), source_(std::move(source)) {}

  std::vector<Token> all() {
    while (pos_ < source_.size())
      text();
    run_.line = line_;
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  void add(TokenKind kind, std::string value) {
    tokens_.push_back({kind, line_, std::move(value)});
  }
  bool at(std::string_view what) const {
    return std::string_view(source_).substr(pos_).starts_with(what);
  }
  [[noreturn]] void fail(std::string_view what) {
    run_.line = line_;
    run_.fail("{}", what);
  }

  // Moves on, counting lines; what begins a line is known from the last byte.
  void advance(std::size_t to) {
    line_ += static_cast<std::size_t>(
        std::count(source_.begin() + static_cast<std::ptrdiff_t>(pos_),
                   source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    if (to > pos_) line_starting_ = source_[to - 1] == '\n';
    pos_ = to;
  }
  std::size_t after_space(std::size_t i) const {
    while (i < source_.size()) {
      std::size_t next = i;
      if (!is_space(next_character(source_, next))) break;
      i = next;
    }
    return i;
  }

  // Adds the text up to `end`, without what the tag there takes off.
  void add_data(std::size_t end, char sign, bool variable) {
    std::string_view data = std::string_view(source_).substr(pos_, end - pos_);
    if (sign == '-') {
      data = strip(data, false, true);
    } else if (sign != '+' && !variable) {
      const std::size_t begin = data.rfind('\n') + 1;  // npos + 1 is 0
      if ((begin > 0 || line_starting_) && strip(data.substr(begin)).empty())
        data = data.substr(0, begin);
    }
    if (!data.empty()) add(TokenKind::kData, std::string(data));
    advance(end);
  }

  char sign_at(std::size_t i) const {
    return i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i] : '\0';
  }

  void text() {
    std::size_t begin = pos_;
    while ((begin = source_.find('{', begin)) != std::string::npos) {
      const char next = begin + 1 < source_.size() ? source_[begin + 1] : '\0';
      if (next == '%' || next == '{' || next == '#') break;
      ++begin;
    }
    if (begin == std::string::npos) {
      add(TokenKind::kData, source_.substr(pos_));
      return advance(source_.size());
    }
    const char kind = source_[begin + 1], sign = sign_at(begin + 2);
    add_data(begin, sign, kind == '{');
    const std::size_t inside = begin + 2 + (sign != '\0' ? 1 : 0);
    if (kind == '#') return comment(inside);
    if (kind == '%' && raw(inside)) return;
    const bool block = kind == '%';
    advance(inside);
    add(block ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "");
    tag(block);
  }

  // The end of a tag at `i`: "%}" and with it a line break, "-%}" and with it all white space.
  // 0: none there.
  std::size_t tag_end(std::size_t i, std::string_view close, bool trim, bool plus) const {
    const char sign = sign_at(i);
    const std::size_t at_close = i + (sign != '\0' ? 1 : 0);
    if (source_.compare(at_close, close.size(), close) != 0 || (sign == '+' && !plus)) return 0;
    const std::size_t end = at_close + close.size();
    if (sign == '-') return after_space(end);
    if (sign == '\0' && trim && end < source_.size() && source_[end] == '\n') return end + 1;
    return end;
  }

  void comment(std::size_t inside) {
    std::size_t close = source_.find("#}", inside);
    if (close == std::string::npos) fail("a comment is not closed");
    if (close > inside && sign_at(close - 1) != '\0') --close;
    advance(tag_end(close, "#}", true, true));
  }

  // {% raw %} at a tag whose inside begins there: everything up to {% endraw %} is text.
  bool raw(std::size_t inside) {
    std::size_t i = after_space(inside);
    if (source_.compare(i, 3, "raw") != 0) return false;
    i = after_space(i + 3);
    const std::size_t body = sign_at(i) == '+' ? 0 : tag_end(i, "%}", false, false);
    if (body == 0) return false;
    advance(body);
    for (std::size_t open = body; (open = source_.find("{%", open)) != std::string::npos; ++open) {
      const char sign = sign_at(open + 2);
      std::size_t k = after_space(open + 2 + (sign != '\0' ? 1 : 0));
      if (source_.compare(k, 6, "endraw") != 0) continue;
      k = after_space(k + 6);
      const std::size_t end = tag_end(k, "%}", true, true);
      if (end == 0) continue;
      add_data(open, sign, false);
      advance(end);
      return true;
    }
    fail("a raw block is not closed");
  }

  void tag(bool block) {
    std::string open;  // brackets; within them "}}" and "%}" do not end the tag
    while (true) {
      if (pos_ == source_.size()) return;  // the parser says what is missing
      if (open.empty()) {
        const std::size_t end = tag_end(pos_, block ? "%}" : "}}", block, block);
        if (end != 0) {
          add(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
          return advance(end);
        }
      }
      const char c = source_[pos_];
      const std::size_t after = after_space(pos_);
      if (after != pos_) {
        advance(after);
      } else if (is_digit(static_cast<unsigned char>(c))) {
        number();
      } else if (is_word(c)) {
        std::size_t end = pos_;
        while (end < source_.size() && is_word(source_[end]))
          ++end;
        add(TokenKind::kName, source_.substr(pos_, end - pos_));
        advance(end);
      } else if (c == '\'' || c == '"') {
        string(c);
      } else {
        operation(open);
      }
    }
  }

  void number() {
    const auto digits = [this](std::size_t i, auto is) {  // digits, single underscores between them
      while (
          i < source_.size() &&
          (is(source_[i]) || (source_[i] == '_' && i + 1 < source_.size() && is(source_[i + 1]))))
        ++i;
      return i;
    };
    const auto decimal = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_at = [this, decimal](std::size_t i) {
      return i < source_.size() && decimal(source_[i]);
    };
    std::size_t end = digits(pos_, decimal);
    bool real = false;
    // After a dot (x.1.2) there is no float.
    if (pos_ == 0 || source_[pos_ - 1] != '.') {
      std::size_t e = end;
      if (e < source_.size() && source_[e] == '.' && is_at(e + 1)) {
        end = e = digits(e + 1, decimal);
        real = true;
      }
      if (e < source_.size() && (source_[e] == 'e' || source_[e] == 'E')) {
        const std::size_t first = e + 1 + (sign_at(e + 1) != '\0' ? 1 : 0);
        if (is_at(first)) {
          end = digits(first, decimal);
          real = true;
        }
      }
    }
    if (!real) {
      if (source_[pos_] == '0' && pos_ + 1 < source_.size() &&
          std::string_view("xXoObB").find(source_[pos_ + 1]) != std::string_view::npos)
        fail("numbers that are not decimal are not supported");
      // "007" is 0, 0 and 7 to Python, which is then refused; a zero stands alone or with zeros.
      if (source_[pos_] == '0') end = digits(pos_, [](char c) { return c == '0'; });
    }
    std::string value = source_.substr(pos_, end - pos_);
    value.erase(std::remove(value.begin(), value.end(), '_'), value.end());
    add(real ? TokenKind::kFloat : TokenKind::kInteger, std::move(value));
    advance(end);
  }

  void string(char quote) {
    std::string value;
    std::size_t i = pos_ + 1;
    while (i < source_.size() && source_[i] != quote) {
      if (source_[i] != '\\') {
        value += source_[i++];
      } else {
        if (++i == source_.size()) break;
        escape(i, value);
      }
    }
    if (i >= source_.size()) fail("a text in quotes is not closed");
    add(TokenKind::kString, std::move(value));
    advance(i + 1);
  }

  // One escape of Python's texts, `i` behind the backslash.
  void escape(std::size_t& i, std::string& out) {
    constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
    const char c = source_[i++];
    if (const std::size_t simple = kFrom.find(c); simple != std::string_view::npos) {
      out += kTo[simple];
    } else if (c == '\n') {
      // A line goes on.
    } else if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int n = 1; n < 3 && i < source_.size() && source_[i] >= '0' && source_[i] <= '7'; ++n)
        code = code * 8 + static_cast<char32_t>(source_[i++] - '0');
      append_character(out, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t n = c == 'x' ? 2 : (c == 'u' ? 4 : 8);
      char32_t code = 0;
      for (std::size_t k = 0; k < n; ++k, ++i) {
        const std::size_t digit = i < source_.size()
                                      ? std::string_view("0123456789abcdefABCDEF").find(source_[i])
                                      : std::string_view::npos;
        if (digit == std::string_view::npos) fail("an escape in a text has too few digits");
        code = code * 16 + static_cast<char32_t>(digit > 15 ? digit - 6 : digit);
      }
      if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        fail("an escape in a text is no character of Unicode");
      append_character(out, code);
    } else if (c == 'N') {
      fail("characters by name (\\N{...}) are not supported");
    } else {
      out += '\\';
      --i;  // Python keeps what it does not know
      const std::size_t begin = i;
      next_character(source_, i);
      out.append(source_, begin, i - begin);
    }
  }

  void operation(std::string& open) {
    constexpr std::array kTwo = {"//", "**", "==", "!=", ">=", "<="};
    std::string op;
    for (const char* two : kTwo)
      if (at(two)) op = two;
    const char c = source_[pos_];
    if (op.empty() && std::string_view("+-/*%~[](){}><=.:|,;").find(c) != std::string_view::npos)
      op = c;
    if (op.empty()) {
      std::size_t next = pos_;
      next_character(source_, next);
      fail(fmt::format("unexpected \"{}\" within a tag",
                       printable(source_.substr(pos_, next - pos_))));
    }
    if (op == "{" || op == "(" || op == "[") {
      open += op == "{" ? '}' : (op == "(" ? ')' : ']');
    } else if (op == "}" || op == ")" || op == "]") {
      if (open.empty() || open.back() != op[0]) fail(fmt::format("unexpected \"{}\"", op));
      open.pop_back();
    }
    const std::size_t end = pos_ + op.size();
    add(TokenKind::kOperator, std::move(op));
    advance(end);
  }

  Run& run_;
  const std::string source_;
  std::size_t pos_ = 0;
  std::size_t line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(Run& run, std::string_view source) {
  return Lexer(run, normalized(source)).all();
}

}  // namespace mlc::jinja
