// Conversions of tokenizers: equal to what transformers and mlc_llm write (tests/golden), and what
// is refused.
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "genconfig/json_text.h"
#include "genconfig/rwkv_vocab.h"
#include "genconfig/sentencepiece.h"
#include "genconfig/sentencepiece_json.h"
#include "genconfig/tiktoken.h"
#include "sentencepiece_model.pb.h"

namespace mlc {
namespace {

using namespace std::string_literals;
using Family = SentencePieceFamily;

const std::string kGolden = std::string(MLC_TEST_DATA) + "/golden/";

// gzread takes files that are not compressed as they are.
std::string read(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::string bytes;
  char block[65536];
  for (int n = 0; (n = gzread(file, block, sizeof block)) > 0;)
    bytes.append(block, static_cast<std::size_t>(n));
  gzclose(file);
  return bytes;
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput);
    return e.what();
  }
  return "accepted";
}

// --- SentencePiece ---

ConvertedTokenizer convert(const std::string& bytes, Family family,
                           const TokenizerConfig& config = {}) {
  return sentencepiece_to_json(read_sentencepiece_model(bytes, "m"), family, config, "m", "c");
}

TEST(SentencePiece, EqualsTransformersToTheByte) {
  struct Case {
    const char* model;
    const char* json;
    Family family;
  };
  for (const Case& c :
       {Case{"llama_small.model", "llama_small.new.json", Family::kLlama},
        Case{"llama_uds_small.model", "llama_uds_small.new.json", Family::kLlama},
        Case{"gemma_small.model", "gemma_small.new.json", Family::kGemma},
        Case{"unigram_small.model.gz", "unigram_small.json.gz", Family::kGeneric}}) {
    std::string expected = read(kGolden + "sentencepiece/" + c.json);
    std::string found = convert(read(kGolden + "sentencepiece/" + c.model), c.family).json;
    EXPECT_EQ(found.size(), expected.size()) << c.model;
    EXPECT_TRUE(found == expected) << c.model;
  }
}

// A model with the pieces of Llama's first ids and a few more; `change` edits it.
std::string model_with(const std::function<void(sentencepiece::Model&)>& change) {
  sentencepiece::Model model;
  auto add = [&](const char* text, float score, int type) {
    sentencepiece::Piece* piece = model.add_pieces();
    piece->set_text(text);
    piece->set_score(score);
    piece->set_type(type);
  };
  add("<unk>", 0, 2);
  add("<s>", 0, 3);
  add("</s>", 0, 3);
  add("\xE2\x96\x81", -1, 1);
  add("a", -2, 1);
  add("b", -3, 1);
  add("ab", -0.5, 1);
  model.mutable_trainer()->set_model_type(2);
  model.mutable_normalizer()->set_remove_extra_whitespaces(false);
  change(model);
  return model.SerializeAsString();
}

std::string model_refusal(const std::function<void(sentencepiece::Model&)>& change) {
  return refusal([&] { convert(model_with(change), Family::kLlama); });
}

const auto kAsIs = [](sentencepiece::Model&) {};

TEST(SentencePiece, OptionsOfTheConfig) {
  std::string model = model_with(kAsIs);
  Json plain = parse_json(convert(model, Family::kLlama).json, "j");
  EXPECT_EQ(dump_json(*plain.find("model")->find("merges")), R"([["a", "b"]])");
  EXPECT_TRUE(plain.find("pre_tokenizer")->is_null());
  EXPECT_EQ(plain.find("normalizer")->find("normalizers")->items("n").size(), 2u);
  EXPECT_EQ(plain.find("decoder")->find("decoders")->items("d").size(), 4u);
  EXPECT_EQ(plain.find("post_processor")->find("single")->items("s").size(), 2u);

  TokenizerConfig config = read_tokenizer_config(
      R"({"legacy": false, "add_bos_token": false, "add_eos_token": true})", "c");
  Json other = parse_json(convert(model, Family::kLlama, config).json, "j");
  EXPECT_TRUE(other.find("normalizer")->is_null());
  EXPECT_EQ(dump_json(*other.find("pre_tokenizer")),
            "{\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", \"prepend_scheme\": "
            "\"first\", \"split\": false}");
  EXPECT_EQ(dump_json(*other.find("post_processor")->find("special_tokens")),
            R"({"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}})");
  EXPECT_EQ(other.find("post_processor")->find("pair")->items("p").size(), 4u);

  config = read_tokenizer_config(R"({"add_prefix_space": false})", "c");
  other = parse_json(convert(model, Family::kLlama, config).json, "j");
  EXPECT_EQ(other.find("normalizer")->find("normalizers")->items("n").size(), 1u);
  EXPECT_EQ(other.find("decoder")->find("decoders")->items("d").size(), 3u);
}

