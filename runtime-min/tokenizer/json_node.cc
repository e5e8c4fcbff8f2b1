#include "runtime-min/tokenizer/json_node.h"

#include "base/error.h"
#include "base/utf8.h"

namespace mlc {
namespace {

std::string found(const simdjson::dom::element& value) {
  using Type = simdjson::dom::element_type;
  switch (value.type()) {
    case Type::ARRAY:
      return "an array";
    case Type::OBJECT:
      return "an object";
    case Type::STRING:
      return fmt::format("'{}'", printable(value.get_string().value_unsafe(), 40));
    case Type::BOOL:
      return value.get_bool().value_unsafe() ? "true" : "false";
    case Type::NULL_VALUE:
      return "null";
    default:
      return printable(simdjson::minify(value), 40);
  }
}

}  // namespace

std::string JsonNode::place() const {
  return path_.empty() ? file_ : fmt::format("{}: {}", file_, path_);
}

JsonNode JsonNode::child(std::string_view step, simdjson::dom::element value) const {
  JsonNode node(file_, value);
  node.path_ = path_;
  if (!path_.empty() && !step.starts_with('[')) node.path_ += '.';
  node.path_ += step;
  return node;
}

void JsonNode::wrong(std::string_view expected) const {
  bad_input("{} must be {}, found {}", place(), expected, found(value_));
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_.is_object()) wrong("an object");
  simdjson::dom::element value;
  if (value_[key].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return child(key, value);
}

JsonNode JsonNode::at(std::string_view key) const {
  std::optional<JsonNode> node = find(key);
  if (!node) bad_input("{} has no \"{}\"", place(), key);
  return *node;
}

std::vector<JsonNode> JsonNode::items() const {
  simdjson::dom::array array;
  if (value_.get(array) != simdjson::SUCCESS) wrong("an array");
  std::vector<JsonNode> nodes;
  for (simdjson::dom::element item : array)
    nodes.push_back(child(fmt::format("[{}]", nodes.size()), item));
  return nodes;
}

std::string_view JsonNode::string() const {
  std::string_view text;
  if (value_.get(text) != simdjson::SUCCESS) wrong("a string");
  return text;
}

bool JsonNode::boolean() const {
  bool value = false;
  if (value_.get(value) != simdjson::SUCCESS) wrong("true or false");
  return value;
}

bool JsonNode::boolean_at(std::string_view key, bool otherwise) const {
  std::optional<JsonNode> node = find(key);
  return node ? node->boolean() : otherwise;
}

std::uint64_t JsonNode::size() const {
  std::uint64_t value = 0;
  if (value_.get(value) != simdjson::SUCCESS) wrong("an integer, zero or more");
  return value;
}

double JsonNode::number() const {
  double value = 0;
  if (value_.get(value) != simdjson::SUCCESS) wrong("a number");
  return value;
}

char32_t JsonNode::character() const {
  std::string_view text = string();
  std::size_t at = 0;
  if (text.empty()) wrong("one character");
  char32_t c = next_character(text, at);
  if (at != text.size()) wrong("one character");
  return c;
}

}  // namespace mlc
