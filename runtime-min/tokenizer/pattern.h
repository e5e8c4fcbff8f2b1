// The patterns of tokenizer.json. Hugging Face runs them with Oniguruma in Ruby's syntax; here they
// are rewritten into PCRE2's (pattern_syntax.h) and compiled by it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

struct Match {
  Span span;
  bool matched = false;
};

class Pattern {
 public:
  // Error(kBadInput), naming `where`: the pattern can't be read.
  static Pattern from_ruby(std::string_view pattern, const std::string& where);
  static Pattern from_pcre2(const std::string& pattern, const std::string& where);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // Cuts a valid UTF-8 text into its matches and what lies between them, in order. An empty match
  // directly behind another one does not count. Error(kBadInput): more steps than any sensible
  // pattern takes.
  std::vector<Match> cut(std::string_view text) const;

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace mlc
