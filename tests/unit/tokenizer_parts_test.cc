// The parts of a tokenizer.json, each by itself, with expectations worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime-min/tokenizer/added_tokens.h"
#include "runtime-min/tokenizer/merge_word.h"
#include "runtime-min/tokenizer/normalizer.h"
#include "runtime-min/tokenizer/post_processor.h"
#include "runtime-min/tokenizer/pre_tokenizer.h"
#include "runtime-min/tokenizer/token_decoder.h"
#include "runtime-min/tokenizer/token_model.h"

namespace mlc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

// Keeps the document alive as long as its nodes.
class Document {
 public:
  explicit Document(const std::string& text) : root_(parser_.parse(text)) {}
  JsonNode node() const { return {"file", root_}; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string normalized(const std::string& json, std::string_view text) {
  Document document(json);
  return make_normalizer(document.node())->apply(text);
}

Texts pieces(const std::string& json, const std::string& text, bool at_start = true) {
  Document document(json);
  SplitText split(text, at_start);
  make_pre_tokenizer(document.node())->apply(split);
  Texts texts;
  for (Span span : split.pieces)
    texts.emplace_back(split.view(span));
  return texts;
}

std::vector<std::int32_t> ids(const std::string& json, std::string_view piece) {
  Document document(json);
  std::vector<std::int32_t> result;
  make_token_model(document.node())->encode(piece, result);
  return result;
}

std::string decoded(const std::string& json, Texts tokens, bool streaming = false,
                    bool at_start = true) {
  Document document(json);
  TokenTexts texts{std::move(tokens), at_start, streaming};
  make_token_decoder(document.node())->apply(texts);
  std::string out;
  for (const std::string& text : texts.texts)
    out += text;
  return out;
}

TEST(Normalizer, Forms) {
  EXPECT_EQ(normalized(R"({"type": "NFC"})", "e\u0301\u212B"), "é\u00C5");
  EXPECT_EQ(normalized(R"({"type": "NFD"})", "é한"), "e\u0301\u1112\u1161\u11AB");
  EXPECT_EQ(normalized(R"({"type": "NFKC"})", "ﬁ①½"), "fi11\u20442");
  EXPECT_EQ(normalized(R"({"type": "NFKD"})", "ﬁé"), "fie\u0301");
  EXPECT_EQ(normalized(R"({"type": "NFC"})", "a\u0301\u0323"), "\u1EA1\u0301");  // reordered
  // U+07FD got its combining class with Unicode 11: nothing is reordered across it.
  EXPECT_EQ(normalized(R"({"type": "NFD"})", "a\u0301\u07FD\u0323"), "a\u0301\u07FD\u0323");
}

TEST(Normalizer, LongRunsOfMarksTakeNoSquare) {
  std::string marks = "a";
  std::string expected = "a";
  for (int i = 0; i < 200000; i++)
    marks += i % 2 == 0 ? "\u0301" : "\u0323";
  for (int i = 0; i < 100000; i++)
    expected += "\u0323";
  for (int i = 0; i < 100000; i++)
    expected += "\u0301";
  EXPECT_TRUE(normalized(R"({"type": "NFD"})", marks) == expected);
}

TEST(Normalizer, CharacterByCharacter) {
  EXPECT_EQ(normalized(R"({"type": "Lowercase"})", "ΑΣ İÉ"), "ασ i\u0307é");
  EXPECT_EQ(normalized(R"({"type": "StripAccents"})", "e\u0301x\u20DD"), "ex");
  EXPECT_EQ(normalized(R"({"type": "Nmt"})", "a\x01\tb\u200Bc\u2581"), "a b c ");
  EXPECT_EQ(normalized(R"({"type": "ByteLevel"})", " é"), "ĠÃ©");
}

TEST(Normalizer, Strip) {
  constexpr const char* kText = "\u3000 a b\n";
  EXPECT_EQ(normalized(R"({"type": "Strip"})", kText), "a b");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false})", kText), "\u3000 a b");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_right": false})", kText), "a b\n");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false})", " \n"), "");
}

TEST(Normalizer, PrependAndReplace) {
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", "a"), "▁a");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", ""), "");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})", " a "),
            "▁a▁");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})",
                       "a   b c"),
            "a b c");
  EXPECT_EQ(normalized(R"({"type": "Sequence", "normalizers": [{"type": "Lowercase"},
            {"type": "Prepend", "prepend": "A"}]})",
                       "B"),
            "Ab");
}

