// The strict event layer: nlohmann's SAX parser recognizes the grammar, and this file adds what it
// lets pass (duplicate keys, byte order marks, NUL, depth and size) and the byte offsets, which its
// interface does not carry.
//
// Offsets come from walking the same text beside the parser: each event is one token, the parser
// has already accepted it, so its end follows from its first byte. (The parser's own position is
// one too far after a number, which ends only at the byte behind it.)
//
// The parser keeps one bit per open container and does not recurse, so depth costs no stack.
#include <algorithm>
#include <cstring>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace mlc {
namespace {

class StrictEvents {
 public:
  StrictEvents(std::string_view text, const std::string& where, const JsonLimits& limits,
               JsonHandler& handler)
      : text_(text), where_(where), limits_(limits), handler_(handler) {}

  bool null() {
    handler_.null(value(4));
    return true;
  }
  bool boolean(bool v) {
    handler_.boolean(v, value(v ? 4 : 5));
    return true;
  }
  bool number_integer(std::int64_t) { return number(); }
  bool number_unsigned(std::uint64_t) { return number(); }
  bool number_float(double, const std::string&) { return number(); }
  bool string(std::string& v) {
    std::size_t at = value(0);
    end_ = string_end(at);
    check_length(v, "string", at);
    handler_.string(v, at);
    return true;
  }
  bool binary(nlohmann::json::binary_t&) { return false; }  // binary formats only
  bool start_object(std::size_t) {
    handler_.begin_object(open());
    keys_.emplace_back();
    return true;
  }
  bool key(std::string& name) {
    std::size_t at = next_token();
    end_ = string_end(at);
    check_length(name, "key", at);
    if (!limits_.nul_in_keys && name.find('\0') != std::string::npos)
      refuse(at, fmt::format("key '{}' contains a NUL character", printable(name)));
    if (!keys_.back().insert(name).second)
      refuse(at, fmt::format("duplicate key '{}'", printable(name)));
    handler_.key(name, at);
    return true;
  }
  bool end_object() {
    keys_.pop_back();
    close();
    handler_.end_object();
    return true;
  }
  bool start_array(std::size_t) {
    handler_.begin_array(open());
    return true;
  }
  bool end_array() {
    close();
    handler_.end_array();
    return true;
  }

  // `position` counts the bytes read. The offending byte is the last one when the lexer stopped
  // inside a token, and the first of the token when a whole token is out of place.
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) {
    std::string_view what = error.what();
    if (what.find("number overflow") != std::string_view::npos)
      refuse(next_token(), "number out of the range of a double");
    std::size_t start = what.find("syntax error ");
    if (start != std::string_view::npos) what.remove_prefix(start + std::strlen("syntax error "));
    what = what.substr(0, what.find("; last read: '"));  // may be long; shown below, cut
    std::size_t back = std::min(position, unexpected_size(what, token));
    std::size_t at = std::min(position - back, text_.size());
    std::string found = at < text_.size()
                            ? fmt::format(", at '{}'", printable(text_.substr(at, 32), 32))
                            : std::string();
    refuse(at, fmt::format("not valid json {}{}", what, found));
  }

  [[noreturn]] void refuse(std::size_t at, const std::string& what) const {
    bad_input("{}: byte {}: {}", printable(where_, 1024), at, what);
  }

 private:
  // The first byte of the token that the parser has just accepted. Every comma and colon between
  // two events was accepted too.
  std::size_t next_token() const {
    std::size_t at = text_.find_first_not_of(" \t\n\r,:", end_);
    return at == std::string_view::npos ? text_.size() : at;
  }

  // How many bytes back from the reading position the offending token starts. `token` is all that
  // was read since the last string or number began.
  static std::size_t unexpected_size(std::string_view what, const std::string& token) {
    auto is = [&](std::string_view name) { return what.find(name) != std::string_view::npos; };
    if (is("unexpected string literal") || is("unexpected number literal")) return token.size();
    if (is("unexpected true literal") || is("unexpected null literal")) return 4;
    if (is("unexpected false literal")) return 5;
    return 1;
  }

  std::size_t value(std::size_t size) {
    std::size_t at = next_token();
    if (++values_ > limits_.max_values)
      refuse(at, fmt::format("more than {} values", limits_.max_values));
    end_ = at + size;
    return at;
  }

  std::size_t string_end(std::size_t at) const {
    std::size_t i = at + 1;
    while (text_[i] != '"')
      i += text_[i] == '\\' ? 2u : 1u;
    return i + 1;
  }

  bool number() {
    std::size_t at = value(0);
    end_ = std::min(text_.find_first_not_of("0123456789+-.eE", at), text_.size());
    std::string_view digits = text_.substr(at, end_ - at);
    bool is_integer = digits.find_first_of(".eE") == std::string_view::npos && digits != "-0";
    handler_.number(digits, is_integer, at);
    return true;
  }

  std::size_t open() {
    std::size_t at = value(1);
    if (++depth_ > limits_.max_depth)
      refuse(at, fmt::format("nested deeper than {} levels", limits_.max_depth));
    return at;
  }

  void close() {
    end_ = next_token() + 1;
    depth_--;
  }

  void check_length(const std::string& v, std::string_view kind, std::size_t at) const {
    if (v.size() > limits_.max_string)
      refuse(at,
             fmt::format("{} of {} bytes, the limit is {}", kind, v.size(), limits_.max_string));
  }

  std::string_view text_;
  const std::string& where_;
  const JsonLimits& limits_;
  JsonHandler& handler_;
  std::size_t end_ = 0;  // of the last token that was seen
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  // One per open object. A tree, not a hash table: nobody can choose keys that make it slow.
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

void parse_json_events(std::string_view text, const std::string& where, const JsonLimits& limits,
                       JsonHandler& handler) {
  StrictEvents events(text, where, limits, handler);
  if (text.size() > limits.max_bytes)
    bad_input("{}: {} bytes of json, the limit is {}", printable(where, 1024), text.size(),
              limits.max_bytes);
  if (text.starts_with("\xEF\xBB\xBF")) events.refuse(0, "byte order mark before the json");
  // The parser takes NUL for the end of the text and would ignore all that follows.
  std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos) events.refuse(nul, "NUL byte in json");
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &events);
}

}  // namespace mlc
