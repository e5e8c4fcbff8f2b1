#include "package/version.h"

#include <algorithm>

#include "package/oci/layout.h"

namespace mlc {
namespace {

constexpr std::size_t kLongestTag = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit) &&
         (text.size() == 1 || text[0] != '0');
}

// Parts between dots, each of which must hold.
template <class Holds>
bool all_parts(std::string_view text, Holds holds) {
  for (;;) {
    std::size_t dot = text.find('.');
    if (!holds(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_identifier(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '-'; });
}

// The next part between dots, which is taken away.
std::string_view next_part(std::string_view& text) {
  std::string_view part = text.substr(0, text.find('.'));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

// Numbers by value, before words.
int compare_parts(std::string_view a, std::string_view b) {
  bool a_is_number = is_number(a), b_is_number = is_number(b);
  if (a_is_number != b_is_number) return a_is_number ? -1 : 1;
  if (a_is_number && a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

int compare_lists(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty())
    if (int order = compare_parts(next_part(a), next_part(b))) return order;
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

}  // namespace

bool is_semantic_version(std::string_view text) {
  if (text.size() > kLongestTag / 2) return false;
  std::size_t plus = text.find('+');
  if (plus != std::string_view::npos && !all_parts(text.substr(plus + 1), is_identifier))
    return false;
  text = text.substr(0, plus);
  std::size_t minus = text.find('-');
  auto is_prerelease = [](std::string_view part) {
    bool digits = std::all_of(part.begin(), part.end(), is_digit);
    return is_identifier(part) && (!digits || is_number(part));
  };
  if (minus != std::string_view::npos && !all_parts(text.substr(minus + 1), is_prerelease))
    return false;
  text = text.substr(0, minus);
  return std::count(text.begin(), text.end(), '.') == 2 && all_parts(text, is_number);
}

int compare_versions(std::string_view a, std::string_view b) {
  a = a.substr(0, a.find('+'));
  b = b.substr(0, b.find('+'));
  std::size_t a_minus = std::min(a.find('-'), a.size());
  std::size_t b_minus = std::min(b.find('-'), b.size());
  if (int order = compare_lists(a.substr(0, a_minus), b.substr(0, b_minus))) return order;
  a.remove_prefix(a_minus);
  b.remove_prefix(b_minus);
  // A prerelease comes before its release.
  if (a.empty() || b.empty()) return a.empty() == b.empty() ? 0 : a.empty() ? 1 : -1;
  return compare_lists(a.substr(1), b.substr(1));
}

std::string default_tag(std::string_view name, std::string_view version) {
  std::string tag(name.substr(0, kLongestTag - version.size() - 1));
  tag += '-';
  tag += version;
  for (char& c : tag)
    if (!is_word(c) && c != '_' && c != '.' && c != '-') c = c == '+' ? '_' : '-';
  if (!is_tag(tag)) tag[0] = '_';
  return tag;
}

}  // namespace mlc
