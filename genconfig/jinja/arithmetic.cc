// Arithmetic as Python defines it: "/" gives a float, "//" and "%" round towards minus infinity.
#include <array>
#include <cmath>
#include <cstdio>

#include "base/json.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

[[noreturn]] void overflow(Run& run, std::string_view op) {
  run.fail("the result of operator {} does not fit into 64 bits", op);
}

[[noreturn]] void fail_operands(Run& run, std::string_view op, const Value& a, const Value& b) {
  for (const Value* v : {&a, &b})
    if (v->is(Kind::kUndefined)) run.fail("{}", printable(v->text()));
  run.fail("operator {} does not take {} and {}", op, type_name(a), type_name(b));
}

Value integer_power(Run& run, std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow(run, "**");
    exponent >>= 1U;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow(run, "**");
  }
  return Value::integer(result);
}

Value on_integers(Run& run, std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  bool wrong = false;
  if (op == "+") {
    wrong = __builtin_add_overflow(a, b, &r);
  } else if (op == "-") {
    wrong = __builtin_sub_overflow(a, b, &r);
  } else if (op == "*") {
    wrong = __builtin_mul_overflow(a, b, &r);
  } else {  // "//", "%"
    if (b == 0) run.fail("division by zero");
    if (b == -1) {  // the one division that can overflow
      wrong = __builtin_sub_overflow(std::int64_t{0}, a, &r);
      if (op == "%") return Value::integer(0);
    } else {
      const std::int64_t rest = a % b;
      const bool below = rest != 0 && ((rest < 0) != (b < 0));
      r = op == "%" ? (below ? rest + b : rest) : a / b - (below ? 1 : 0);
    }
  }
  if (wrong) overflow(run, op);
  return Value::integer(r);
}

Value on_floats(Run& run, std::string_view op, double a, double b) {
  if (op == "+") return Value::real(a + b);
  if (op == "-") return Value::real(a - b);
  if (op == "*") return Value::real(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) run.fail("zero can't be raised to a negative power");
    if (a < 0 && std::isfinite(b) && b != std::floor(b)) run.fail("the result of ** is complex");
    const double r = std::pow(a, b);
    if (std::isinf(r) && std::isfinite(a) && std::isfinite(b))
      run.fail("the result of ** is too large");
    return Value::real(r);
  }
  if (b == 0) run.fail("division by zero");
  if (op == "/") return Value::real(a / b);
  // The remainder has the divisor's sign; the quotient is derived from it, as in Python's float.
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (op == "%") return Value::real(rest);
  if (quotient == 0) return Value::real(std::copysign(0.0, a / b));
  const double whole = std::floor(quotient);
  return Value::real(quotient - whole > 0.5 ? whole + 1 : whole);
}

Value repeated(Run& run, const Value& what, std::int64_t count) {
  const auto n = static_cast<std::uint64_t>(count > 0 ? count : 0);
  const std::uint64_t size = what.is(Kind::kString) ? what.text().size() : what.items().size();
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(n, size, &total)) total = ~std::uint64_t{0};
  run.allocate(total);
  if (size == 0) return what;
  if (what.is(Kind::kString)) {
    std::string text;
    text.reserve(total);
    for (std::uint64_t i = 0; i < n; ++i)
      text += what.text();
    return Value::string(run, std::move(text));
  }
  run.allocate(total > ~std::uint64_t{0} / sizeof(Value) ? total : total * sizeof(Value));
  std::vector<Value> items;
  for (std::uint64_t i = 0; i < n; ++i)
    items.insert(items.end(), what.items().begin(), what.items().end());
  return what.is(Kind::kList) ? Value::list(run, std::move(items))
                              : Value::tuple(run, std::move(items));
}

Value joined(Run& run, const Value& a, const Value& b) {
  if (a.is(Kind::kString)) {
    run.allocate(a.text().size() + b.text().size());
    return Value::string(run, a.text() + b.text());
  }
  run.allocate((a.items().size() + b.items().size()) * sizeof(Value));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.is(Kind::kList) ? Value::list(run, std::move(items))
                           : Value::tuple(run, std::move(items));
}

bool repeatable(const Value& v) { return v.is(Kind::kString) || v.is_sequence(); }

// One conversion of a "%" format, without its "%".
struct Conversion {
  std::string flags;
  std::size_t width = 0;
  int precision = -1;
  char type = 0;
};

Conversion read_conversion(Run& run, const std::string& format, std::size_t& i) {
  Conversion c;
  while (i < format.size() && std::string_view("-+ 0#").find(format[i]) != std::string_view::npos)
    c.flags += format[i++];
  const auto number = [&] {
    std::size_t n = 0;
    while (i < format.size() && is_digit(static_cast<unsigned char>(format[i]))) {
      n = n * 10 + static_cast<std::size_t>(format[i++] - '0');
      if (n > 100000) run.fail("the format \"{}\" has too large a width", printable(format));
    }
    return n;
  };
  c.width = number();
  if (i < format.size() && format[i] == '.') {
    ++i;
    c.precision = static_cast<int>(number());
  }
  if (i == format.size()) run.fail("the format \"{}\" is incomplete", printable(format));
  c.type = format[i++];
  return c;
}

