#include "genconfig/rwkv_vocab.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "genconfig/sentencepiece.h"

namespace mlc {
namespace {

struct Token {
  std::uint32_t id;
  std::string bytes;
};

template <class Int>
std::optional<Int> integer(std::string_view text, int base = 10) {
  Int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// A Python literal as repr() writes it: 'a', "a'b", b'\xff'. Nothing if it is none.
class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}

  std::optional<std::string> read() {
    is_bytes_ = text_.starts_with('b');
    if (is_bytes_) text_.remove_prefix(1);
    if (text_.size() < 2 || (text_[0] != '\'' && text_[0] != '"') || text_.back() != text_[0])
      return std::nullopt;
    char quote = text_[0];
    text_ = text_.substr(1, text_.size() - 2);
    std::string bytes;
    while (!text_.empty()) {
      char c = text_[0];
      text_.remove_prefix(1);
      if (c == quote || (is_bytes_ && static_cast<unsigned char>(c) >= 0x80)) return std::nullopt;
      if (c != '\\')
        bytes += c;
      else if (!escape(bytes))
        return std::nullopt;
    }
    return bytes;
  }

 private:
  bool escape(std::string& out) {
    if (text_.empty()) return false;
    char c = text_[0];
    text_.remove_prefix(1);
    constexpr std::string_view kFrom = "\\'\"abfnrtv";
    constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
    if (std::size_t at = kFrom.find(c); at != std::string_view::npos) {
      out += kTo[at];
      return true;
    }
    if (c == 'x') return code(2, out);
    if (c == 'u' && !is_bytes_) return code(4, out);
    if (c == 'U' && !is_bytes_) return code(8, out);
    return false;
  }

  // A number of exactly `digits` hexadecimal digits: a byte, or in a string a code point.
  bool code(std::size_t digits, std::string& out) {
    std::optional<std::uint32_t> value = integer<std::uint32_t>(text_.substr(0, digits), 16);
    if (!value || text_.size() < digits) return false;
    text_.remove_prefix(digits);
    if (is_bytes_) {
      out += static_cast<char>(*value);
      return true;
    }
    if (*value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) return false;
    append_character(out, *value);
    return true;
  }

  std::string_view text_;
  bool is_bytes_ = false;
};

constexpr std::uint32_t kMaxId = 0x7FFFFFFF;

Token read_line(std::string_view line, const std::string& place) {
  std::size_t first = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first)
    bad_input("{}: expected an id, a Python literal and its number of bytes, found '{}'", place,
              printable(line, 60));
  std::optional<std::uint32_t> id = integer<std::uint32_t>(line.substr(0, first));
  if (!id || *id > kMaxId)
    bad_input("{}: the id '{}' is no integer from 0 to {}", place,
              printable(line.substr(0, first), 40), kMaxId);
  std::string_view literal = line.substr(first + 1, last - first - 1);
  std::optional<std::string> bytes = Literal(literal).read();
  if (!bytes)
    bad_input("{}: the token {} is no Python string or bytes literal", place,
              printable(literal, 60));
  std::optional<std::uint64_t> size = integer<std::uint64_t>(line.substr(last + 1));
  if (!size || *size != bytes->size())
    bad_input("{}: the token {} has {} bytes, but the line says '{}'", place,
              printable(literal, 60), bytes->size(), printable(line.substr(last + 1), 40));
  return {*id, std::move(*bytes)};
}

std::vector<Token> read_lines(std::string_view text, const std::string& where) {
  if (!is_utf8(text)) bad_input("{}: not valid UTF-8", where);
  std::vector<Token> tokens;
  for (std::size_t number = 1; !text.empty(); number++) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    tokens.push_back(read_line(line, fmt::format("{}: line {}", where, number)));
  }
  return tokens;
}

std::vector<Token> read_json(std::string_view text, const std::string& where) {
  JsonLimits limits;
  limits.nul_in_keys = true;
  std::vector<Token> tokens;
  Json root = parse_json(text, where, limits);
  for (const auto& [token, id] : root.members(where)) {
    std::string what = fmt::format("{}: the id of '{}'", where, printable(token, 60));
    std::uint64_t value = id.as_size(what);
    if (value > kMaxId) bad_input("{} is {}, expected at most {}", what, value, kMaxId);
    tokens.push_back({static_cast<std::uint32_t>(value), token});
  }
  return tokens;
}

// msgpack: the shortest form of each number, big-endian.
class Packer {
 public:
  void map(std::size_t size) {
    if (size < 16)
      byte(0x80 | size);
    else if (size < 0x10000)
      sized(0xDE, size, 2);
    else
      sized(0xDF, size, 4);
  }
  void number(std::uint64_t value) {
    if (value < 0x80)
      byte(value);
    else if (value < 0x100)
      sized(0xCC, value, 1);
    else if (value < 0x10000)
      sized(0xCD, value, 2);
    else
      sized(0xCE, value, 4);
  }
  void bytes(std::string_view value) {
    if (value.size() < 0x100)
      sized(0xC4, value.size(), 1);
    else if (value.size() < 0x10000)
      sized(0xC5, value.size(), 2);
    else
      sized(0xC6, value.size(), 4);
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  void byte(std::uint64_t value) { out_ += static_cast<char>(value & 0xFF); }
  void sized(std::uint64_t tag, std::uint64_t value, unsigned size) {
    byte(tag);
    while (size-- > 0)
      byte(value >> 8 * size);
  }

  std::string out_;
};

}  // namespace

std::optional<RwkvFormat> rwkv_vocab_format(std::string_view name) {
  constexpr std::string_view kStart = "rwkv_vocab_v";
  if (!name.starts_with(kStart)) return std::nullopt;
  name.remove_prefix(kStart.size());
  if (name.size() < 8 ||
      !std::all_of(name.begin(), name.begin() + 8, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  name.remove_prefix(8);
  if (name.starts_with(".txt")) return RwkvFormat::kText;
  if (name.starts_with(".json")) return RwkvFormat::kJson;
  return std::nullopt;
}

std::string rwkv_tokenizer_model(std::string_view text, RwkvFormat format,
                                 const std::string& given_where) {
  std::string where = printable(given_where, 1024);
  std::vector<Token> tokens =
      format == RwkvFormat::kText ? read_lines(text, where) : read_json(text, where);
  if (tokens.empty()) bad_input("{}: no tokens", where);
  std::unordered_set<std::uint32_t> ids;
  Packer packer;
  packer.map(tokens.size());
  for (const Token& token : tokens) {
    if (!ids.insert(token.id).second) bad_input("{}: two tokens have the id {}", where, token.id);
    packer.number(token.id);
    packer.bytes(token.bytes);
  }
  return packer.take();
}

}  // namespace mlc
