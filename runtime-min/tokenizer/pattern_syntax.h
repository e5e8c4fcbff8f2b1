// Ruby's regular expressions, as Oniguruma reads them, written for PCRE2. They differ where both
// take a pattern and mean different things:
//
//   \s \w \h            White_Space, Ruby's word characters, hexadecimal digits
//   \p{Han}             the script itself, not its extensions
//   (?m)                "." takes line breaks: PCRE2's (?s)
//   x{1,3}+             a repeated repetition, not a possessive one
//   x{,3}               from 0 to 3
//   \u00e9              a code point
//   [a-z&&[^aeiou]]     sets within sets, and intersections
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// Only what differs is looked at; anything else is left to PCRE2, which also says what is wrong
// with a pattern. Error(kBadInput), naming `where`: sets that are not closed or
// nested beyond a limit.
std::string pcre2_from_ruby(std::string_view pattern, const std::string& where);

}  // namespace mlc
