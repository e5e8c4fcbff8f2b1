#include "runtime-min/tokenizer/unicode.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <new>

#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/unicode_versions.h"

namespace mlc {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

int combining_class(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

// Puts long runs of combining marks into canonical order, which changes no normal form. utf8proc
// sorts them by exchanging neighbours, which takes a minute for a text of 10^5 marks.
std::string order_long_runs(std::string_view text) {
  constexpr std::size_t kLong = 32;
  std::string out;
  std::vector<char32_t> run;
  auto flush = [&] {
    if (run.size() > kLong)
      std::stable_sort(run.begin(), run.end(), [](char32_t a, char32_t b) {
        return combining_class(a) < combining_class(b);
      });
    for (char32_t c : run)
      append_character(out, c);
    run.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_character(text, at);
    if (combining_class(c) != 0) {
      run.push_back(c);
    } else {
      flush();
      append_character(out, c);
    }
  }
  flush();
  return out;
}

std::string normalize_part(std::string_view text, NormalForm form) {
  bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  int options = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                (compatible ? UTF8PROC_COMPAT : 0);
  std::string ordered = order_long_runs(text);
  utf8proc_uint8_t* result = nullptr;
  utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(ordered.data()),
                                       static_cast<utf8proc_ssize_t>(ordered.size()), &result,
                                       static_cast<utf8proc_option_t>(options));
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) bad_input("this text can't be normalized: {}", utf8proc_errmsg(size));
  std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

}  // namespace

bool is_white_space(char32_t c) {
  // PropList.txt; unchanged since Unicode 6.3.
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_number(char32_t c) {
  utf8proc_category_t kind = category(stand_in(c));
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return c > 0x20 && c < 0x7F && std::isalnum(static_cast<int>(c)) == 0;
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_mark(char32_t c) {
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_other(char32_t c) {
  utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_CS || kind == UTF8PROC_CATEGORY_CO;
}

bool is_cjk_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::string normalize(std::string_view text, NormalForm form) {
  if (is_ascii(text)) return std::string(text);
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    char32_t c = next_character(text, at);
    if (c < 0x300 || !is_inert_to_normalization(c)) continue;
    if (begin < end) out += normalize_part(text.substr(begin, end - begin), form);
    append_character(out, c);
    begin = at;
  }
  if (begin < text.size()) out += normalize_part(text.substr(begin), form);
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_character(text, at);
    // The one character whose lower case is two, in SpecialCasing.txt without a condition.
    if (c == 0x130)
      out += "i\xCC\x87";
    else
      append_character(out,
                       static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
  return out;
}

std::vector<std::size_t> grapheme_ends(std::string_view text) {
  std::vector<std::size_t> ends;
  utf8proc_int32_t state = 0;
  char32_t before = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    char32_t c = next_character(text, at);
    if (begin > 0 && utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                                      static_cast<utf8proc_int32_t>(c), &state))
      ends.push_back(begin);
    before = c;
  }
  if (!text.empty()) ends.push_back(text.size());
  return ends;
}

}  // namespace mlc