// Each makes the text about a thousand times longer.
TEST(Normalizer, ReplacementsOfReplacementsEnd) {
  std::string json = R"({"type": "Sequence", "normalizers": [)";
  for (int i = 0; i < 40; i++)
    json += std::string(i == 0 ? "" : ",") +
            R"({"type": "Replace", "pattern": {"String": "aaaa"}, "content": ")" +
            std::string(4096, 'a') + "\"}";
  EXPECT_THAT(error_of([&] { normalized(json + "]}", "aaaa"); }),
              HasSubstr("replacements make more than 268435456 bytes"));
}

TEST(Normalizer, Bert) {
  EXPECT_EQ(normalized(R"({"type": "BertNormalizer"})", "É\u00AD一\tB"), "e 一  b");
  EXPECT_EQ(normalized(R"({"type": "BertNormalizer", "lowercase": false})", "É"), "É");
  EXPECT_EQ(
      normalized(R"({"type": "BertNormalizer", "lowercase": false, "strip_accents": true})", "É"),
      "E");
}

// A trie by hand: root at 0 with offset 1; 'a' (0x61) leads to unit 1 ^ 0x61 = 0x60, which has a
// leaf and the offset 0x60 ^ 0x80 = 0xE0; the value is in unit 0x80 and says 0. The replacement is
// "xy".
TEST(Normalizer, Precompiled) {
  std::vector<std::uint32_t> units(0x81, 0);
  units[0] = 1u << 10;
  units[0x60] = 0x61u | 0x100u | (0xE0u << 10);
  units[0x80] = 0x80000000u;
  std::string bytes;
  auto add = [&](std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(value >> shift & 0xFFu);
  };
  add(static_cast<std::uint32_t>(units.size() * 4));
  for (std::uint32_t unit : units)
    add(unit);
  bytes += "xy";
  bytes += '\0';
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  ASSERT_EQ(bytes.size() % 3, 1u);
  std::string base64;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; k++)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (unsigned k = 0; k < 4; k++)
      base64 += kAlphabet[group >> (18 - 6 * k) & 63u];
  }
  base64.replace(base64.size() - 2, 2, "==");
  std::string json = R"({"type": "Precompiled", "precompiled_charsmap": ")" + base64 + "\"}";
  EXPECT_EQ(normalized(json, "bab"), "bxyb");
  EXPECT_THAT(error_of([] {
                normalized(R"({"type": "Precompiled", "precompiled_charsmap": "AAAA"})", "");
              }),
              HasSubstr("file: precompiled_charsmap is damaged"));
}

TEST(PreTokenizer, ByteLevel) {
  EXPECT_THAT(pieces(R"({"type": "ByteLevel", "add_prefix_space": false})", "Hi there!\n"),
              ElementsAre("Hi", "Ġthere", "!", "Ċ"));
  EXPECT_THAT(pieces(R"({"type": "ByteLevel"})", "é"), ElementsAre("ĠÃ©"));
  EXPECT_THAT(pieces(R"({"type": "ByteLevel", "use_regex": false})", " a b"), ElementsAre("ĠaĠb"));
  EXPECT_THAT(pieces(R"({"type": "ByteLevel"})", ""), ElementsAre());
}

// The five behaviors as Hugging Face's documentation has them for "the-final--countdown".
TEST(PreTokenizer, SplitBehaviors) {
  auto split = [](const std::string& behavior, const std::string& invert = "false") {
    return pieces(R"({"type": "Split", "pattern": {"String": "-"}, "behavior": ")" + behavior +
                      R"(", "invert": )" + invert + "}",
                  "the-final--countdown");
  };
  EXPECT_THAT(split("Removed"), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split("Isolated"), ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(split("Contiguous"), ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(split("MergedWithPrevious"), ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(split("MergedWithNext"), ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(split("Removed", "true"), ElementsAre("-", "-", "-"));
  EXPECT_THAT(error_of([&] { split("Torn"); }), HasSubstr("file: behavior must be Removed"));
}

TEST(PreTokenizer, Metaspace) {
  auto metaspace = [](const std::string& scheme, const std::string& text, bool at_start = true) {
    return pieces(
        R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": ")" + scheme + "\"}", text,
        at_start);
  };
  EXPECT_THAT(metaspace("always", "a  b"), ElementsAre("▁a", "▁", "▁b"));
  EXPECT_THAT(metaspace("always", " a"), ElementsAre("▁a"));
  EXPECT_THAT(metaspace("always", "a", false), ElementsAre("▁a"));
  EXPECT_THAT(metaspace("first", "a b"), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(metaspace("first", "a b", false), ElementsAre("a", "▁b"));
  EXPECT_THAT(metaspace("never", "a b"), ElementsAre("a", "▁b"));
  EXPECT_THAT(pieces(R"({"type": "Metaspace", "replacement": "_", "split": false})", "a b"),
              ElementsAre("_a_b"));
  // From before prepend_scheme.
  EXPECT_THAT(
      pieces(R"({"type": "Metaspace", "replacement": "_", "add_prefix_space": false})", "a"),
      ElementsAre("a"));
  // Only the first piece of a text that was cut before begins it.
  EXPECT_THAT(pieces(R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
                     {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]})",
                     "a b"),
              ElementsAre("_a", "b"));
  EXPECT_THAT(pieces(R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
                     {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]})",
                     " a b"),
              ElementsAre("a", "b"));
}

