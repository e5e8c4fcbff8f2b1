// Unicode grows every year, and which characters are letters decides where patterns cut. The
// libraries that models' tokenizers run on have tables of other versions than ours; so that ids are
// equal for new characters too (scripts, and the emoji of the last years), the differences are kept
// here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mlc {

// PCRE2 10.42 knows Unicode 14, Hugging Face's patterns 16. For a character between the two, an
// older one of the same category (and of the script Han, if it is), with as many bytes of UTF-8;
// for others, the character itself.
char32_t stand_in(char32_t c);

// The text for PCRE2 to look at: stand-ins at the same bytes. Nothing when that is the text itself.
std::string with_stand_ins(std::string_view text);

// Hugging Face's normalizers know Unicode 9: a character that got its decomposition or combining
// class later is left alone, and nothing is reordered across it.
bool is_inert_to_normalization(char32_t c);

}  // namespace mlc
