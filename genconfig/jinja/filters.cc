#include "genconfig/jinja/filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

// A number's text without the underscores that Python allows between digits; none where one stands
// elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const auto digit = [&](std::size_t k) {
      return k < text.size() && is_digit(static_cast<unsigned char>(text[k]));
    };
    if (i == 0 || !digit(i - 1) || !digit(i + 1)) return std::nullopt;
  }
  return out;
}

std::optional<double> parse_float(Run& run, const std::string& text) {
  run.look_through(text.size());
  auto number = without_underscores(strip(text));
  if (!number || number->empty()) return std::nullopt;
  std::string low;
  for (char c : *number)
    low += static_cast<char>(is_ascii_upper(static_cast<unsigned char>(c)) ? c + 32 : c);
  const std::string_view unsigned_part =
      std::string_view(low).substr(low[0] == '-' || low[0] == '+' ? 1 : 0);
  const bool word = unsigned_part == "inf" || unsigned_part == "infinity" || unsigned_part == "nan";
  // strtod takes hexadecimal forms and "nan(...)"; Python does not.
  if (!word && low.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(low.c_str(), &end);
  if (end != low.c_str() + low.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_int(Run& run, const std::string& text) {
  run.look_through(text.size());
  auto number = without_underscores(strip(text));
  if (!number) return std::nullopt;
  std::string_view digits = *number;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || (number->starts_with('+') && digits[0] == '-')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error != std::errc())
    run.fail("the number {} does not fit into 64 bits", printable(text, 60));
  return value;
}

std::int64_t truncated(Run& run, double v) {
  if (!(std::fabs(v) < 9.2e18)) run.fail("the number has no integer within 64 bits");
  return static_cast<std::int64_t>(v);
}

Value to_int(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "int", args, {"default", "base"});
  if (b.integer(1, 10) != 10) run.fail("int: only base 10 is supported");
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is(Kind::kFloat)) {
    // int(nan) is a ValueError, which the filter answers with its default.
    if (std::isnan(value.as_double())) return b.or_else(0, Value::integer(0));
    return Value::integer(truncated(run, value.as_double()));
  }
  if (value.is(Kind::kUndefined)) run.fail("{}", printable(value.text()));
  if (!value.is(Kind::kString)) return b.or_else(0, Value::integer(0));
  if (auto whole = parse_int(run, value.text())) return Value::integer(*whole);
  const auto real = parse_float(run, value.text());
  if (!real || std::isnan(*real)) return b.or_else(0, Value::integer(0));
  return Value::integer(truncated(run, *real));
}

Value to_float(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "float", args, {"default"});
  if (value.is_number()) return Value::real(value.as_double());
  if (value.is(Kind::kUndefined)) run.fail("{}", printable(value.text()));
  std::optional<double> real;
  if (value.is(Kind::kString)) real = parse_float(run, value.text());
  return real ? Value::real(*real) : b.or_else(0, Value::real(0));
}

Value absolute(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "abs", args, {});
  if (value.is(Kind::kFloat)) return Value::real(std::fabs(value.as_double()));
  if (value.is_integral() && value.as_int() >= 0) return Value::integer(value.as_int());
  return negative(run, value);
}

Value rounded(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "round", args, {"precision", "method"});
  const std::int64_t precision = b.integer(0, 0);
  const std::string common = "common";
  const std::string& method = b.text(1, common);
  if (!value.is_number()) run.fail("round takes a number, not {}", type_name(value));
  if (precision < 0 || precision > 100)
    run.fail("round: the precision {} is not supported", precision);
  if (method == "common") {
    if (value.is_integral()) return Value::integer(value.as_int());
    const double v = value.as_double();
    if (!std::isfinite(v) || std::fabs(v) > 1e22) return value;
    // printf rounds the exact value, ties to even, as Python's round does.
    std::array<char, 200> digits = {};
    const int n =
        std::snprintf(digits.data(), digits.size(), "%.*f", static_cast<int>(precision), v);
    if (n < 0) run.fail("round: the number can't be written");
    return Value::real(std::strtod(digits.data(), nullptr));
  }
  if (method != "ceil" && method != "floor")
    run.fail("round: method must be common, ceil or floor");
  // Python multiplies by an integer power of ten; an integer times that stays an integer.
  const double power = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.as_double() * power;
  if (!std::isfinite(scaled)) run.fail("round takes a finite number");
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / power);
}

