// Python's view of text: strings are sequences of code points, and white space is what str.isspace
// says. Strings are valid UTF-8 here; the template and its input are checked before they come in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace mlc::jinja {

std::vector<char32_t> code_points(std::string_view text);
std::string to_utf8(const std::vector<char32_t>& text);
std::size_t length(std::string_view text);  // in code points

bool is_space(char32_t c);     // str.isspace of one character
bool is_line_end(char32_t c);  // what str.splitlines splits at
bool is_printable(
    char32_t c);  // repr writes it as it is; unassigned code points count as printable

inline bool is_ascii_lower(char32_t c) { return c >= 'a' && c <= 'z'; }
inline bool is_ascii_upper(char32_t c) { return c >= 'A' && c <= 'Z'; }
inline bool is_ascii_letter(char32_t c) { return is_ascii_lower(c) || is_ascii_upper(c); }
inline bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

// ASCII letters change; characters of scripts without case stay. None for any other character: its
// mapping may have several characters or depend on its neighbours, and no chat template needs it.
std::optional<char32_t> to_upper(char32_t c);
std::optional<char32_t> to_lower(char32_t c);

// The part between the first and the last character that is not white space.
std::string_view strip(std::string_view text, bool left = true, bool right = true);

}  // namespace mlc::jinja
