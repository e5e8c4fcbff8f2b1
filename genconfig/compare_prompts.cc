#include "genconfig/compare_prompts.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

// Of the text around a difference.
constexpr std::size_t kBefore = 40, kAfter = 60;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// Escapes that say more than printable's \x0a.
std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = std::min(text.find_first_of("\n\t\r"), text.size());
    out += printable(text.substr(0, n), n);
    text.remove_prefix(n);
    if (text.empty()) break;
    out += text[0] == '\n' ? "\\n" : (text[0] == '\t' ? "\\t" : "\\r");
    text.remove_prefix(1);
  }
  return out;
}

// `text` from `begin`, which starts a character, to about `end`.
std::string excerpt(std::string_view text, std::size_t begin, std::size_t end) {
  while (end < text.size() && continues(text[end]))
    ++end;
  end = std::min(end, text.size());
  return (begin > 0 ? "..." : "") + visible(text.substr(begin, end - begin)) +
         (end < text.size() ? "..." : "");
}

// Columns that a text takes: code points, which is right for all but wide and combining ones.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t n = columns(text);
  out.append(n < width ? width - n : 0, ' ');
  return out;
}

}  // namespace

std::optional<std::vector<std::string>> split_prompt(std::string_view prompt,
                                                     const std::vector<std::string_view>& texts) {
  std::vector<std::string> parts;
  for (std::string_view text : texts) {
    const std::size_t at = prompt.find(text);
    if (at == std::string_view::npos) return std::nullopt;
    parts.emplace_back(prompt.substr(0, at));
    prompt.remove_prefix(at + text.size());
  }
  parts.emplace_back(prompt);
  return parts;
}

std::string side_by_side(std::string_view name_a, std::string_view a, std::string_view name_b,
                         std::string_view b) {
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto at = static_cast<std::size_t>(in_a - a.begin());
  // A difference within a character is one of the whole character.
  while (at > 0 && ((at < a.size() && continues(a[at])) || (at < b.size() && continues(b[at]))))
    --at;
  std::size_t begin = at > kBefore ? at - kBefore : 0;
  while (begin > 0 && continues(a[begin]))
    --begin;
  const std::string shown_a = printable(name_a), shown_b = printable(name_b);
  const std::size_t width = std::max(columns(shown_a), columns(shown_b));
  const std::size_t mark =
      width + 2 + (begin > 0 ? 3 : 0) + columns(visible(a.substr(begin, at - begin)));
  return fmt::format("  {}  {}\n  {}  {}\n  {}^ byte {}", padded(shown_a, width),
                     excerpt(a, begin, at + kAfter), padded(shown_b, width),
                     excerpt(b, begin, at + kAfter), std::string(mark, ' '), at);
}

}  // namespace mlc
