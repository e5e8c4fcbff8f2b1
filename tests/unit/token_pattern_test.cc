// Patterns: rewriting Ruby's syntax, cutting texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime-min/tokenizer/pattern.h"
#include "runtime-min/tokenizer/pattern_syntax.h"
#include "runtime-min/tokenizer/unicode_versions.h"

namespace mlc {
namespace {

using testing::HasSubstr;

// What matched, in brackets, and what did not.
std::string cut(std::string_view pattern, std::string_view text) {
  std::string out;
  for (const Match& match : Pattern::from_ruby(pattern, "here").cut(text)) {
    std::string_view piece = text.substr(match.span.begin, match.span.end - match.span.begin);
    out += match.matched ? fmt::format("[{}]", piece) : std::string(piece);
  }
  return out;
}

std::string error_of(std::string_view pattern, std::string_view text = "") {
  try {
    Pattern::from_ruby(pattern, "here").cut(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TokenPattern, CutsMatchesAndWhatLiesBetween) {
  EXPECT_EQ(cut("b+", "abbcb"), "a[bb]c[b]");
  EXPECT_EQ(cut("x", "abc"), "abc");
  EXPECT_EQ(cut("x", ""), "");
  EXPECT_EQ(cut("abc", "abc"), "[abc]");
}

// An empty match is a match, except directly behind another.
TEST(TokenPattern, CountsEmptyMatches) {
  EXPECT_EQ(cut("b*", "abc"), "[]a[b]c[]");
  EXPECT_EQ(cut("(?=b)", "abé"), "a[]bé");
}

TEST(TokenPattern, ReadsGpt2sPattern) {
  constexpr std::string_view kGpt2 =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(cut(kGpt2, "I'll go  to 42nd St.\n\n"), "[I]['ll][ go][ ][ to][ 42][nd][ St][.][\n\n]");
}

// U+180E is white space to PCRE2's \s, and since Unicode 6.3 to nobody else; U+0085 is to both.
TEST(TokenPattern, TakesWhiteSpaceAsUnicodeHasIt) {
  EXPECT_EQ(cut(R"(\s)", "\xE1\xA0\x8E \xC2\x85"), "\xE1\xA0\x8E[ ][\xC2\x85]");
  EXPECT_EQ(cut(R"([^\s]+)", "\xE1\xA0\x8E a"), "[\xE1\xA0\x8E] [a]");
  EXPECT_EQ(cut(R"(\S+)", "\xE1\xA0\x8E a"), "[\xE1\xA0\x8E] [a]");
}

TEST(TokenPattern, RewritesWhatRubyMeansDifferently) {
  EXPECT_EQ(cut(R"(\p{N}{1,3}+x)", "12345x"), "[12345x]");  // repeated, not possessive
  EXPECT_EQ(cut("(?:ab){1,2}+", "ababab"), "[ababab]");
  EXPECT_EQ(cut("a++a|a", "aa"), "[a][a]");  // possessive in both
  EXPECT_EQ(cut("a{,2}b", "aaab"), "a[aab]");
  EXPECT_EQ(cut("a{x", "a{x"), "[a{x]");
  EXPECT_EQ(cut(R"(\u00e9|\x{4E00})", "aé一"), "a[é][一]");
  EXPECT_EQ(cut(R"(\h+)", "xyzBEEF"), "xyz[BEEF]");
  EXPECT_EQ(cut("(?m:a.b)", "a\nb"), "[a\nb]");
  EXPECT_EQ(cut("a.b", "a\nb"), "a\nb");
  EXPECT_EQ(cut("^b$", "a\nb\nc"), "a\n[b]\nc");  // always at lines
  EXPECT_EQ(cut(R"(\w+)", "a_b½ß٣-"), "[a_b½ß٣]-");
  // The ideographic full stop belongs to Han by its extensions only.
  EXPECT_EQ(cut(R"(\p{Han}+)", "漢字。か"), "[漢字]。か");
  EXPECT_EQ(cut(R"(\p{^Han})", "漢a"), "漢[a]");
}

TEST(TokenPattern, RewritesSetsWithinSets) {
  EXPECT_EQ(cut("[a-z&&[^aeiou]]+", "strength, aloud"), "[str]e[ngth], a[l]ou[d]");
  EXPECT_EQ(cut("[a[xy]]+", "axybz"), "[axy]bz");
  EXPECT_EQ(cut("[^a[xy]]+", "axybz"), "axy[bz]");
  EXPECT_EQ(cut("[^a-y&&[^q]]", "aqz"), "a[q][z]");
  EXPECT_EQ(cut(R"([\W]+)", "a, b"), "a[, ]b");
  EXPECT_EQ(cut(R"([a\S]+)", " ab "), " [ab] ");
  EXPECT_EQ(cut("[[:digit:]_]+", "a1_2b"), "a[1_2]b");
  EXPECT_EQ(cut(R"([]\]a])", "]ab"), "[]][a]b");
  EXPECT_EQ(cut("[a^]", "^"), "[^]");
}

// U+1FAE8 (Unicode 15) is a symbol, U+105C0 (16) a letter; PCRE2 10.42 knows neither.
TEST(TokenPattern, KnowsLaterCharacters) {
  EXPECT_EQ(cut(R"(\p{S})", "a\U0001FAE8"), "a[\U0001FAE8]");
  EXPECT_EQ(cut(R"(\p{L}+)", "a\U000105C0-"), "[a\U000105C0]-");
  EXPECT_EQ(cut(R"(\p{Han})", "\U00031350"), "[\U00031350]");
  EXPECT_EQ(stand_in(U'a'), U'a');
  EXPECT_EQ(stand_in(0x1FAE8), char32_t{0x1D300});
  EXPECT_EQ(with_stand_ins("plain"), "");
}

TEST(TokenPattern, NamesPatternsThatCannotBeRead) {
  EXPECT_THAT(error_of("a("), HasSubstr("here: the pattern 'a(' can't be read: missing closing"));
  EXPECT_THAT(error_of("[a"), HasSubstr("'[a' is not closed"));
  EXPECT_THAT(error_of("\\"), HasSubstr("can't be read"));
  EXPECT_THAT(error_of("\\p{Nonsense}"), HasSubstr("unknown property"));
  EXPECT_THAT(error_of(std::string(100, '[') + "a"), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(error_of(std::string(1 << 17, 'a')), HasSubstr("expected at most 65536"));
  EXPECT_THAT(error_of("\\C"), HasSubstr("can't be read"));
}

// 2^40 ways to fail.
TEST(TokenPattern, EndsHostilePatterns) {
  EXPECT_THAT(error_of("(a*)*b|(a|aa)+$x", std::string(40, 'a') + "c"), HasSubstr("match limit"));
}

}  // namespace
}  // namespace mlc
