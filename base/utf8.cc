#include "base/utf8.h"

#include <algorithm>

namespace mlc {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// The second byte's range, which alone excludes overlong forms, surrogates and what is above
// U+10FFFF (Unicode, table 3-7).
bool second_fits(std::uint8_t first, std::uint8_t second) {
  std::uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  std::uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

// How many bytes at the start fit a character, and how many it has; {0, 0} for a bad first byte.
struct Part {
  std::size_t have;
  std::size_t need;
};

Part part_at_start(std::string_view text) {
  if (text.empty()) return {0, 0};
  std::size_t need = utf8_length(text[0]);
  if (need == 0) return {0, 0};
  std::size_t have = 1;
  while (have < need && have < text.size()) {
    std::uint8_t byte = byte_at(text, have);
    if (have == 1 ? !second_fits(byte_at(text, 0), byte) : (byte & 0xC0u) != 0x80u) break;
    have++;
  }
  return {have, need};
}

}  // namespace

std::size_t utf8_length(char first) {
  auto byte = static_cast<std::uint8_t>(first);
  if (byte < 0x80) return 1;
  if (byte < 0xC2) return 0;  // the rest of a character, or an overlong form
  if (byte < 0xE0) return 2;
  if (byte < 0xF0) return 3;
  return byte < 0xF5 ? 4 : 0;
}

std::size_t utf8_valid_prefix(std::string_view text) {
  Part part = part_at_start(text);
  return part.have == part.need ? part.need : 0;
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = byte_at(text, at) < 0x80 ? 1 : utf8_valid_prefix(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

char32_t next_character(std::string_view text, std::size_t& at) {
  std::uint8_t first = byte_at(text, at++);
  if (first < 0x80) return first;
  std::size_t rest = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  auto c = static_cast<char32_t>(first & (0x3Fu >> rest));
  for (; rest > 0; rest--)
    c = c << 6 | static_cast<char32_t>(byte_at(text, at++) & 0x3Fu);
  return c;
}

void append_character(std::string& out, char32_t c) {
  auto tail = [&](unsigned shift) { out += static_cast<char>(0x80u | (c >> shift & 0x3Fu)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0u | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0u | c >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0u | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t utf8_incomplete_tail(std::string_view text) {
  for (std::size_t tail = std::min<std::size_t>(3, text.size()); tail > 0; tail--) {
    Part part = part_at_start(text.substr(text.size() - tail));
    if (part.have == tail && part.need > tail) return tail;
  }
  return 0;
}

std::string repair_utf8(std::string_view text) {
  std::size_t bad = find_invalid_utf8(text);
  if (bad == std::string_view::npos) return std::string(text);
  std::string out(text.substr(0, bad));
  for (std::size_t at = bad; at < text.size();) {
    Part part = part_at_start(text.substr(at));
    if (part.need != 0 && part.have == part.need) {
      out += text.substr(at, part.need);
      at += part.need;
    } else {
      out += kReplacementCharacter;
      at += std::max<std::size_t>(part.have, 1);
    }
  }
  return out;
}

}  // namespace mlc
