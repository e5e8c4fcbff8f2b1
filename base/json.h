// Strict JSON for files that come from outside, and a writer equal to Python's json.dumps.
//
// Reading refuses, with the byte offset (exit code 3): anything that RFC 8259 refuses, duplicate
// keys in one object, a byte order mark, NUL, any byte after the root value except white space,
// invalid UTF-8, lone surrogate escapes, "\u0000" in a key (unless the limits take it), nesting
// beyond max_depth, and more text, strings or values than the limits allow; and numbers beyond the
// range of a double. nlohmann's parser accepts several of these silently (its SAX interface is used
// underneath, its DOM never).
//
// Numbers keep what the file said: an integer is a number without '.', 'e' and without "-0"; any
// other number is a float, and as_int() / as_size() refuse it by its offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlc {

struct JsonLimits {
  std::size_t max_bytes = std::size_t{64} << 20;
  std::size_t max_depth = 64;
  std::size_t max_string = std::size_t{16} << 20;
  std::size_t max_values = std::size_t{16} << 20;
  bool nul_in_keys = false;  // take "\u0000" in a key: vocabularies have it
};

// Events of one strictly checked document, for documents too large for a tree. `offset` is the byte
// offset of the value's (or key's) first byte in the text. Keys are already known to be unique.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual void begin_object(std::size_t offset) = 0;
  virtual void key(std::string_view name, std::size_t offset) = 0;
  virtual void end_object() = 0;
  virtual void begin_array(std::size_t offset) = 0;
  virtual void end_array() = 0;
  virtual void string(std::string_view value, std::size_t offset) = 0;
  // `text` is the number as written; `is_integer` as defined above (any size).
  virtual void number(std::string_view text, bool is_integer, std::size_t offset) = 0;
  virtual void boolean(bool value, std::size_t offset) = 0;
  virtual void null(std::size_t offset) = 0;
};

// `where` names the text in messages (a path). Throws Error(kBadInput).
void parse_json_events(std::string_view text, const std::string& where, const JsonLimits& limits,
                       JsonHandler& handler);

// A JSON value that keeps the order of object members, the kind of each number and byte offsets.
class Json {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kFloat, kString, kArray, kObject };
  using Member = std::pair<std::string, Json>;

  Json() = default;  // null
  // Building (for the writer). Any integer in [-2^63, 2^64).
  Json(bool v);              // NOLINT(google-explicit-constructor)
  Json(int v);               // NOLINT(google-explicit-constructor)
  Json(std::int64_t v);      // NOLINT(google-explicit-constructor)
  Json(std::uint64_t v);     // NOLINT(google-explicit-constructor)
  Json(double v);            // NOLINT(google-explicit-constructor)
  Json(const char* v);       // NOLINT(google-explicit-constructor)
  Json(std::string v);       // NOLINT(google-explicit-constructor)
  Json(std::string_view v);  // NOLINT(google-explicit-constructor)
  static Json array();
  static Json object();
  void push(Json value);                   // array
  Json& set(std::string key, Json value);  // object: replaces in place or appends; returns *this

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_bool() const { return kind_ == Kind::kBool; }
  bool is_int() const { return kind_ == Kind::kInt; }
  bool is_number() const { return kind_ == Kind::kInt || kind_ == Kind::kFloat; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_array() const { return kind_ == Kind::kArray; }
  bool is_object() const { return kind_ == Kind::kObject; }

  // Reading. `what` names the value in the message: "config.json: hidden_size". All throw
  // Error(kBadInput) with found, expected and the byte offset when the kind does not fit.
  bool as_bool(std::string_view what) const;
  std::int64_t as_int(std::string_view what) const;    // refuses floats, "1e2", "-0", beyond int64
  std::uint64_t as_size(std::string_view what) const;  // the same, and negative numbers; to 2^64-1
  double as_double(std::string_view what) const;       // integers too
  const std::string& as_string(std::string_view what) const;
  const std::vector<Json>& items(std::string_view what) const;
  const std::vector<Member>& members(std::string_view what) const;
  const Json* find(std::string_view key) const;  // nullptr when absent or not an object

  // The number exactly as the file wrote it (numbers only; writer-built values give Python's repr).
  const std::string& number_text() const;
  std::size_t offset() const { return offset_; }  // of the first byte; 0 in values that were built

  friend bool operator==(const Json& a, const Json& b);  // order of members counts; offsets do not

 private:
  friend class JsonTreeBuilder;
  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  std::size_t offset_ = 0;
  std::string text_;  // string value, or number text
  std::vector<Json> items_;
  std::vector<Member> members_;
};

Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits = {});
Json read_json_file(const std::string& path, const JsonLimits& limits = {});

// Equal to Python's json.dumps(value, indent=indent, ensure_ascii=ensure_ascii): indent < 0 means
// none (", " and ": " separators); empty containers are "[]" and "{}"; floats print as repr(float)
// (shortest round trip, "1e-05", "1e+16", always ".0" or an exponent), NaN / Infinity / -Infinity.
// Numbers that were read are written as Python would after reading them ("1e2" is 100.0, "-0" is
// 0). Bytes that are not UTF-8 become U+FFFD. No final newline.
std::string dump_json(const Json& value, int indent = -1, bool ensure_ascii = true);

// Python's repr(float).
std::string python_repr(double value);

}  // namespace mlc
