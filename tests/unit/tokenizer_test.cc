// The tokenizer as a whole.
#include "runtime-min/tokenizer/tokenizer.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace mlc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

constexpr const char* kKjv = MLC_TEST_DATA "/data/kjv-llama";

std::string stream_of(const Tokenizer& tokenizer, const Ids& ids,
                      const DecodeOptions& options = {}) {
  StreamDecoder stream(tokenizer, options);
  std::string text;
  for (std::int32_t id : ids)
    text += stream.push(id);
  return text + stream.finish();
}

template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The ids are by an independent program and by Hugging Face's library (see the README beside).
TEST(Tokenizer, EqualsTheReferenceOfKjvLlama) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  Json cases = read_json_file(std::string(kKjv) + "/reference/tokenizer_cases.json");
  ASSERT_EQ(cases.items("cases").size(), 40u);
  for (const Json& one : cases.items("cases")) {
    const std::string& text = one.find("text")->as_string("text");
    Ids ids;
    for (const Json& id : one.find("ids")->items("ids"))
      ids.push_back(static_cast<std::int32_t>(id.as_int("id")));
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
    EXPECT_EQ(stream_of(*tokenizer, ids), text);
  }
}

TEST(Tokenizer, KnowsItsTokens) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  EXPECT_EQ(tokenizer->vocab_size(), 2048u);
  EXPECT_EQ(tokenizer->token_id("<|endoftext|>"), 0);
  EXPECT_TRUE(tokenizer->is_special(0));
  EXPECT_FALSE(tokenizer->is_special(1));
  std::int32_t the = tokenizer->token_id("Ġthe").value();
  EXPECT_EQ(tokenizer->token_text(the), "Ġthe");
  EXPECT_EQ(tokenizer->token_bytes(the), " the");
  EXPECT_EQ(tokenizer->token_text(2048), std::nullopt);
  EXPECT_EQ(tokenizer->token_text(-1), std::nullopt);
  EXPECT_EQ(tokenizer->token_bytes(-1), "");
  EXPECT_EQ(tokenizer->token_id("no such token"), std::nullopt);
}

TEST(Tokenizer, FindsSpecialTokensInTheTextAndSkipsThemInIds) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  Ids ids = tokenizer->encode("A<|endoftext|>B");
  EXPECT_THAT(ids, ElementsAre(66, 0, 67));
  EXPECT_EQ(tokenizer->decode(ids), "AB");
  EXPECT_EQ(tokenizer->decode(ids, {.skip_special_tokens = false}), "A<|endoftext|>B");
  EXPECT_EQ(stream_of(*tokenizer, ids), "AB");
  EXPECT_EQ(stream_of(*tokenizer, ids, {.skip_special_tokens = false}), "A<|endoftext|>B");
  EXPECT_EQ(tokenizer->decode({{66, 1 << 20, -5, 67}}), "AB");
  EXPECT_THAT(tokenizer->encode(""), ElementsAre());
  EXPECT_EQ(tokenizer->decode({}), "");
}

// "☃" is E2 98 83, a token for each byte.
TEST(Tokenizer, AStreamGivesWholeCharactersOnly) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  Ids ids = tokenizer->encode("☃");
  ASSERT_EQ(ids.size(), 3u);
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.push(ids[2]), "☃");
  EXPECT_EQ(stream.finish(), "");
  // A character that never ends, and one that is interrupted.
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(66), "\uFFFDA");
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(tokenizer->decode({{ids[0], 66, ids[0]}}), "\uFFFDA\uFFFD");
}

TEST(Tokenizer, NamesTheByteThatIsNotUtf8) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  EXPECT_THAT(error_of([&] { tokenizer->encode("ab\xFFz"); }), HasSubstr("at byte 2 (0xff)"));
}

TEST(Tokenizer, AFolderWithoutOneIsAnError) {
  EXPECT_THAT(error_of([] { load_tokenizer(MLC_TEST_DATA "/unit"); }),
              HasSubstr("neither tokenizer.json nor tokenizer_model"));
  EXPECT_THAT(error_of([] { load_tokenizer("/no/such/folder"); }), HasSubstr("/no/such/folder"));
}

// A megabyte of one character is one piece to models without pre-tokenizer, and to many patterns.
TEST(Tokenizer, TakesAMegabyteOfOneCharacter) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  for (char c : {'a', ' '}) {
    std::string text(1 << 20, c);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

std::string json_error(const std::string& text) {
  return error_of([&] { parse_tokenizer_json(text, "T"); });
}

TEST(TokenizerJson, NamesWhatIsDamaged) {
  EXPECT_THAT(json_error(""), HasSubstr("T: "));
  EXPECT_THAT(json_error("{\"model\": {"), HasSubstr("T: "));
  EXPECT_THAT(json_error("[]"), HasSubstr("T must be an object, found an array"));
  EXPECT_THAT(json_error("{}"), HasSubstr("T has no \"model\""));
  EXPECT_THAT(json_error(R"({"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}})"),
              HasSubstr("T: model.vocab has the token 'a' twice"));
  EXPECT_THAT(json_error(R"({"model": {}, "model": {}})"), HasSubstr("model"));
  EXPECT_THAT(json_error(R"({"model": {"type": "BPE", "vocab": {}, "merges": []},
                             "normalizer": {"type": "Sequence", "normalizers": [{"type": "X"}]}})"),
              HasSubstr("T: normalizer.normalizers[0] has the type 'X'"));
  EXPECT_THAT(json_error(std::string(100, '[')), HasSubstr("T: "));
}