TEST(PreTokenizer, Classes) {
  EXPECT_THAT(pieces(R"({"type": "Digits", "individual_digits": true})", "a12Ⅷ"),
              ElementsAre("a", "1", "2", "Ⅷ"));
  EXPECT_THAT(pieces(R"({"type": "Digits", "individual_digits": false})", "a12Ⅷb"),
              ElementsAre("a", "12Ⅷ", "b"));
  EXPECT_THAT(pieces(R"({"type": "Punctuation"})", "a..b$。"),
              ElementsAre("a", ".", ".", "b", "$", "。"));
  EXPECT_THAT(pieces(R"({"type": "Whitespace"})", "a_b c--\nd"),
              ElementsAre("a_b", "c", "--", "d"));
  EXPECT_THAT(pieces(R"({"type": "WhitespaceSplit"})", " a_b c--\u3000d"),
              ElementsAre("a_b", "c--", "d"));
  EXPECT_THAT(pieces(R"({"type": "BertPreTokenizer"})", "don't go"),
              ElementsAre("don", "'", "t", "go"));
}

// Ids: letters 0 to 5, then what merges make.
constexpr const char* kBpe = R"({"type": "BPE",
  "vocab": {"a": 0, "b": 1, "c": 2, "<unk>": 3, "<0xC3>": 4, "<0xA9>": 5, "ab": 6, "bc": 7, "abc": 8},
  "merges": ["b c", ["a", "b"], "a bc"])";

TEST(Bpe, MergesTheLowestRankFirst) {
  EXPECT_THAT(ids(std::string(kBpe) + "}", "abc"), ElementsAre(8));  // bc, then a with bc
  EXPECT_THAT(ids(std::string(kBpe) + "}", "ab"), ElementsAre(6));
  EXPECT_THAT(ids(std::string(kBpe) + "}", "abab"), ElementsAre(6, 6));
  EXPECT_THAT(ids(std::string(kBpe) + "}", "aXb"), ElementsAre(6));  // unknown: nothing
}

TEST(Bpe, UnknownCharacters) {
  std::string unk = std::string(kBpe) + R"(, "unk_token": "<unk>")";
  EXPECT_THAT(ids(unk + "}", "aXYc"), ElementsAre(0, 3, 3, 2));
  EXPECT_THAT(ids(unk + R"(, "fuse_unk": true})", "aXYc"), ElementsAre(0, 3, 2));
  std::string bytes = unk + R"(, "fuse_unk": true, "byte_fallback": true})";
  EXPECT_THAT(ids(bytes, "aé"), ElementsAre(0, 4, 5));
  EXPECT_THAT(ids(bytes, "aü"), ElementsAre(0, 3));  // C3 BC: a byte is missing
}

TEST(Bpe, IgnoreMergesTakesWholePiecesFirst) {
  std::string json = R"({"vocab": {"a": 0, "b": 1, "ab": 2, "aab": 3}, "merges": ["a b"],
                      "ignore_merges": )";
  EXPECT_THAT(ids(json + "false}", "aab"), ElementsAre(0, 2));
  EXPECT_THAT(ids(json + "true}", "aab"), ElementsAre(3));
  EXPECT_THAT(ids(json + "true}", "aaab"), ElementsAre(0, 0, 2));
}

