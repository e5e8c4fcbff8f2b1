// Methods of texts. index() and count() serve lists too.
#include <algorithm>
#include <array>

#include "genconfig/jinja/access.h"
#include "genconfig/jinja/methods.h"
#include "genconfig/jinja/operators.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

const std::string kNothing;

template <bool kLeft, bool kRight>
Value strip_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "strip()", args, {"chars"});
  return stripped(run, self.text(), b.or_else(0, Value::none()), kLeft, kRight);
}

// Cuts `text` into at most `limit` + 1 parts (no limit: negative), from the left or the right.
Value split_text(Run& run, const std::string& text, const Args& args, bool from_right) {
  const Bound b(run, "split()", args, {"sep", "maxsplit"});
  std::int64_t limit = b.integer(1, -1);
  run.look_through(text.size());
  std::vector<Value> parts;
  const auto add = [&](std::string_view part) {
    parts.push_back(Value::string(run, std::string(part)));
  };
  std::string_view rest = text;
  if (!b.has(0) || b.need(0).is(Kind::kNone)) {
    if (from_right && limit >= 0) run.fail("rsplit() at white space with a limit is not supported");
    rest = strip(rest, true, false);
    while (!rest.empty()) {
      if (limit == 0) {
        add(rest);
        break;
      }
      if (limit > 0) --limit;
      std::size_t end = 0, next = 0;
      while (end < rest.size() && !is_space(next_character(rest, next)))
        end = next;
      add(rest.substr(0, end));
      rest = strip(rest.substr(end), true, false);
    }
    return Value::list(run, std::move(parts));
  }
  const std::string& separator = b.text(0, kNothing);
  if (separator.empty()) run.fail("split() at an empty text");
  while (limit != 0) {
    const std::size_t at = from_right ? rest.rfind(separator) : rest.find(separator);
    if (at == std::string_view::npos) break;
    if (limit > 0) --limit;
    if (from_right) {
      add(rest.substr(at + separator.size()));
      rest = rest.substr(0, at);
    } else {
      add(rest.substr(0, at));
      rest.remove_prefix(at + separator.size());
    }
  }
  add(rest);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return Value::list(run, std::move(parts));
}

bool starts(const std::string& text, const std::string& with) { return text.starts_with(with); }
bool ends(const std::string& text, const std::string& with) { return text.ends_with(with); }

template <bool (*kMatches)(const std::string&, const std::string&)>
Value match_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "startswith() or endswith()", args, {"prefix"});
  const Value& wanted = b.need(0);
  const std::vector<Value> one = {wanted};
  for (const Value& each : wanted.is(Kind::kTuple) ? wanted.items() : one) {
    if (!each.is(Kind::kString))
      run.fail("startswith() and endswith() take a text or a tuple of texts, not {}",
               type_name(each));
    run.look_through(each.text().size());
    if (kMatches(self.text(), each.text())) return Value::boolean(true);
  }
  return Value::boolean(false);
}

// str.title: a letter after what is no letter is upper case.
Value title_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "title()", args, {});
  const Value low = lower(run, self.text()), high = upper(run, self.text());
  std::string out = low.text();  // both have the bytes of the text in the same places
  bool inside = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool letter = is_ascii_letter(static_cast<unsigned char>(out[i]));
    if (letter && !inside) out[i] = high.text()[i];
    inside = letter;
  }
  return Value::string(run, std::move(out));
}

template <bool kFromRight>
Value find_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "find()", args, {"sub"});
  b.need(0);
  run.look_through(self.text().size());
  const std::string& what = b.text(0, kNothing);
  const std::size_t at = kFromRight ? self.text().rfind(what) : self.text().find(what);
  if (at == std::string::npos) return Value::integer(-1);
  return Value::integer(
      static_cast<std::int64_t>(length(std::string_view(self.text()).substr(0, at))));
}

Value join_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "join()", args, {"iterable"});
  if (b.need(0).is(Kind::kUndefined)) return Value::string(run, "");
  const auto items = to_items(run, b.need(0));
  for (const Value& item : items)
    if (!item.is(Kind::kString)) run.fail("join() takes texts, not {}", type_name(item));
  return joined(run, self.text(), items);
}

Value replace_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "replace()", args, {"old", "new", "count"});
  b.need(0);
  b.need(1);
  return replaced(run, self.text(), b.text(0, kNothing), b.text(1, kNothing), b.integer(2, -1));
}

