#include "genconfig/jinja/unicode.h"

#include <cstdint>

namespace mlc::jinja {
namespace {

bool between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Blocks in which no character has an upper or lower form: general punctuation, arrows to CJK,
// Hangul, private use, emoji.
bool is_caseless(char32_t c) {
  return between(c, 0x80, 0xA9) || between(c, 0xAB, 0xB4) || between(c, 0xB6, 0xB9) ||
         between(c, 0xBB, 0xBF) || c == 0xD7 || c == 0xF7 || between(c, 0x0591, 0x109F) ||
         between(c, 0x2000, 0x2070) || between(c, 0x2080, 0x208F) || between(c, 0x20A0, 0x20CF) ||
         between(c, 0x2190, 0x24B5) || between(c, 0x24EA, 0x2BFF) || between(c, 0x2E80, 0xA63F) ||
         between(c, 0xAC00, 0xFAFF) || between(c, 0xFE00, 0xFF20) || between(c, 0xFF5B, 0xFFFF) ||
         between(c, 0x1F000, 0x1F12F) || between(c, 0x1F200, 0x3FFFF);
}

}  // namespace

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();)
    out.push_back(next_character(text, i));
  return out;
}

std::string to_utf8(const std::vector<char32_t>& text) {
  std::string out;
  for (char32_t c : text)
    append_character(out, c);
  return out;
}

std::size_t length(std::string_view text) {
  std::size_t n = 0;
  for (char c : text)
    n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  return n;
}

bool is_space(char32_t c) {
  return between(c, 0x09, 0x0D) || between(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || between(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_line_end(char32_t c) {
  return between(c, 0x0A, 0x0D) || between(c, 0x1C, 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  if (c < 0x20 || between(c, 0x7F, 0xA0) || is_space(c)) return false;
  const bool format = c == 0xAD || between(c, 0x600, 0x605) || c == 0x61C || c == 0x6DD ||
                      c == 0x70F || c == 0x180E || between(c, 0x200B, 0x200F) ||
                      between(c, 0x202A, 0x202E) || between(c, 0x2060, 0x206F) || c == 0xFEFF ||
                      between(c, 0xFFF0, 0xFFFB) || between(c, 0xE0000, 0xE0FFF);
  const bool private_use = between(c, 0xE000, 0xF8FF) || c >= 0xF0000;
  return !format && !private_use && (c & 0xFFFEU) != 0xFFFE;
}

std::optional<char32_t> to_upper(char32_t c) {
  if (is_ascii_lower(c)) return c - 32;
  if (c < 0x80 || is_caseless(c)) return c;
  return std::nullopt;
}

std::optional<char32_t> to_lower(char32_t c) {
  if (is_ascii_upper(c)) return c + 32;
  if (c < 0x80 || is_caseless(c)) return c;
  return std::nullopt;
}

std::string_view strip(std::string_view text, bool left, bool right) {
  std::size_t begin = 0, end = text.size();
  while (left && begin < end) {
    std::size_t next = begin;
    if (!is_space(next_character(text, next))) break;
    begin = next;
  }
  while (right && end > begin) {
    std::size_t start = end - 1;
    while ((static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80)
      --start;
    std::size_t next = start;
    if (!is_space(next_character(text, next))) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}

}  // namespace mlc::jinja