TEST(SentencePiece, AddsTheTokensOfTheConfig) {
  auto added = [](const std::string& text) {
    TokenizerConfig config = read_tokenizer_config(text, "c");
    Json json = parse_json(convert(model_with(kAsIs), Family::kLlama, config).json, "j");
    std::string list;
    for (const Json& token : json.find("added_tokens")->items("a"))
      list += fmt::format("{}{} {}{}", list.empty() ? "" : ", ", token.find("id")->number_text(),
                          token.find("content")->as_string("c"),
                          token.find("special")->as_bool("s") ? "*" : "");
    return list;
  };
  EXPECT_EQ(added("{}"), "0 <unk>*, 1 <s>*, 2 </s>*");
  EXPECT_EQ(added(R"({"pad_token": "[PAD]", "eos_token": {"content": "ab"}})"),
            "0 <unk>*, 1 <s>*, 2 </s>*, 6 ab*, 7 [PAD]*");
  EXPECT_EQ(added(R"({"added_tokens_decoder": {"7": {"content": "x"}, "8": {"content": "y",
                      "special": true}}, "bos_token": null})"),
            "0 <unk>*, 1 <s>*, 2 </s>*, 7 x, 8 y*");
  // An id that the conversion cannot give.
  EXPECT_EQ(
      refusal([&] { added(R"({"added_tokens_decoder": {"9": {"content": "x"}}})"); }),
      "c: the added token 'x' has the id 9, but in a tokenizer.json made from m it would have "
      "7; use a checkpoint that has a tokenizer.json");
}

TEST(SentencePiece, OlderFilesNameTokensToo) {
  TokenizerConfig config = read_tokenizer_config(R"({"eos_token": "</s>"})", "c");
  add_special_tokens_map(config, R"({"eos_token": "<|end|>", "additional_special_tokens": ["q"]})",
                         "map");
  add_added_tokens(config, R"({"q": 8, "<|end|>": 7, "r": 9})", "added");
  ASSERT_EQ(config.added.size(), 3u);
  EXPECT_EQ(config.added[0].token.content, "<|end|>");
  EXPECT_TRUE(config.added[1].token.special);
  EXPECT_FALSE(config.added[2].token.special);
  EXPECT_TRUE(config.added[2].token.normalized);
  EXPECT_EQ(config.find("eos_token")->token->content, "<|end|>");
  EXPECT_EQ(refusal([&] { add_added_tokens(config, R"({"s": 9})", "added"); }),
            "added: 'r' and 's' both have the id 9");
  EXPECT_EQ(refusal([&] { add_added_tokens(config, R"({"s": 2147483648})", "added"); }),
            "added: 's': the token id '2147483648' is no integer from 0 to 2147483647");
}

TEST(SentencePiece, GemmaTurnsTheTabByteIntoATab) {
  std::string bytes = model_with([](sentencepiece::Model& model) {
    model.mutable_pieces(0)->set_text("<pad>");
    model.mutable_pieces(1)->set_text("<eos>");
    model.mutable_pieces(2)->set_text("<bos>");
    sentencepiece::Piece* unk = model.add_pieces();
    unk->set_text("<unk>");
    unk->set_type(2);
    model.mutable_pieces(0)->set_type(3);
    sentencepiece::Piece* tab = model.add_pieces();
    tab->set_text("<0x09>");
    tab->set_type(6);
    sentencepiece::Piece* two = model.add_pieces();
    two->set_text("\ta");
    two->set_score(-9);
  });
  Json json = parse_json(convert(bytes, Family::kGemma).json, "j");
  EXPECT_EQ(json.find("model")->find("vocab")->find("\t")->number_text(), "8");
  EXPECT_EQ(dump_json(*json.find("model")->find("merges")), R"([["a", "b"], ["\t", "a"]])");
}

// Found after normalization, and no space in front of what follows, as SentencePiece has it.
TEST(SentencePiece, UserDefinedPiecesOfUnigramModels) {
  auto unigram = [](int type) {
    return model_with([type](sentencepiece::Model& model) {
      model.mutable_trainer()->set_model_type(1);
      model.mutable_pieces(4)->set_type(type);
    });
  };
  Json plain = parse_json(convert(unigram(1), Family::kGeneric).json, "j");
  EXPECT_EQ(plain.find("pre_tokenizer")->find("prepend_scheme")->as_string("p"), "always");
  Json defined = parse_json(convert(unigram(4), Family::kGeneric).json, "j");
  EXPECT_EQ(defined.find("pre_tokenizer")->find("prepend_scheme")->as_string("p"), "first");
  for (const Json& token : defined.find("added_tokens")->items("a"))
    EXPECT_EQ(token.find("normalized")->as_bool("n"), token.find("content")->as_string("c") == "a");
}