template <bool kSuffix>
Value remove_affix(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "removeprefix() or removesuffix()", args, {"affix"});
  b.need(0);
  const std::string &text = self.text(), &affix = b.text(0, kNothing);
  if (kSuffix ? !text.ends_with(affix) : !text.starts_with(affix)) return self;
  return Value::string(
      run, kSuffix ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size()));
}

template <bool (*kIs)(char32_t)>
Value all_are(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "a method of a text", args, {});
  run.look_through(self.text().size());
  bool all = !self.text().empty();
  for (std::size_t i = 0; i < self.text().size();) {
    const char32_t c = next_character(self.text(), i);
    if (c > 0x7F && kIs != is_space)
      run.fail("classes of characters beyond ASCII are not supported");
    all = all && kIs(c);
  }
  return Value::boolean(all);
}
bool is_alphanumeric(char32_t c) { return is_ascii_letter(c) || is_digit(c); }

using MethodRow = Row<Function>;
const std::array kTextMethods = {
    MethodRow{"strip", strip_method<true, true>},
    MethodRow{"lstrip", strip_method<true, false>},
    MethodRow{"rstrip", strip_method<false, true>},
    MethodRow{"split", [](Run& r, const Value& s,
                          const Args& a) { return split_text(r, s.text(), a, false); }},
    MethodRow{"rsplit", [](Run& r, const Value& s,
                           const Args& a) { return split_text(r, s.text(), a, true); }},
    MethodRow{"splitlines",
              [](Run& r, const Value& s, const Args& a) {
                const Bound b(r, "splitlines()", a, {});
                std::vector<Value> lines;
                for (std::string& line : lines_of(r, s.text()))
                  lines.push_back(Value::string(r, std::move(line)));
                return Value::list(r, std::move(lines));
              }},
    MethodRow{"startswith", match_method<starts>},
    MethodRow{"endswith", match_method<ends>},
    MethodRow{"upper",
              [](Run& r, const Value& s, const Args& a) {
                const Bound b(r, "upper()", a, {});
                return upper(r, s.text());
              }},
    MethodRow{"lower",
              [](Run& r, const Value& s, const Args& a) {
                const Bound b(r, "lower()", a, {});
                return lower(r, s.text());
              }},
    MethodRow{"capitalize",
              [](Run& r, const Value& s, const Args& a) {
                const Bound b(r, "capitalize()", a, {});
                return capitalized(r, s.text());
              }},
    MethodRow{"title", title_method},
    MethodRow{"find", find_method<false>},
    MethodRow{"rfind", find_method<true>},
    MethodRow{"count", count_method},
    MethodRow{"index", index_method},
    MethodRow{"join", join_method},
    MethodRow{"replace", replace_method},
    MethodRow{"removeprefix", remove_affix<false>},
    MethodRow{"removesuffix", remove_affix<true>},
    MethodRow{"isdigit", all_are<is_digit>},
    MethodRow{"isalpha", all_are<is_ascii_letter>},
    MethodRow{"isalnum", all_are<is_alphanumeric>},
    MethodRow{"isspace", all_are<is_space>},
};

}  // namespace

Value count_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "count()", args, {"value"});
  const Value& what = b.need(0);
  std::int64_t n = 0;
  if (!self.is(Kind::kString)) {
    for (const Value& item : self.items())
      n += equal(run, item, what) ? 1 : 0;
    return Value::integer(n);
  }
  const std::string& sub = b.text(0, kNothing);
  run.look_through(self.text().size());
  if (sub.empty()) return Value::integer(static_cast<std::int64_t>(length(self.text())) + 1);
  for (std::size_t at = 0; (at = self.text().find(sub, at)) != std::string::npos; at += sub.size())
    ++n;
  return Value::integer(n);
}

Value index_method(Run& run, const Value& self, const Args& args) {
  const Bound b(run, "index()", args, {"value"});
  if (self.is(Kind::kString)) {
    Value at = find_method<false>(run, self, args);
    if (at.as_int() >= 0) return at;
    run.fail("index(): the text is not in the other");
  }
  for (std::size_t i = 0; i < self.items().size(); ++i)
    if (equal(run, self.items()[i], b.need(0))) return Value::integer(static_cast<std::int64_t>(i));
  run.fail("index(): the value is not in the {}", type_name(self));
}

std::span<const Row<Function>> text_methods() { return kTextMethods; }

}  // namespace mlc::jinja
