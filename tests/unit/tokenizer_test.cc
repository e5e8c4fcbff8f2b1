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
using testing::IsEmpty;
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
  EXPECT_THAT(tokenizer->encode(""), IsEmpty());
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
  for (char c : {'a', ' ', '\n', '\x01'}) {
    std::string text(1 << 20, c);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

}  // namespace
}  // namespace mlc
