#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/error.h"

namespace mlc {
namespace {

std::string_view kind_name(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::kNull:
      return "null";
    case Json::Kind::kBool:
      return "a boolean";
    case Json::Kind::kInt:
      return "an integer";
    case Json::Kind::kFloat:
      return "a number that is not a plain integer";
    case Json::Kind::kString:
      return "a string";
    case Json::Kind::kArray:
      return "an array";
    case Json::Kind::kObject:
      return "an object";
  }
  return "";
}

[[noreturn]] void wrong_kind(const Json& value, std::string_view what, std::string_view expected) {
  std::string shown;
  if (value.is_number()) shown = fmt::format(" ({})", printable(value.number_text(), 40));
  if (value.is_string()) shown = fmt::format(" ('{}')", printable(value.as_string(what), 40));
  bad_input("{} must be {}, but byte {} has {}{}", what, expected, value.offset(),
            kind_name(value.kind()), shown);
}

template <class Int>
Int plain_integer(const Json& value, std::string_view what, std::string_view expected) {
  if (!value.is_int()) wrong_kind(value, what, expected);
  const std::string& text = value.number_text();
  Int result = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size()) wrong_kind(value, what, expected);
  return result;
}

}  // namespace

// A number stays text, so nothing is lost between reading and writing.
Json::Json(bool v) : kind_(Kind::kBool), bool_(v) {}
Json::Json(int v) : Json(std::int64_t{v}) {}
Json::Json(std::int64_t v) : kind_(Kind::kInt), text_(std::to_string(v)) {}
Json::Json(std::uint64_t v) : kind_(Kind::kInt), text_(std::to_string(v)) {}
Json::Json(double v) : kind_(Kind::kFloat), text_(python_repr(v)) {}
Json::Json(const char* v) : Json(std::string(v)) {}
Json::Json(std::string v) : kind_(Kind::kString), text_(std::move(v)) {}
Json::Json(std::string_view v) : Json(std::string(v)) {}

Json Json::array() {
  Json value;
  value.kind_ = Kind::kArray;
  return value;
}

Json Json::object() {
  Json value;
  value.kind_ = Kind::kObject;
  return value;
}

void Json::push(Json value) {
  if (kind_ != Kind::kArray) fail(ExitCode::kBug, "push onto json that is {}", kind_name(kind_));
  items_.push_back(std::move(value));
}

Json& Json::set(std::string key, Json value) {
  if (kind_ != Kind::kObject)
    fail(ExitCode::kBug, "set '{}' in json that is {}", key, kind_name(kind_));
  auto same = std::find_if(members_.begin(), members_.end(),
                           [&](const Member& m) { return m.first == key; });
  if (same != members_.end())
    same->second = std::move(value);
  else
    members_.emplace_back(std::move(key), std::move(value));
  return *this;
}

bool Json::as_bool(std::string_view what) const {
  if (kind_ != Kind::kBool) wrong_kind(*this, what, "true or false");
  return bool_;
}

std::int64_t Json::as_int(std::string_view what) const {
  return plain_integer<std::int64_t>(*this, what, "a plain integer of 64 bits");
}

std::uint64_t Json::as_size(std::string_view what) const {
  return plain_integer<std::uint64_t>(*this, what,
                                      "a plain integer, zero or more, of at most 64 bits");
}

double Json::as_double(std::string_view what) const {
  if (!is_number()) wrong_kind(*this, what, "a number");
  double result = 0;
  auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), result);
  // The parser has refused what is too large, so out of range means too small.
  if (error == std::errc::result_out_of_range) return text_[0] == '-' ? -0.0 : 0.0;
  if (error != std::errc() || end != text_.data() + text_.size())
    wrong_kind(*this, what, "a number");
  return result;
}

const std::string& Json::as_string(std::string_view what) const {
  if (kind_ != Kind::kString) wrong_kind(*this, what, "a string");
  return text_;
}

const std::vector<Json>& Json::items(std::string_view what) const {
  if (kind_ != Kind::kArray) wrong_kind(*this, what, "an array");
  return items_;
}

const std::vector<Json::Member>& Json::members(std::string_view what) const {
  if (kind_ != Kind::kObject) wrong_kind(*this, what, "an object");
  return members_;
}

const Json* Json::find(std::string_view key) const {
  auto it = std::find_if(members_.begin(), members_.end(),
                         [&](const Member& m) { return m.first == key; });
  return it == members_.end() ? nullptr : &it->second;
}

const std::string& Json::number_text() const {
  if (!is_number()) fail(ExitCode::kBug, "number_text of json that is {}", kind_name(kind_));
  return text_;
}

bool operator==(const Json& a, const Json& b) {
  return a.kind_ == b.kind_ && a.bool_ == b.bool_ && a.text_ == b.text_ && a.items_ == b.items_ &&
         a.members_ == b.members_;
}

// Builds the tree from the events. `path_` holds the open containers: a container is finished when
// it closes, and only then moved into its parent.
class JsonTreeBuilder : public JsonHandler {
 public:
  Json take() { return std::move(root_); }

  void begin_object(std::size_t offset) override { open(Json::Kind::kObject, offset); }
  void key(std::string_view name, std::size_t) override { path_.back().key = name; }
  void end_object() override { close(); }
  void begin_array(std::size_t offset) override { open(Json::Kind::kArray, offset); }
  void end_array() override { close(); }
  void string(std::string_view value, std::size_t offset) override {
    add(leaf(Json::Kind::kString, offset, value));
  }
  void number(std::string_view text, bool is_integer, std::size_t offset) override {
    add(leaf(is_integer ? Json::Kind::kInt : Json::Kind::kFloat, offset, text));
  }
  void boolean(bool value, std::size_t offset) override {
    Json v = leaf(Json::Kind::kBool, offset, {});
    v.bool_ = value;
    add(std::move(v));
  }
  void null(std::size_t offset) override { add(leaf(Json::Kind::kNull, offset, {})); }

 private:
  struct Open {
    Json value;
    std::string key;  // of the member that comes next
  };

  static Json leaf(Json::Kind kind, std::size_t offset, std::string_view text) {
    Json v;
    v.kind_ = kind;
    v.offset_ = offset;
    v.text_ = text;
    return v;
  }

  void open(Json::Kind kind, std::size_t offset) { path_.push_back({leaf(kind, offset, {}), {}}); }

  void close() {
    Json value = std::move(path_.back().value);
    path_.pop_back();
    add(std::move(value));
  }

  void add(Json value) {
    if (path_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = path_.back();
    if (parent.value.is_array())
      parent.value.items_.push_back(std::move(value));
    else
      parent.value.members_.emplace_back(std::move(parent.key), std::move(value));
  }

  Json root_;
  std::vector<Open> path_;
};

Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits) {
  JsonTreeBuilder builder;
  parse_json_events(text, where, limits, builder);
  return builder.take();
}

}  // namespace mlc