TEST(Bpe, PrefixAndSuffix) {
  EXPECT_THAT(
      ids(R"({"vocab": {"a": 0, "##a": 1, "##b": 2, "a##b": 3, "ab": 4}, "merges": ["a ##b"],
                  "continuing_subword_prefix": "##"})",
          "aba"),
      ElementsAre(4, 1));
  EXPECT_THAT(ids(R"({"vocab": {"a": 0, "b": 1, "b</w>": 2, "ab</w>": 3}, "merges": ["a b</w>"],
                  "end_of_word_suffix": "</w>"})",
                  "bab"),
              ElementsAre(1, 3));
}

// Both ways of merging must agree: a word of up to 48 tokens and a longer one.
TEST(Bpe, LongAndShortPiecesMergeAlike) {
  PairTable merges;
  std::uint32_t state = 1;
  auto random = [&](std::uint32_t n) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
  };
  for (std::uint32_t rank = 0; rank < 60; rank++)
    merges.at(random(4 + rank), random(4 + rank)) = {rank, 4 + rank};
  // The plain method: look for the best pair, again and again.
  auto plain = [&](std::vector<std::uint32_t> tokens) {
    for (;;) {
      const PairTable::Value* best = nullptr;
      std::size_t place = 0;
      for (std::size_t i = 0; i + 1 < tokens.size(); i++) {
        const PairTable::Value* merge = merges.find(tokens[i], tokens[i + 1]);
        if (merge == nullptr || (best != nullptr && merge->first >= best->first)) continue;
        best = merge;
        place = i;
      }
      if (best == nullptr) return tokens;
      tokens[place] = best->second;
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
  };
  for (std::size_t length = 0; length < 200; length++) {
    std::vector<std::uint32_t> tokens(length);
    for (std::uint32_t& token : tokens)
      token = random(3);
    std::vector<std::uint32_t> merged = tokens;
    merge_word(merges, merged);
    EXPECT_EQ(merged, plain(tokens)) << length;
  }
}

TEST(Bpe, NamesWhatIsDamaged) {
  auto error = [](const std::string& json) { return error_of([&] { ids(json, ""); }); };
  EXPECT_THAT(error(R"({"vocab": {"a": 0}, "merges": ["a b"]})"),
              HasSubstr("file: merges[0] needs the token"));
  EXPECT_THAT(error(R"({"vocab": {"a": 0}, "merges": ["a"]})"), HasSubstr("expected two tokens"));
  EXPECT_THAT(error(R"({"vocab": {"a": 0}, "merges": [["a"]]})"), HasSubstr("expected two tokens"));
  EXPECT_THAT(error(R"({"vocab": {"a": 0, "b": 0}, "merges": []})"),
              HasSubstr("gives the id 0 to 'a' and to 'b'"));
  EXPECT_THAT(error(R"({"vocab": {"a": -1}, "merges": []})"), HasSubstr("the id of 'a' is -1"));
  EXPECT_THAT(error(R"({"vocab": {"a": 4194304}, "merges": []})"), HasSubstr("4194303"));
  EXPECT_THAT(error(R"({"vocab": [], "merges": []})"), HasSubstr("must be an object"));
  EXPECT_THAT(error(R"({"type": "BPE", "vocab": {}})"), HasSubstr("file has no \"merges\""));
  EXPECT_THAT(error(R"({"vocab": {"a": 0}, "merges": [], "unk_token": "u"})"),
              HasSubstr("unk_token is 'u', which the vocabulary does not have"));
  EXPECT_THAT(error(R"({"vocab": {"a": 0}, "merges": [], "dropout": 0.1})"), HasSubstr("dropout"));
  EXPECT_THAT(error(R"({"type": "Magic"})"), HasSubstr("'Magic'"));
}

// Scores: a b c -1 each; ab -1.5; bc -1.25; <unk> the least, less 10.
constexpr const char* kUnigram =
    R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1],
  ["b", -1], ["c", -1], ["ab", -1.5], ["bc", -1.25], ["abc", -2.5], ["<0xC3>", -9], ["<0xA9>", -9]])";

TEST(Unigram, TakesTheBestSum) {
  std::string json = std::string(kUnigram) + "}";
  EXPECT_THAT(ids(json, "ab"), ElementsAre(4));      // -1.5 against -2
  EXPECT_THAT(ids(json, "abc"), ElementsAre(1, 5));  // -2.25 against -2.5 twice and -3
  EXPECT_THAT(ids(json, "aa"), ElementsAre(1, 1));
}

