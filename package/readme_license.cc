#include "package/readme_license.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mlc {
namespace {

// The hub's identifiers of licences that SPDX has, too, where they differ.
constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kSpdx = {{
    {"afl-3.0", "AFL-3.0"},
    {"agpl-3.0", "AGPL-3.0-only"},
    {"apache-2.0", "Apache-2.0"},
    {"artistic-2.0", "Artistic-2.0"},
    {"bsd-2-clause", "BSD-2-Clause"},
    {"bsd-3-clause", "BSD-3-Clause"},
    {"bsl-1.0", "BSL-1.0"},
    {"cc-by-4.0", "CC-BY-4.0"},
    {"cc-by-nc-4.0", "CC-BY-NC-4.0"},
    {"cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"},
    {"cc-by-sa-3.0", "CC-BY-SA-3.0"},
    {"cc-by-sa-4.0", "CC-BY-SA-4.0"},
    {"cc0-1.0", "CC0-1.0"},
    {"cdla-permissive-2.0", "CDLA-Permissive-2.0"},
    {"gpl-2.0", "GPL-2.0-only"},
    {"gpl-3.0", "GPL-3.0-only"},
    {"isc", "ISC"},
    {"lgpl-3.0", "LGPL-3.0-only"},
    {"mit", "MIT"},
    {"mpl-2.0", "MPL-2.0"},
    {"unlicense", "Unlicense"},
    {"zlib", "Zlib"},
}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_identifier(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '+' || c == '_';
  });
}

}  // namespace

std::string license_of_readme(std::string_view text) {
  bool inside = false;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (trimmed(line) == "---") {
      if (inside) return {};
      inside = true;
      continue;
    }
    if (!inside) return {};
    constexpr std::string_view kKey = "license:";
    if (!line.starts_with(kKey)) continue;
    std::string_view value = trimmed(line.substr(kKey.size()));
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    if (!is_identifier(value)) return {};
    auto known = std::find_if(kSpdx.begin(), kSpdx.end(),
                              [&](const auto& row) { return row.first == value; });
    return std::string(known == kSpdx.end() ? value : known->second);
  }
  return {};
}

bool is_spdx_license(std::string_view name) {
  return std::any_of(kSpdx.begin(), kSpdx.end(),
                     [&](const auto& row) { return row.second == name; });
}

}  // namespace mlc