TEST(SentencePiece, WarnsWhereIdsCanDiffer) {
  EXPECT_TRUE(convert(model_with(kAsIs), Family::kLlama).warnings.empty());
  std::string bytes = model_with([](sentencepiece::Model& model) {
    model.mutable_normalizer()->set_precompiled_charsmap("x");
    model.mutable_normalizer()->set_add_dummy_prefix(false);
  });
  std::vector<std::string> warnings = convert(bytes, Family::kLlama).warnings;
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "the SentencePiece model m normalizes Unicode, puts no space before the text; the "
            "tokenizer.json made from it does not, as in transformers, so some texts get other "
            "tokens");
}

TEST(SentencePiece, RefusesWhatIsNoModel) {
  std::string whole = model_with(kAsIs);
  auto of = [](std::string_view bytes) {
    return refusal([&] { read_sentencepiece_model(bytes, "f\x1b"); });
  };
  // Cut inside a field; a cut between two fields only loses the trainer, which has a default.
  for (std::size_t size = 1; size + 1 < whole.size(); size++) {
    std::string found = of(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(found == "accepted" || found.starts_with("f\\x1b: ")) << size << found;
  }
  EXPECT_EQ(of(whole.substr(0, 4)),
            "f\\x1b: not a SentencePiece model: its 4 bytes are no whole protobuf message; the "
            "file is truncated, damaged or of another kind");
  EXPECT_EQ(of(""), "f\\x1b: not a SentencePiece model: it has no pieces");
  EXPECT_EQ(of("{\"version\": 1}").substr(0, 34), "f\\x1b: not a SentencePiece model: ");
  // A length of 2^63, and one of 2 GiB.
  EXPECT_NE(of("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F").find("no whole protobuf"),
            std::string::npos);
  EXPECT_NE(of("\x0A\xFF\xFF\xFF\xFF\x07"s).find("no whole protobuf"), std::string::npos);
  EXPECT_EQ(of("\x0A\x00"s), "f\\x1b: piece 0 is empty");
  EXPECT_NE(of(std::string((16u << 20) + 1, '\0')).find("the limit is 16777216"),
            std::string::npos);
}

TEST(SentencePiece, RefusesModelsByName) {
  auto type = [](int t) {
    return model_refusal([t](sentencepiece::Model& m) { m.mutable_trainer()->set_model_type(t); });
  };
  EXPECT_EQ(type(3),
            "m: the SentencePiece model is of type WORD; only BPE and UNIGRAM models have a "
            "tokenizer.json");
  EXPECT_NE(type(4).find("CHAR"), std::string::npos);
  EXPECT_NE(type(9).find("unknown type 9"), std::string::npos);

  auto piece = [](const std::function<void(sentencepiece::Piece&)>& change) {
    return model_refusal([&](sentencepiece::Model& m) { change(*m.mutable_pieces(4)); });
  };
  EXPECT_EQ(piece([](auto& p) { p.set_text("\xFF"); }), "m: piece 4 ('\\xff') is not valid UTF-8");
  EXPECT_EQ(piece([](auto& p) { p.set_text("b"); }), "m: pieces 4 and 5 are both 'b'");
  EXPECT_EQ(piece([](auto& p) { p.set_type(7); }),
            "m: piece 4 ('a') is of type 7, expected 1 to 6");
  EXPECT_NE(piece([](auto& p) {
              p.set_score(std::numeric_limits<float>::quiet_NaN());
            }).find("expected a finite number"),
            std::string::npos);
  EXPECT_NE(piece([](auto& p) { p.set_text(std::string(1025, 'x')); }).find("1025 bytes"),
            std::string::npos);
  EXPECT_EQ(model_refusal([](auto& m) { m.mutable_trainer()->set_unk_piece("?"); }),
            "m: unk_piece '?' is not one of the pieces");
  EXPECT_EQ(model_refusal([](auto& m) { m.mutable_trainer()->set_unk_id(-1); }),
            "m: unk_id is -1, expected one of the 7 pieces");
}

// --- tiktoken ---

TEST(Tiktoken, EqualsMlcLlmToTheByte) {
  std::string in = kGolden + "tiktoken/input/";
  std::string out = kGolden + "tiktoken/output/";
  SpecialTokens special;
  Json tokens = read_json_file(in + "special_tokens.json");
  for (const auto& [token, id] : tokens.members("s"))
    special.emplace_back(token, id.as_size("id"));
  TiktokenFiles files =
      convert_tiktoken(read(in + "small.tiktoken"), "f", special, "QWenTokenizer", 2048);
  EXPECT_TRUE(files.tokenizer_json == read(out + "tokenizer.json"));
  EXPECT_TRUE(files.vocab_json == read(out + "vocab.json"));
  EXPECT_TRUE(files.merges_txt == read(out + "merges.txt"));
  EXPECT_EQ(files.special_tokens_map_json, read(out + "special_tokens_map.json"));
  EXPECT_EQ(files.tokenizer_config_json, read(out + "tokenizer_config.json"));
}

TEST(Tiktoken, KnowsTheSpecialTokensOfQwen) {
  std::optional<SpecialTokens> special = tiktoken_special_tokens("QWenTokenizer");
  ASSERT_TRUE(special);
  ASSERT_EQ(special->size(), 208u);
  EXPECT_EQ((*special)[2], (SpecialTokens::value_type{"<|im_end|>", 151645}));
  EXPECT_EQ(special->back(), (SpecialTokens::value_type{"<|extra_204|>", 151850}));
  EXPECT_FALSE(tiktoken_special_tokens("LlamaTokenizer"));
}

std::string tiktoken_refusal(const std::string& text, const SpecialTokens& special = {}) {
  return refusal([&] { convert_tiktoken(text, "f", special, "T", 1); });
}

TEST(Tiktoken, RefusesDamagedFiles) {
  const std::string a = "YQ== 0\n";
  const std::string b = "Yg== 1\n";
  EXPECT_EQ(tiktoken_refusal(a + b + "\nYWI= 2"), "accepted");
  EXPECT_EQ(tiktoken_refusal(""), "f: no tokens");
  EXPECT_EQ(tiktoken_refusal("YQ=="),
            "f: line 1: expected a token in base64, a space and its rank, found 'YQ=='");
  EXPECT_EQ(tiktoken_refusal(a + "Y?== 1"), "f: line 2: the token 'Y?==' is not base64");
  EXPECT_EQ(tiktoken_refusal(a + "YR== 1"), "f: line 2: the token 'YR==' is not base64");
  EXPECT_EQ(tiktoken_refusal(a + " 1"), "f: line 2: the token '' is not base64");
  EXPECT_EQ(tiktoken_refusal(a + "Yg== 1x"),
            "f: line 2: the rank '1x' is no integer from 0 to 4194303");
  EXPECT_EQ(tiktoken_refusal(a + "Yg== -1"),
            "f: line 2: the rank '-1' is no integer from 0 to 4194303");
  EXPECT_EQ(tiktoken_refusal(a + "Yg== 2147483648"),
            "f: line 2: the rank '2147483648' is no integer from 0 to 4194303");
  EXPECT_EQ(tiktoken_refusal(a + "\r\nYg== 0"), "f: lines 1 and 3 both have the rank 0");
  EXPECT_EQ(tiktoken_refusal(a + "YQ== 1"), "f: lines 1 and 2 have the same token");
  EXPECT_EQ(tiktoken_refusal(a + "Yg== 2"),
            "f: 2 tokens, but none of rank 1; ranks must count from 0 without gaps");
  EXPECT_EQ(tiktoken_refusal(a + b + "YWFi 2"),
            "f: the token 'aab' of rank 2 is not the merge of two tokens of lower ranks, so no "
            "tokenizer.json can hold it");
  EXPECT_EQ(tiktoken_refusal(a, {{"<x>", 0}}),
            "f: the special token '<x>' has the id 0, but the file has tokens up to 0");
  EXPECT_EQ(tiktoken_refusal(a, {{"a", 1}}),
            "f: the special token 'a' is in the vocabulary already");
}

// --- RWKV ---

TEST(Rwkv, WritesMsgpack) {
  EXPECT_EQ(rwkv_tokenizer_model("1 '\\x00' 1\n261 \" '\" 2\r\n260 b'\\xc3' 1\n70000 '\\u4e2d' 3\n",
                                 RwkvFormat::kText, "f"),
            "\x84\x01\xC4\x01\0\xCD\x01\x05\xC4\x02 '\xCD\x01\x04\xC4\x01\xC3"
            "\xCE\0\x01\x11\x70\xC4\x03\xE4\xB8\xAD"s);
  EXPECT_EQ(rwkv_tokenizer_model(R"({"\u0000": 1, "é": 200})", RwkvFormat::kJson, "f"),
            "\x82\x01\xC4\x01\0\xCC\xC8\xC4\x02\xC3\xA9"s);
  // '\xe9' in a string is a code point, in bytes a byte.
  EXPECT_EQ(rwkv_tokenizer_model("1 '\\xe9' 2", RwkvFormat::kText, "f"),
            "\x81\x01\xC4\x02\xC3\xA9");
  std::string many;
  for (int i = 0; i < 16; i++)
    many += fmt::format("{} 'x' 1\n", i);
  EXPECT_TRUE(rwkv_tokenizer_model(many, RwkvFormat::kText, "f").starts_with("\xDE\0\x10"s));
}

TEST(Rwkv, KnowsItsFiles) {
  EXPECT_EQ(rwkv_vocab_format("rwkv_vocab_v20230424.txt"), RwkvFormat::kText);
  EXPECT_EQ(rwkv_vocab_format("rwkv_vocab_v20230424.json"), RwkvFormat::kJson);
  EXPECT_FALSE(rwkv_vocab_format("rwkv_vocab_v2023.txt"));
  EXPECT_FALSE(rwkv_vocab_format("my_rwkv_vocab_v20230424.txt"));
}

TEST(Rwkv, RefusesDamagedLines) {
  auto of = [](const std::string& text, RwkvFormat format = RwkvFormat::kText) {
    return refusal([&] { rwkv_tokenizer_model(text, format, "f"); });
  };
  EXPECT_EQ(of(""), "f: no tokens");
  EXPECT_EQ(of("1 'a'"),
            "f: line 1: expected an id, a Python literal and its number of bytes, found '1 'a''");
  EXPECT_EQ(of("1 'a' 2"), "f: line 1: the token 'a' has 1 bytes, but the line says '2'");
  EXPECT_EQ(of("x 'a' 1"), "f: line 1: the id 'x' is no integer from 0 to 2147483647");
  EXPECT_EQ(of("2147483648 'a' 1"),
            "f: line 1: the id '2147483648' is no integer from 0 to 2147483647");
  EXPECT_EQ(of("1 'a' 1\n1 'b' 1"), "f: two tokens have the id 1");
  for (const char* literal : {"a", "'", "'a\"", "'a'b'", "'\\", "'\\x4'", "'\\ud800'", "'\\q'",
                              "b'\\u0041'", "b'\xC3\xA9'", "__import__('os')", "'a'+'b'"})
    EXPECT_EQ(of(fmt::format("1 {} 1", literal)),
              fmt::format("f: line 1: the token {} is no Python string or bytes literal",
                          printable(literal)))
        << literal;
  EXPECT_EQ(of("1 '\xFF' 1"), "f: not valid UTF-8");
  EXPECT_NE(of(R"({"a": 1.5})", RwkvFormat::kJson).find("f: the id of 'a' must be a plain integer"),
            std::string::npos);
  EXPECT_EQ(of(R"({"a": 2147483648})", RwkvFormat::kJson),
            "f: the id of 'a' is 2147483648, expected at most 2147483647");
}

// --- text ---

TEST(JsonText, WritesDoublesAsRustDoes) {
  EXPECT_EQ(serde_double(0.0), "0.0");
  EXPECT_EQ(serde_double(-0.0), "-0.0");
  EXPECT_EQ(serde_double(-8.909709930419922), "-8.909709930419922");
  EXPECT_EQ(serde_double(-10), "-10.0");
  EXPECT_EQ(serde_double(1e-5), "0.00001");
  EXPECT_EQ(serde_double(1.5e-5), "0.000015");
  EXPECT_EQ(serde_double(1e-7), "1e-7");
  EXPECT_EQ(serde_double(1.25e-7), "1.25e-7");
  EXPECT_EQ(serde_double(1e15), "1000000000000000.0");
  EXPECT_EQ(serde_double(1e16), "1e16");
  EXPECT_EQ(serde_double(1.5e300), "1.5e300");
}

TEST(Base64, BothWays) {
  for (const std::string& bytes : {""s, "f"s, "fo"s, "foo"s, "\0\xFF\x80"s, "foobar!"s})
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  for (const char* text : {"Z", "Zg", "Zg=", "Zh==", "=Zg=", "Zg==Zg==", "Zm9v\n", "Zm8-"})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Utf8, IsStrict) {
  for (const char* text : {"a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"})
    EXPECT_FALSE(is_utf8(text));
  EXPECT_EQ(code_points("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80"), 4u);
}

}  // namespace
}  // namespace mlc
