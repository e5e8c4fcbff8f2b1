// The filter tojson as transformers defines it: json.dumps, by default with characters beyond ASCII
// as they are.
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"
#include "genconfig/jinja/value.h"

namespace mlc::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  void write(const Value& value) {
    Run::Level level(run_);
    run_.step();
    switch (value.kind()) {
      case Kind::kString:
        return quoted(value.text());
      case Kind::kList:
      case Kind::kTuple:
        return array(value.items());
      case Kind::kDict:
        return object(value.members());
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        return add(scalar(value));
      default:
        run_.fail("a value of type {} has no form in JSON", type_name(value));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view text) {
    run_.allocate(text.size());
    out_ += text;
  }

  static std::string scalar(const Value& value) {
    if (value.is(Kind::kNone)) return "null";
    if (value.is(Kind::kBool)) return value.as_int() != 0 ? "true" : "false";
    if (value.is(Kind::kInt)) return fmt::format("{}", value.as_int());
    const double v = value.as_double();
    if (std::isnan(v)) return "NaN";
    if (std::isinf(v)) return v > 0 ? "Infinity" : "-Infinity";
    return python_repr(v);
  }

  void quoted(const std::string& text) {
    run_.look_through(text.size());
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t begin = i;
      const char32_t c = next_character(text, i);
      switch (c) {
        case '"':
          out += "\\\"";
          continue;
        case '\\':
          out += "\\\\";
          continue;
        case '\n':
          out += "\\n";
          continue;
        case '\r':
          out += "\\r";
          continue;
        case '\t':
          out += "\\t";
          continue;
        case '\f':
          out += "\\f";
          continue;
        case '\b':
          out += "\\b";
          continue;
        default:
          break;
      }
      // With ensure_ascii DEL stays as it is: Python escapes what is outside of space to tilde, and
      // DEL is.
      const bool escape = c < 0x20 || (style_.ensure_ascii && c > 0x7E);
      if (!escape) {
        out.append(text, begin, i - begin);
      } else if (c < 0x10000) {
        out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
      } else {
        const std::uint32_t rest = static_cast<std::uint32_t>(c) - 0x10000;
        out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU));
      }
    }
    add(out + "\"");
  }

  void line(std::size_t depth) {
    if (style_.indent < 0) return;
    add("\n");
    add(std::string(depth * static_cast<std::size_t>(style_.indent), ' '));
  }

  void array(const std::vector<Value>& items) {
    if (items.empty()) return add("[]");
    add("[");
    ++depth_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i != 0) add(style_.item_separator);
      line(depth_);
      write(items[i]);
    }
    line(--depth_);
    add("]");
  }

  void object(const Members& members) {
    if (members.empty()) return add("{}");
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& member : members)
      order.push_back(&member);
    if (style_.sort_keys)
      std::stable_sort(order.begin(), order.end(), [this](const auto* a, const auto* b) {
        run_.step();
        return less(run_, a->first, b->first);
      });
    add("{");
    ++depth_;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i != 0) add(style_.item_separator);
      line(depth_);
      const Value& key = order[i]->first;
      if (key.is(Kind::kString)) {
        quoted(key.text());
      } else if (key.is_number() || key.is(Kind::kNone)) {
        quoted(scalar(key));
      } else {
        run_.fail("a key of type {} has no form in JSON", type_name(key));
      }
      add(style_.key_separator);
      write(order[i]->second);
    }
    line(--depth_);
    add("}");
  }

  Run& run_;
  const JsonStyle& style_;
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string to_json(Run& run, const Value& value, const JsonStyle& style) {
  JsonWriter writer(run, style);
  writer.write(value);
  return writer.take();
}

}  // namespace mlc::jinja
