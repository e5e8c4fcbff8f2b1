// Characters of a text: reading, writing and repairing UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlc {

// Bytes of the character that starts with this byte; 0 for a byte that starts none.
std::size_t utf8_length(char first);

// Bytes of the valid character at the start of `text`; 0 when there is none (overlong forms,
// surrogates and anything above U+10FFFF are none, as Unicode 3.9 has it).
std::size_t utf8_valid_prefix(std::string_view text);

// Where the first byte is that belongs to no valid character; npos when all is valid.
std::size_t find_invalid_utf8(std::string_view text);

// The character at `at` of a valid text; `at` moves behind it.
char32_t next_character(std::string_view text, std::size_t& at);

void append_character(std::string& out, char32_t c);

// Bytes at the end of `text` that begin a valid character whose rest is missing: 0 to 3.
std::size_t utf8_incomplete_tail(std::string_view text);

// What is not valid becomes U+FFFD, one for each maximal part of a character (Unicode 3.9, "U+FFFD
// substitution of maximal subparts"; Rust's from_utf8_lossy does the same).
std::string repair_utf8(std::string_view text);

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace mlc