TEST(Unigram, UnknownCharactersAreOneToken) {
  std::string json = std::string(kUnigram) + "}";
  EXPECT_THAT(ids(json, "aXYb"), ElementsAre(1, 0, 2));
  std::string bytes = std::string(kUnigram) + R"(, "byte_fallback": true})";
  EXPECT_THAT(ids(bytes, "é"), ElementsAre(7, 8));
  EXPECT_THAT(ids(bytes, "éü"), ElementsAre(0));  // one text, and not all of its bytes are tokens
  EXPECT_THAT(error_of([] { ids(R"({"vocab": [["a", -1]]})", "b"); }),
              HasSubstr("no token for 'b' and no unknown token"));
}

TEST(Unigram, NamesWhatIsDamaged) {
  auto error = [](const std::string& json) { return error_of([&] { ids(json, ""); }); };
  EXPECT_THAT(error(R"({"vocab": [["a"]]})"), HasSubstr("file: vocab[0]"));
  EXPECT_THAT(error(R"({"vocab": [["a", -1]], "unk_id": 1})"), HasSubstr("unk_id is 1"));
  EXPECT_THAT(error(R"({"vocab": [[")" + std::string(3000, 'a') + R"(", -1]]})"),
              HasSubstr("has 3000 bytes, expected at most 2048"));
}

TEST(Words, TakeTheLongestPieces) {
  std::string json = R"({"type": "WordPiece", "unk_token": "?", "max_input_chars_per_word": 6,
    "vocab": {"?": 0, "un": 1, "##able": 2, "##a": 3, "u": 4, "##n": 5, "##ble": 6}})";
  EXPECT_THAT(ids(json, "unable"), ElementsAre(1, 2));
  EXPECT_THAT(ids(json, "una"), ElementsAre(1, 3));
  EXPECT_THAT(ids(json, "unx"), ElementsAre(0));
  EXPECT_THAT(ids(json, "unnnnnn"), ElementsAre(0));  // too long
}

TEST(Words, OneTokenEach) {
  std::string json = R"({"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "God": 1}})";
  EXPECT_THAT(ids(json, "God"), ElementsAre(1));
  EXPECT_THAT(ids(json, "god"), ElementsAre(0));
  EXPECT_THAT(error_of([] { ids(R"({"type": "WordLevel", "vocab": {}})", "a"); }),
              HasSubstr("no token for 'a'"));
}

TEST(Decoder, ByteLevel) {
  constexpr const char* kJson = R"({"type": "ByteLevel"})";
  EXPECT_EQ(decoded(kJson, {"ĠÃ", "©"}), " é");
  EXPECT_EQ(decoded(kJson, {"a", "Ã", "b"}), "a\uFFFDb");
  EXPECT_EQ(decoded(kJson, {"日"}), "日");  // stands for no bytes, so for itself
  EXPECT_EQ(decoded(kJson, {"Ã"}, true), "\xC3");
}

constexpr const char* kLlama = R"({"type": "Sequence", "decoders": [
  {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
  {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";

TEST(Decoder, ByteFallbackAndStrip) {
  EXPECT_EQ(decoded(kLlama, {"▁In", "▁the", "<0xC3>", "<0xA9>"}), "In theé");
  EXPECT_EQ(decoded(kLlama, {"a", "<0xC3>", "b", "<0xC3>", "<0xC3>"}), "a\uFFFDb\uFFFD\uFFFD");
  EXPECT_EQ(decoded(kLlama, {"▁▁a"}), " a");
  EXPECT_EQ(decoded(kLlama, {"▁the"}, true, false), " the");
  EXPECT_EQ(decoded(kLlama, {"▁the"}, true, true), "the");
  EXPECT_EQ(decoded(kLlama, {"<0xC3>"}, true, false), "\xC3");
  // Without Fuse each token is stripped.
  EXPECT_EQ(
      decoded(R"({"type": "Strip", "content": "_", "start": 2, "stop": 1})", {"___a__", "_b_"}),
      "_a_b");
}

TEST(Decoder, Words) {
  constexpr const char* kMetaspace = R"({"type": "Metaspace", "replacement": "▁"})";
  EXPECT_EQ(decoded(kMetaspace, {"▁In▁x", "▁the"}), "Inx the");
  EXPECT_EQ(
      decoded(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})", {"▁a"}),
      " a");
  EXPECT_EQ(decoded(R"({"type": "WordPiece", "prefix": "##"})", {"do", "n", "##'t", "go", "!"}),
            "do n't go!");
  EXPECT_EQ(decoded(R"({"type": "BPEDecoder", "suffix": "</w>"})", {"a</w>", "b", "c</w>"}),
            "a bc");
  TokenTexts texts{{"a", "b"}};
  make_word_decoder()->apply(texts);
  EXPECT_THAT(texts.texts, ElementsAre("a", " b"));
}

TEST(PostProcessor, PutsSpecialTokensAround) {
  auto around = [](const std::string& json) {
    Document document(json);
    return read_post_processor(document.node());
  };
  constexpr const char* kTemplate = R"({"type": "TemplateProcessing", "single": [
    {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
    {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1, 3]}, "</s>": {"id": "</s>", "ids": [2]}}})";
  EXPECT_THAT(around(kTemplate).before, ElementsAre(1, 3));
  EXPECT_THAT(around(kTemplate).after, ElementsAre(2));
  EXPECT_THAT(around(R"({"type": "ByteLevel"})").before, ElementsAre());
  SpecialAround sequence = around(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
    {"type": "RobertaProcessing", "cls": ["<s>", 7], "sep": ["</s>", 8]}]})");
  EXPECT_THAT(sequence.before, ElementsAre(7));
  EXPECT_THAT(sequence.after, ElementsAre(8));
  EXPECT_THAT(error_of([&] { around(R"({"type": "TemplateProcessing", "single": []})"); }),
              HasSubstr("no place for the text"));
}

