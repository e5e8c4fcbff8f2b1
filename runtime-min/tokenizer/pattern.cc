#define PCRE2_CODE_UNIT_WIDTH 8

#include "runtime-min/tokenizer/pattern.h"

#include <pcre2.h>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/pattern_syntax.h"
#include "runtime-min/tokenizer/unicode_versions.h"

namespace mlc {
namespace {

struct FreePcre {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, FreePcre>;

std::string message(int error) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

// Longer patterns than any tokenizer's; compiling takes memory in proportion.
constexpr std::size_t kMaxPattern = std::size_t{1} << 16;
// Steps back in one match. A pattern such as \s*[\r\n] goes back over all spaces of a text once, so
// this has to be more than a text has characters, and is what a hostile pattern may cost at a
// place.
constexpr std::uint32_t kMaxSteps = 50'000'000;
constexpr std::uint32_t kMaxHeap = 256 * 1024;  // KiB

}  // namespace

struct Pattern::Code {
  std::string where;
  Owned<pcre2_code> code;
  Owned<pcre2_match_context> limits;
};

Pattern::Pattern(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Pattern Pattern::from_pcre2(const std::string& pattern, const std::string& where) {
  auto code = std::make_unique<Code>();
  code->where = where;
  Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  code->limits.reset(pcre2_match_context_create(nullptr));
  if (!context || !code->limits) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_match_limit(code->limits.get(), kMaxSteps);
  pcre2_set_heap_limit(code->limits.get(), kMaxHeap);
  int error = 0;
  PCRE2_SIZE at = 0;
  code->code.reset(pcre2_compile(units(pattern), pattern.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                 &error, &at, context.get()));
  if (!code->code)
    bad_input("{}: the pattern '{}' can't be read: {} (at '{}')", where, printable(pattern, 400),
              message(error), printable(std::string_view(pattern).substr(at), 40));
  // Where there is no compiler for this machine, matching is slower, and the same.
  pcre2_jit_compile(code->code.get(), PCRE2_JIT_COMPLETE);
  return Pattern(std::move(code));
}

Pattern Pattern::from_ruby(std::string_view pattern, const std::string& where) {
  if (pattern.size() > kMaxPattern)
    bad_input("{}: the pattern has {} bytes, expected at most {}", where, pattern.size(),
              kMaxPattern);
  return from_pcre2(pcre2_from_ruby(pattern, where), where);
}

std::vector<Match> Pattern::cut(std::string_view given_text) const {
  std::vector<Match> pieces;
  if (given_text.empty()) return pieces;
  std::string shadow = with_stand_ins(given_text);
  std::string_view text = shadow.empty() ? given_text : shadow;
  Owned<pcre2_match_data> data(pcre2_match_data_create(1, nullptr));
  if (!data) throw std::bad_alloc();
  std::size_t done = 0;                       // end of the last piece
  std::size_t last = std::string_view::npos;  // end of the last match
  for (std::size_t at = 0; at <= text.size();) {
    int found = pcre2_match(code_->code.get(), units(text), text.size(), at, PCRE2_NO_UTF_CHECK,
                            data.get(), code_->limits.get());
    // The machine code has a small stack of its own; the interpreter keeps its on the heap.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code_->code.get(), units(text), text.size(), at,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(), code_->limits.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0)
      bad_input("{}: matching this text with the pattern failed at byte {}: {}", code_->where, at,
                message(found));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    Span span{ends[0], ends[1]};
    if (span.begin > span.end || span.begin < done)  // \K in a lookahead, or behind
      bad_input("{}: the pattern matches backwards at byte {}", code_->where, at);
    bool is_empty = span.begin == span.end;
    if (is_empty && span.begin == last) {
      if (at == text.size()) break;
      at += utf8_length(text[at]);
      last = std::string_view::npos;
      continue;
    }
    if (done < span.begin) pieces.push_back({{done, span.begin}, false});
    pieces.push_back({span, true});
    done = last = at = span.end;
  }
  if (done < text.size()) pieces.push_back({{done, text.size()}, false});
  return pieces;
}

}  // namespace mlc