// Every shorter file is refused, and none ends the program.
TEST(TokenizerJson, TruncatedFilesAreRefused) {
  std::string text = read_file(std::string(kKjv) + "/tokenizer.json", 1 << 20);
  for (std::size_t size = 0; size + 1 < text.size(); size += 997)
    EXPECT_NE(json_error(text.substr(0, size)), "") << size;
}

TEST(TokenizerJson, PutsSpecialTokensAroundWhenAsked) {
  auto tokenizer =
      parse_tokenizer_json(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
      "added_tokens": [{"id": 1, "content": "<s>", "special": true}], "post_processor":
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
       "special_tokens": {"<s>": {"ids": [1]}}}})",
                           "T");
  EXPECT_THAT(tokenizer->encode("a"), ElementsAre(1, 0));
  EXPECT_THAT(tokenizer->encode("a", {.add_special_tokens = false}), ElementsAre(0));
  EXPECT_THAT(tokenizer->encode(""), ElementsAre(1));
  EXPECT_EQ(tokenizer->vocab_size(), 2u);
  EXPECT_EQ(tokenizer->decode({{0, 1, 0}}), "a a");  // without a decoder tokens are words
}

// The first token of a text has no space, in a stream as well; skipped tokens do not count.
TEST(TokenizerJson, AStreamKnowsTheStartOfTheText) {
  auto tokenizer = parse_tokenizer_json(R"({"model": {"type": "BPE", "merges": [],
      "vocab": {"▁": 0, "a": 1, "▁b": 2, "<0xE2>": 3, "<0x98>": 4, "<0x83>": 5}},
      "added_tokens": [{"id": 6, "content": "<s>", "special": true}],
      "decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}})",
                                        "T");
  for (const Ids& ids :
       {Ids{6, 2, 1, 2}, Ids{0, 1}, Ids{0, 0, 1}, Ids{3, 4, 5, 2}, Ids{2, 3, 4, 5}})
    EXPECT_EQ(stream_of(*tokenizer, ids), tokenizer->decode(ids));
  EXPECT_EQ(stream_of(*tokenizer, {6, 2, 1, 2}), "ba b");
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(stream.push(2), "b");
  EXPECT_EQ(stream.push(2), " b");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(2), "b");  // a new text
}

// {1: "a", 255: "ab", 256: " ", 5: 0xE2, 6: 0x98 0x83}
constexpr char kRwkvBytes[] =
    "\x85\x01\xC4\x01"
    "a\xCC\xFF\xC4\x02"
    "ab\xCD\x01\x00\xA1 \x05\xC4\x01\xE2\x06\xC4\x02\x98\x83";
const std::string kRwkv(kRwkvBytes, sizeof kRwkvBytes - 1);

TEST(RwkvTokenizer, TakesTheLongestToken) {
  auto tokenizer = parse_rwkv_tokenizer(kRwkv, "T");
  EXPECT_THAT(tokenizer->encode("abaa ab"), ElementsAre(255, 1, 1, 256, 255));
  EXPECT_THAT(tokenizer->encode("☃"), ElementsAre(5, 6));
  EXPECT_EQ(tokenizer->vocab_size(), 257u);
  EXPECT_EQ(tokenizer->decode({{255, 0, 256, 5, 6, 5}}), "ab ☃\uFFFD");
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(stream.push(5), "");
  EXPECT_EQ(stream.push(6), "☃");
  EXPECT_TRUE(tokenizer->is_special(0));
  EXPECT_EQ(tokenizer->token_id("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer->token_bytes(6), "\x98\x83");
  EXPECT_THAT(error_of([&] { tokenizer->encode("abc"); }),
              HasSubstr("T: no token begins with the byte 0x63, which the text has at 2"));
}

TEST(RwkvTokenizer, NamesWhatIsDamaged) {
  auto error = [](const std::string& bytes) {
    return error_of([&] { parse_rwkv_tokenizer(bytes, "T"); });
  };
  for (std::size_t size = 0; size < kRwkv.size(); size++)
    EXPECT_THAT(error(kRwkv.substr(0, size)), HasSubstr("T: ")) << size;
  EXPECT_THAT(error(kRwkv + "x"), HasSubstr("1 bytes after the last token"));
  EXPECT_THAT(error("\x90"), HasSubstr("byte 0 is 0x90, expected a map"));
  EXPECT_THAT(error("\x80"), HasSubstr("no tokens"));
  EXPECT_THAT(error("\x82\x01\xA1"
                    "a\x01\xA1"
                    "b"),
              HasSubstr("two tokens have the id 1"));
  EXPECT_THAT(error("\xDF\xFF\xFF\xFF\xFF"), HasSubstr("ends early"));
}

}  // namespace
}  // namespace mlc
