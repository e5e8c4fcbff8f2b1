// The writer: what CPython's json.dumps writes (Modules/_json.c, Lib/json/encoder.py), so that the
// JSON files beside the shards are equal to mlc_llm's to the last byte.
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace mlc {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Takes one code point off the front of `s`. A byte that starts no valid sequence counts as U+FFFD,
// which can happen only to text that did not come through the parser, such as a path.
char32_t take_code_point(std::string_view& s) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char lead = byte(0);
  std::size_t n = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t c = n == 1 ? lead : lead & (0xFFu >> (n + 1));
  bool valid = (n == 1 || lead >= 0xC2) && s.size() >= n;
  for (std::size_t i = 1; valid && i < n; i++) {
    valid = (byte(i) & 0xC0) == 0x80;
    c = (c << 6) | (byte(i) & 0x3Fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // by length: no overlong form
  valid = valid && c >= kLeast[n] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
  s.remove_prefix(valid ? n : 1);
  return valid ? c : kReplacement;
}

class Writer {
 public:
  Writer(int indent, bool ensure_ascii) : indent_(indent), ensure_ascii_(ensure_ascii) {}

  void value(const Json& v) {
    switch (v.kind()) {
      case Json::Kind::kNull:
        out += "null";
        return;
      case Json::Kind::kBool:
        out += v.as_bool({}) ? "true" : "false";
        return;
      case Json::Kind::kInt:
        out += v.number_text();
        return;
      case Json::Kind::kFloat:
        number(v);
        return;
      case Json::Kind::kString:
        string(v.as_string({}));
        return;
      case Json::Kind::kArray:
        container('[', v.items({}), ']', [&](const Json& item) { value(item); });
        return;
      case Json::Kind::kObject:
        container('{', v.members({}), '}', [&](const Json::Member& member) {
          string(member.first);
          out += ": ";
          value(member.second);
        });
        return;
    }
  }

  std::string out;

 private:
  template <class Items, class WriteItem>
  void container(char open, const Items& items, char close, const WriteItem& write_item) {
    out += open;
    level_++;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out += indent_ < 0 ? ", " : ",";
      first = false;
      new_line();
      write_item(item);
    }
    level_--;
    if (!items.empty()) new_line();
    out += close;
  }

  void new_line() {
    if (indent_ < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent_) * level_, ' ');
  }

  void number(const Json& v) {
    // Python reads "-0" as the integer 0; every other number of this kind becomes a float.
    if (v.number_text() == "-0") {
      out += '0';
      return;
    }
    double d = v.as_double({});
    if (std::isnan(d))
      out += "NaN";
    else if (std::isinf(d))
      out += d < 0 ? "-Infinity" : "Infinity";
    else
      out += python_repr(d);
  }

  void string(std::string_view s) {
    out += '"';
    while (!s.empty()) {
      std::string_view rest = s;
      char32_t c = take_code_point(rest);
      std::string_view bytes = s.substr(0, s.size() - rest.size());
      s = rest;
      character(c, bytes);
    }
    out += '"';
  }

  void character(char32_t c, std::string_view bytes) {
    switch (c) {
      case '"':
        out += "\\\"";
        return;
      case '\\':
        out += "\\\\";
        return;
      case '\b':
        out += "\\b";
        return;
      case '\f':
        out += "\\f";
        return;
      case '\n':
        out += "\\n";
        return;
      case '\r':
        out += "\\r";
        return;
      case '\t':
        out += "\\t";
        return;
      default:
        break;
    }
    // With ensure_ascii Python leaves only ' ' to '~' alone: DEL is escaped, too.
    if (c < 0x20 || (ensure_ascii_ && c > '~'))
      escape(c);
    else if (c == kReplacement)
      out += "\xEF\xBF\xBD";
    else
      out += bytes;
  }

  void escape(char32_t c) {
    auto unit = [&](std::uint32_t u) { out += fmt::format("\\u{:04x}", u); };
    if (c < 0x10000) {
      unit(c);
      return;
    }
    unit(0xD800 + ((c - 0x10000) >> 10));
    unit(0xDC00 + ((c - 0x10000) & 0x3FF));
  }

  int indent_;
  bool ensure_ascii_;
  std::size_t level_ = 0;
};

}  // namespace

std::string dump_json(const Json& value, int indent, bool ensure_ascii) {
  Writer writer(indent, ensure_ascii);
  writer.value(value);
  return std::move(writer.out);
}

std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back as the same double, as d.ddde+XX; at most 24 characters.
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  std::size_t e = text.find('e');
  int exponent = 0;
  std::string_view exponent_text = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  // CPython's format code 'r': an exponent below 1e-4 and from 1e16 on, with at least two digits.
  if (exponent < -4 || exponent >= 16) return std::string(text);

  std::string sign = text[0] == '-' ? "-" : "";
  std::string digits;
  for (char c : text.substr(0, e))
    if (c != '-' && c != '.') digits += c;
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace mlc
