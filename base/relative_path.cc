#include "base/relative_path.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace mlc {
namespace {

constexpr std::size_t kLongestPath = 1024;
constexpr std::size_t kLongestName = 255;  // NAME_MAX of every common file system

bool same_without_case(std::string_view a, std::string_view lower) {
  auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [&](char x, char y) { return fold(x) == y; });
}

// Windows opens the device whatever follows the first dot: "nul", "NUL.bin", "com1.tar.gz".
bool is_windows_device(std::string_view name) {
  constexpr std::array<std::string_view, 6> kPlain = {"con", "prn",    "aux",
                                                      "nul", "conin$", "conout$"};
  std::string_view stem = name.substr(0, name.find('.'));
  while (stem.ends_with(' '))
    stem.remove_suffix(1);
  if (stem.size() == 4 && stem[3] >= '0' && stem[3] <= '9')
    return same_without_case(stem.substr(0, 3), "com") ||
           same_without_case(stem.substr(0, 3), "lpt");
  return std::any_of(kPlain.begin(), kPlain.end(),
                     [&](std::string_view device) { return same_without_case(stem, device); });
}

std::string_view name_problem(std::string_view name) {
  if (name.empty()) return "it has an empty component";
  if (name == "." || name == "..") return "it has a component that is not a plain name";
  if (name.size() > kLongestName) return "it has a component of more than 255 bytes";
  if (name.ends_with(' ') || name.ends_with('.')) return "it has a component ending in ' ' or '.'";
  if (is_windows_device(name)) return "it names a device on Windows";
  return {};
}

}  // namespace

std::string_view relative_path_problem(std::string_view path) {
  if (path.empty()) return "it is empty";
  if (path.size() > kLongestPath) return "it has more than 1024 bytes";
  if (path.starts_with('/')) return "it is absolute";
  for (char c : path) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return "it holds a control character";
    if (c == '\\') return "it holds a backslash";
    if (c == ':') return "it holds a colon";
  }
  for (;;) {
    std::size_t slash = path.find('/');
    std::string_view problem = name_problem(path.substr(0, slash));
    if (!problem.empty() || slash == std::string_view::npos) return problem;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace mlc
