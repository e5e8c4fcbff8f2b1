// Filters of texts. Jinja's take any value and print it first, unlike Python's methods.
#include <array>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/filters.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

const std::string kNothing;

Value trim(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "trim", args, {"chars"});
  return stripped(run, to_text(run, value), b.or_else(0, Value::none()), true, true);
}

Value replace(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "replace", args, {"old", "new", "count"});
  const bool all = !b.has(2) || b.need(2).is(Kind::kNone);
  return replaced(run, to_text(run, value), to_text(run, b.need(0)), to_text(run, b.need(1)),
                  all ? -1 : b.integer(2, -1));
}

template <Value (*kFunction)(Run&, const std::string&)>
Value on_text(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "a filter of a text", args, {});
  return kFunction(run, to_text(run, value));
}

// Jinja's own title: words begin after white space and after one of - ( { [ <.
Value title(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "title", args, {});
  const std::string text = to_text(run, value);
  const Value low = lower(run, text), high = upper(run, text);
  std::string out = low.text();
  bool begins = true;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t at = i;
    const char32_t c = next_character(text, i);
    if (begins) out[at] = high.text()[at];  // of more bytes only what has no case
    begins = c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c);
  }
  return Value::string(run, std::move(out));
}

Value indent(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "indent", args, {"width", "first", "blank"});
  if (!value.is(Kind::kString)) run.fail("indent takes a text, not {}", type_name(value));
  std::string by;
  if (b.has(0) && b.need(0).is(Kind::kString)) {
    by = b.need(0).text();
  } else {
    const std::int64_t width = b.integer(0, 4);
    run.allocate(width > 0 ? static_cast<std::uint64_t>(width) : 0);
    by.assign(width > 0 ? static_cast<std::size_t>(width) : 0, ' ');
  }
  std::string out = b.truth_of(1) ? by : "";
  bool first = true;
  for (const std::string& line : lines_of(run, value.text() + "\n")) {
    run.allocate(by.size() + line.size() + 1);
    if (!first) out += "\n";
    // A blank line is indented only on demand, the first one never here.
    if (!first && (!line.empty() || b.truth_of(2))) out += by;
    out += line;
    first = false;
  }
  return Value::string(run, std::move(out));
}

Value center(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "center", args, {"width"});
  const std::string text = to_text(run, value);
  const std::int64_t n = static_cast<std::int64_t>(length(text)), width = b.integer(0, 80);
  if (width <= n) return Value::string(run, text);
  const auto space = static_cast<std::size_t>(width - n);
  run.allocate(space);
  // An odd rest goes to the left if the width is odd, as CPython has it.
  const std::size_t left = space / 2 + (space & static_cast<std::size_t>(width) & 1U);
  return Value::string(run, std::string(left, ' ') + text + std::string(space - left, ' '));
}

Value wordcount(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "wordcount", args, {});
  const std::string text = to_text(run, value);
  std::int64_t n = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    if (c > 0x7F) run.fail("wordcount of text beyond ASCII is not supported");
    const bool word = is_ascii_letter(c) || is_digit(c) || c == '_';
    n += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value::integer(n);
}

const std::array kRows = {
    Row<Filter>{"trim", trim},
    Row<Filter>{"replace", replace},
    Row<Filter>{"upper", on_text<upper>},
    Row<Filter>{"lower", on_text<lower>},
    Row<Filter>{"capitalize", on_text<capitalized>},
    Row<Filter>{"title", title},
    Row<Filter>{"indent", indent},
    Row<Filter>{"center", center},
    Row<Filter>{"wordcount", wordcount},
};

}  // namespace

std::span<const Row<Filter>> text_filters() { return kRows; }

}  // namespace mlc::jinja