Value or_default(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "default", args, {"default_value", "boolean"});
  const bool replace = value.is(Kind::kUndefined) || (b.truth_of(1) && !truth(value));
  return replace ? b.or_else(0, Value::string(run, "")) : value;
}

Value as_json(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = b.truth_of(0);
  style.sort_keys = b.truth_of(3);
  if (b.has(1) && !b.need(1).is(Kind::kNone)) {
    style.indent = static_cast<int>(std::clamp<std::int64_t>(b.integer(1, 0), 0, 1000));
    style.item_separator.assign(1, ',');
  }
  if (b.has(2) && !b.need(2).is(Kind::kNone)) {
    const auto pair = to_items(run, b.need(2));
    if (pair.size() != 2 || !pair[0].is(Kind::kString) || !pair[1].is(Kind::kString))
      run.fail("tojson: separators are two texts");
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  return Value::string(run, to_json(run, value, style));
}

Value as_string(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "string", args, {});
  return value.is(Kind::kString) ? value : Value::string(run, to_text(run, value));
}

Value attribute(Run& run, const Value& value, const Args& args) {
  const Bound b(run, "attr", args, {"name"});
  b.need(0);
  const std::string nothing;
  const std::string& name = b.text(0, nothing);
  Value out;
  if (value.is(Kind::kUndefined)) run.fail("{}", printable(value.text()));
  if (find_python_attribute(run, value, name, out)) return out;
  return Value::undefined(
      run, fmt::format("{} has no attribute \"{}\"", type_name(value), printable(name, 60)));
}

const std::array kRows = {
    Row<Filter>{"int", to_int},         Row<Filter>{"float", to_float},
    Row<Filter>{"abs", absolute},       Row<Filter>{"round", rounded},
    Row<Filter>{"default", or_default}, Row<Filter>{"d", or_default},
    Row<Filter>{"tojson", as_json},     Row<Filter>{"string", as_string},
    Row<Filter>{"safe", as_string},     Row<Filter>{"attr", attribute},
};

// Filters of Jinja for HTML, files and chance; no chat template has a use for them.
constexpr std::array kUnsupported = {
    std::string_view("e"),
    std::string_view("escape"),
    std::string_view("filesizeformat"),
    std::string_view("forceescape"),
    std::string_view("groupby"),
    std::string_view("pprint"),
    std::string_view("random"),
    std::string_view("slice"),
    std::string_view("striptags"),
    std::string_view("truncate"),
    std::string_view("urlencode"),
    std::string_view("urlize"),
    std::string_view("wordwrap"),
    std::string_view("xmlattr"),
    std::string_view("format"),
};

const Row<Filter>* find_filter(std::string_view name) {
  for (const auto& table : {value_filters(), text_filters(), sequence_filters()})
    for (const Row<Filter>& row : table)
      if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

std::span<const Row<Filter>> value_filters() { return kRows; }

bool is_filter(std::string_view name) {
  return find_filter(name) != nullptr ||
         std::find(kUnsupported.begin(), kUnsupported.end(), name) != kUnsupported.end();
}

Value call_filter(Run& run, std::string_view name, const Value& value, const Args& args) {
  run.step();
  const Row<Filter>* row = find_filter(name);
  if (row != nullptr) return row->function(run, value, args);
  if (is_filter(name)) run.fail("the filter {} is not supported", name);
  run.fail("there is no filter named \"{}\"", printable(name, 60));
}

}  // namespace mlc::jinja