// "raw" parts as text, tokens as their ids in braces.
std::string found(const std::string& json, const std::string& text) {
  Document document(json);
  AddedTokens tokens(document.node(), Vocabulary(), nullptr);
  std::string out;
  for (const AddedTokens::Part& part : tokens.cut_raw(text))
    out += part.id ? fmt::format("{{{}}}", *part.id)
                   : text.substr(part.span.begin, part.span.end - part.span.begin);
  return out;
}

TEST(AddedTokens, AreFoundLongestFirst) {
  std::string json = R"([{"id": 1, "content": "<s>", "normalized": false},
                         {"id": 2, "content": "<s>>", "normalized": false}])";
  EXPECT_EQ(found(json, "a<s>b<s>>c"), "a{1}b{2}c");
  EXPECT_EQ(found(json, "<s><s"), "{1}<s");
}

TEST(AddedTokens, TakeSpaceAndStandAlone) {
  EXPECT_EQ(
      found(R"([{"id": 1, "content": "x", "normalized": false, "lstrip": true}])", "a \n x b"),
      "a{1} b");
  EXPECT_EQ(
      found(R"([{"id": 1, "content": "x", "normalized": false, "rstrip": true}])", "a x \u3000b"),
      "a {1}b");
  EXPECT_EQ(found(R"([{"id": 1, "content": "x", "normalized": false, "single_word": true}])",
                  "x ax x. xé x"),
            "{1} ax {1}. xé {1}");
}

TEST(AddedTokens, NamesWhatIsDamaged) {
  EXPECT_THAT(
      error_of([] { found(R"([{"id": 1, "content": "a"}, {"id": 1, "content": "b"}])", ""); }),
      HasSubstr("file: [1]: 'b' has the id 1, which 'a' has too"));
  EXPECT_THAT(
      error_of([] { found(R"([{"id": 1, "content": "a"}, {"id": 2, "content": "a"}])", ""); }),
      HasSubstr("added twice"));
  EXPECT_THAT(error_of([] { found(R"([{"content": "a"}])", ""); }), HasSubstr("has no \"id\""));
  EXPECT_THAT(error_of([] { found(R"([{"id": 4194304, "content": "a"}])", ""); }),
              HasSubstr("must be an id from 0 to 4194303"));
}

TEST(Parts, UnknownTypesAreNamed) {
  EXPECT_THAT(error_of([] { normalized(R"({"type": "Magic"})", ""); }),
              HasSubstr("the type 'Magic', which is no normalizer known here"));
  EXPECT_THAT(error_of([] { pieces(R"({"type": "Magic"})", ""); }), HasSubstr("no pre-tokenizer"));
  EXPECT_THAT(error_of([] { decoded(R"({"type": "Magic"})", {}); }), HasSubstr("no decoder"));
  EXPECT_THAT(error_of([] { decoded("{}", {}); }), HasSubstr("file has no \"type\""));
  EXPECT_THAT(error_of([] { decoded("[]", {}); }), HasSubstr("file must be an object"));
}

}  // namespace
}  // namespace mlc
