#include "base/error.h"

#include <algorithm>
#include <cstring>

namespace mlc {
namespace {

// Length of the valid UTF-8 sequence at the start of `s` (RFC 3629: no overlong form, no surrogate,
// nothing above U+10FFFF), or 0.
std::size_t utf8_sequence(std::string_view s) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < n) return 0;
  for (std::size_t i = 1; i < n; i++)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return n;
}

}  // namespace

void io_error(const std::string& path, std::string_view what, int errno_value) {
  fail(ExitCode::kIo, "{}: {}: {}", printable(path, 1024), what, std::strerror(errno_value));
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "...";
    std::size_t n = utf8_sequence(text);
    auto c = static_cast<unsigned char>(text[0]);
    // U+0080..U+009F are control characters too; a terminal may act on them.
    bool c1 = n == 2 && c == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (n == 0 || c < 0x20 || c == 0x7F || c1) {
      out += fmt::format("\\x{:02x}", c);
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, n);
    text.remove_prefix(n);
  }
  return out;
}

std::string printable_list(const std::vector<std::string>& names) {
  constexpr std::size_t kListed = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kListed); i++)
    out += (i == 0 ? "" : ", ") + printable(names[i]);
  if (names.size() > kListed) out += fmt::format(" and {} more", names.size() - kListed);
  return out;
}

}  // namespace mlc