std::string converted(Run& run, const Conversion& c, const Value& value) {
  std::string text;
  const bool zero =
      c.flags.find('0') != std::string::npos && c.flags.find('-') == std::string::npos;
  if (c.type == 's' || c.type == 'r') {
    text = c.type == 's' ? to_text(run, value) : repr(run, value);
    if (c.precision >= 0) {
      auto points = code_points(text);
      if (points.size() > static_cast<std::size_t>(c.precision)) {
        points.resize(static_cast<std::size_t>(c.precision));
        text = to_utf8(points);
      }
    }
  } else {
    if (!value.is_number()) run.fail("%{} takes a number, not {}", c.type, type_name(value));
    std::array<char, 512> buffer = {};
    int n = 0;
    if ((c.type == 'd' || c.type == 'i') && c.precision < 0) {
      if (value.is(Kind::kFloat) && !(std::fabs(value.as_double()) < 9e18))
        run.fail("%d takes an integer within 64 bits");
      const long long whole =
          value.is(Kind::kFloat) ? static_cast<long long>(value.as_double()) : value.as_int();
      n = std::snprintf(buffer.data(), buffer.size(), "%lld", whole);
    } else if (c.type == 'f' && c.precision <= 100 && std::fabs(value.as_double()) < 1e300) {
      n = std::snprintf(buffer.data(), buffer.size(), "%.*f", c.precision < 0 ? 6 : c.precision,
                        value.as_double());
    } else {
      run.fail("the conversion %{} is not supported", printable(std::string(1, c.type)));
    }
    text.assign(buffer.data(), static_cast<std::size_t>(n));
    if (text[0] != '-' && c.flags.find('+') != std::string::npos) text.insert(text.begin(), '+');
    if (text[0] != '-' && text[0] != '+' && c.flags.find(' ') != std::string::npos)
      text.insert(text.begin(), ' ');
    if (zero && text.size() < c.width) {
      const bool sign = text[0] == '-' || text[0] == '+' || text[0] == ' ';
      text.insert(sign ? 1 : 0, c.width - text.size(), '0');
    }
  }
  const std::size_t n = length(text);
  if (n < c.width) {
    run.allocate(c.width);
    const std::string space(c.width - n, ' ');
    text = c.flags.find('-') != std::string::npos ? text + space : space + text;
  }
  return text;
}

}  // namespace

Value arithmetic(Run& run, std::string_view op, const Value& a, const Value& b) {
  run.step();
  if (a.is_number() && b.is_number()) {
    const bool integers = a.is_integral() && b.is_integral();
    if (integers && op == "**" && b.as_int() >= 0)
      return integer_power(run, a.as_int(), b.as_int());
    if (integers && op != "/" && op != "**") return on_integers(run, op, a.as_int(), b.as_int());
    return on_floats(run, op, a.as_double(), b.as_double());
  }
  if (op == "+" && a.kind() == b.kind() && repeatable(a)) return joined(run, a, b);
  if (op == "*" && repeatable(a) && b.is_integral()) return repeated(run, a, b.as_int());
  if (op == "*" && repeatable(b) && a.is_integral()) return repeated(run, b, a.as_int());
  if (op == "%" && a.is(Kind::kString) && !b.is(Kind::kUndefined))
    return Value::string(run, format_percent(run, a.text(), b));
  fail_operands(run, op, a, b);
}

std::string format_percent(Run& run, const std::string& format, const Value& arguments) {
  run.look_through(format.size());
  std::string out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < format.size();) {
    if (format[i] != '%') {
      out += format[i++];
      continue;
    }
    if (++i == format.size()) run.fail("the format \"{}\" is incomplete", printable(format));
    if (format[i] == '%') {
      out += format[i++];
      continue;
    }
    if (format[i] == '(') run.fail("named conversions (%(name)s) are not supported");
    const Conversion c = read_conversion(run, format, i);
    const bool several = arguments.is(Kind::kTuple);
    const std::size_t count = several ? arguments.items().size() : 1;
    if (used == count) run.fail("not enough arguments for the format \"{}\"", printable(format));
    out += converted(run, c, several ? arguments.items()[used] : arguments);
    ++used;
    run.allocate(out.size());
  }
  const bool all_used = arguments.is(Kind::kTuple)
                            ? used == arguments.items().size()
                            : used == 1 || arguments.is(Kind::kDict) || arguments.is(Kind::kList);
  if (!all_used) run.fail("too many arguments for the format \"{}\"", printable(format));
  return out;
}

}  // namespace mlc::jinja
