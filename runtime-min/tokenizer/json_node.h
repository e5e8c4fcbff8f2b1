// A place in a tokenizer.json: simdjson's value with the path that messages name. Every reading
// throws Error(kBadInput) "FILE: model.vocab must be an object, found a number".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace mlc {

class JsonNode {
 public:
  JsonNode(std::string file, simdjson::dom::element value)
      : file_(std::move(file)), value_(value) {}

  std::string place() const;  // "FILE: model.vocab"
  const simdjson::dom::element& value() const { return value_; }

  bool is_string() const { return value_.is_string(); }
  bool is_array() const { return value_.is_array(); }
  bool is_object() const { return value_.is_object(); }

  std::optional<JsonNode> find(std::string_view key) const;  // nothing: absent or null
  JsonNode at(std::string_view key) const;
  std::vector<JsonNode> items() const;

  std::string_view string() const;
  std::string_view string_at(std::string_view key) const { return at(key).string(); }
  bool boolean() const;
  bool boolean_at(std::string_view key, bool otherwise) const;
  std::uint64_t size() const;  // an integer from 0 on
  double number() const;
  char32_t character() const;  // a string of one character

  // What has to be an object with a string "type".
  std::string_view type() const { return string_at("type"); }

  [[noreturn]] void wrong(std::string_view expected) const;

 private:
  JsonNode child(std::string_view step, simdjson::dom::element value) const;

  std::string file_;
  std::string path_;
  simdjson::dom::element value_;
};

}  // namespace mlc
