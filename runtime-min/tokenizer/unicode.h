// What tokenizers ask about characters: classes, normal forms, lower case. The tables are
// utf8proc's (Unicode 15), with the differences of unicode_versions.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

bool is_white_space(char32_t c);  // the property White_Space
bool is_number(char32_t c);       // the categories Nd, Nl, No
bool is_punctuation(
    char32_t c);           // the categories P*, and ASCII's symbols, which BERT counts to them
bool is_mark(char32_t c);  // the categories M*
bool is_nonspacing_mark(char32_t c);  // Mn
bool is_other(char32_t c);            // the categories Cc, Cf, Co, Cs
bool is_cjk_ideograph(char32_t c);    // the blocks that BERT sets apart

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize(std::string_view text, NormalForm form);

// Each character by itself, so that no word decides (Σ is always σ).
std::string lower_case(std::string_view text);

// Ends of the extended grapheme clusters (what a reader takes for one character).
std::vector<std::size_t> grapheme_ends(std::string_view text);

}  // namespace mlc
