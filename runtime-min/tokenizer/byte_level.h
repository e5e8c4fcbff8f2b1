// GPT-2's spelling of bytes: each of the 256 is one printable character. Those that print in
// Latin-1 (! to ~, ¡ to ¬, ® to ÿ) are themselves; the others, in order, are U+0100 and up, so
// that the space is Ġ and the line break Ċ.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace mlc {

// The characters as UTF-8, by byte.
const std::array<std::string, 256>& byte_characters();

// The bytes that are spelled so; nothing when a character stands for no byte.
std::optional<std::string> bytes_of_characters(std::string_view text);

}  // namespace mlc
