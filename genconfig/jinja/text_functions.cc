// What filters and methods of texts have in common.
#include <algorithm>

#include "genconfig/jinja/library.h"
#include "genconfig/jinja/unicode.h"

namespace mlc::jinja {
namespace {

using Mapping = std::optional<char32_t> (*)(char32_t);

char32_t mapped(Run& run, Mapping mapping, char32_t c) {
  const auto result = mapping(c);
  if (!result) {
    std::string text;
    append_character(text, c);
    run.fail("upper and lower case of \"{}\" are not supported, only those of ASCII", text);
  }
  return *result;
}

Value all_mapped(Run& run, Mapping mapping, const std::string& text) {
  run.look_through(text.size());
  run.allocate(text.size());
  std::string out;
  for (std::size_t i = 0; i < text.size();)
    append_character(out, mapped(run, mapping, next_character(text, i)));
  return Value::string(run, std::move(out));
}

}  // namespace

Value upper(Run& run, const std::string& text) { return all_mapped(run, to_upper, text); }
Value lower(Run& run, const std::string& text) { return all_mapped(run, to_lower, text); }

Value capitalized(Run& run, const std::string& text) {
  run.look_through(text.size());
  run.allocate(text.size());
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Mapping mapping = i == 0 ? to_upper : to_lower;
    append_character(out, mapped(run, mapping, next_character(text, i)));
  }
  return Value::string(run, std::move(out));
}

Value stripped(Run& run, const std::string& text, const Value& characters, bool left, bool right) {
  run.look_through(text.size());
  if (characters.is(Kind::kNone)) return Value::string(run, std::string(strip(text, left, right)));
  if (!characters.is(Kind::kString))
    run.fail("the characters to strip have to be a text, not {}", type_name(characters));
  const auto points = code_points(text), set = code_points(characters.text());
  run.allocate((points.size() + set.size()) * sizeof(char32_t));
  const auto in_set = [&](char32_t c) {
    run.look_through(set.size());
    return std::find(set.begin(), set.end(), c) != set.end();
  };
  auto begin = points.begin(), end = points.end();
  while (left && begin != end && in_set(*begin))
    ++begin;
  while (right && begin != end && in_set(*(end - 1)))
    --end;
  return Value::string(run, to_utf8(std::vector<char32_t>(begin, end)));
}

Value replaced(Run& run, const std::string& text, const std::string& old, const std::string& by,
               std::int64_t count) {
  run.look_through(text.size());
  std::string out;
  std::size_t pos = 0;
  const auto add = [&run, &out](std::string_view part) {
    run.allocate(part.size());
    out += part;
  };
  auto once_more = [&count, done = std::int64_t{0}]() mutable {
    return count < 0 || done++ < count;
  };
  if (old.empty()) {  // before each character and at the end
    while (once_more()) {
      add(by);
      if (pos == text.size()) return Value::string(run, std::move(out));
      const std::size_t begin = pos;
      next_character(text, pos);
      add(std::string_view(text).substr(begin, pos - begin));
    }
  } else {
    while (true) {
      const std::size_t at = text.find(old, pos);
      if (at == std::string::npos || !once_more()) break;
      add(std::string_view(text).substr(pos, at - pos));
      add(by);
      pos = at + old.size();
    }
  }
  add(std::string_view(text).substr(pos));
  return Value::string(run, std::move(out));
}

Value joined(Run& run, const std::string& separator, const std::vector<Value>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) {
      run.allocate(separator.size());
      out += separator;
    }
    out += to_text(run, items[i]);
  }
  return Value::string(run, std::move(out));
}

bool has_only_case(Run& run, const std::string& text, bool want_upper) {
  run.look_through(text.size());
  bool any = false;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    mapped(run, to_lower, c);
    if (want_upper ? is_ascii_lower(c) : is_ascii_upper(c)) return false;
    any = any || is_ascii_letter(c);
  }
  return any;
}

std::vector<std::string> lines_of(Run& run, const std::string& text) {
  run.look_through(text.size());
  run.allocate(text.size());
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t at = i;
    const char32_t c = next_character(text, i);
    if (!is_line_end(c)) continue;
    run.allocate(64);
    lines.push_back(text.substr(begin, at - begin));
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    begin = i;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

}  // namespace mlc::jinja
