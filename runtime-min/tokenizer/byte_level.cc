#include "runtime-min/tokenizer/byte_level.h"

#include <cstdint>

#include "base/utf8.h"

namespace mlc {
namespace {

bool prints(char32_t c) {
  return (c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

// The last byte that does not print, 0xAD, is the 68th of its kind.
constexpr char32_t kEnd = 0x100 + 68;

struct Tables {
  std::array<std::string, 256> characters;
  std::array<std::int16_t, kEnd> bytes = {};

  Tables() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; byte++) {
      char32_t c = prints(byte) ? byte : next++;
      append_character(characters[byte], c);
      bytes[c] = static_cast<std::int16_t>(byte);
    }
  }
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

}  // namespace

const std::array<std::string, 256>& byte_characters() { return tables().characters; }

std::optional<std::string> bytes_of_characters(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_character(text, at);
    if (c >= kEnd || tables().bytes[c] < 0) return std::nullopt;
    bytes += static_cast<char>(tables().bytes[c]);
  }
  return bytes;
}

}  // namespace mlc
