// Which tokenizer files a model gets, and what is read from tokenizer.json.
#include "genconfig/tokenizer_files.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/string_index.h"
#include "genconfig/tokenizer_json.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = std::string(MLC_TEST_DATA) + "/golden/";

std::string refusal(const std::function<void()>& call, ExitCode code = ExitCode::kBadInput) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code);
    return e.what();
  }
  return "accepted";
}

class Warnings : public SilentReporter {
 public:
  void warn(const std::string& text) override { list.push_back(text); }
  std::vector<std::string> list;
};

// A checkpoint folder that is removed afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tokenizer-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Folder& add(const std::string& name, std::string_view bytes) {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return *this;
  }
  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  TokenizerFiles find(const std::string& model_type = "llama", const std::string& out = "") {
    return find_tokenizer_files({path_.string(), model_type, 2048, out}, warnings);
  }

  Warnings warnings;

 private:
  fs::path path_;
};

std::string names(const TokenizerFiles& files) {
  std::string list;
  for (const TokenizerFile& file : files.files)
    list += file.name + (file.source.empty() ? "* " : " ");
  return list;
}

std::string listed(const TokenizerFiles& files) {
  std::string list;
  for (const std::string& name : files.names)
    list += name + " ";
  return list;
}

constexpr std::string_view kSmall =
    R"({"added_tokens": [{"id": 1, "content": "<s>"}], "decoder": {"type": "ByteLevel"},
        "model": {"vocab": {"a": 0}}})";

TEST(TokenizerFiles, CopiesInMlcLlmsOrder) {
  Folder folder;
  for (const char* name : {"vocab.json", "tokenizer.model", "merges.txt", "special_tokens_map.json",
                           "added_tokens.json", "chat_template.jinja"})
    folder.add(name, "x");
  folder.add("tokenizer.json", kSmall).add("tokenizer_config.json", "{}");
  TokenizerFiles files = folder.find();
  EXPECT_EQ(listed(files),
            "tokenizer.model tokenizer.json vocab.json merges.txt added_tokens.json "
            "tokenizer_config.json ");
  EXPECT_EQ(names(files), listed(files));
  EXPECT_EQ(files.files[1].bytes, kSmall);
  EXPECT_EQ(files.files[1].source, folder.path("tokenizer.json"));
  EXPECT_EQ(files.active_vocab_size, 2u);
  EXPECT_EQ(files.info.token_postproc_method, "byte_level");
  EXPECT_TRUE(folder.warnings.list.empty());
}

TEST(TokenizerFiles, NoneWithoutAFolder) {
  SilentReporter reporter;
  TokenizerFiles files = find_tokenizer_files({}, reporter);
  EXPECT_TRUE(files.files.empty() && files.names.empty());
  EXPECT_FALSE(files.active_vocab_size);
  EXPECT_EQ(files.info, TokenizerInfo{});
}

TEST(TokenizerFiles, ConvertsSentencePiece) {
  std::string model = read_file(kGolden + "sentencepiece/llama_small.model", 1 << 20);
  Folder folder;
  folder.add("tokenizer.model", model).add("tokenizer_config.json", "{}");
  TokenizerFiles files = folder.find();
  EXPECT_EQ(listed(files), "tokenizer.model tokenizer_config.json tokenizer.json ");
  EXPECT_EQ(names(files), "tokenizer.model tokenizer_config.json tokenizer.json* ");
  EXPECT_EQ(files.files[2].bytes,
            read_file(kGolden + "sentencepiece/llama_small.new.json", 1 << 20));
  EXPECT_EQ(files.info, (TokenizerInfo{"byte_fallback", true, true}));
  EXPECT_FALSE(files.active_vocab_size);  // only the checkpoint's own tokenizer.json counts

  // Gemma by its model type, and by its class.
  model = read_file(kGolden + "sentencepiece/gemma_small.model", 1 << 20);
  std::string expected = read_file(kGolden + "sentencepiece/gemma_small.new.json", 1 << 20);
  folder.add("tokenizer.model", model);
  EXPECT_EQ(folder.find("gemma2").files[2].bytes, expected);
  folder.add("tokenizer_config.json", R"({"tokenizer_class": "GemmaTokenizerFast"})");
  EXPECT_EQ(folder.find("llama").files[2].bytes, expected);
}

TEST(TokenizerFiles, LeavesOwnCodeAlone) {
  Folder folder;
  folder.add("tokenizer.model", "\n");  // not even a model: nobody looks
  folder.add("tokenizer_config.json", R"({"tokenizer_class": "ChatGLMTokenizer"})");
  EXPECT_EQ(listed(folder.find("chatglm")), "tokenizer.model tokenizer_config.json ");
  ASSERT_EQ(folder.warnings.list.size(), 1u);
  EXPECT_NE(folder.warnings.list[0].find("'ChatGLMTokenizer' is not known here"),
            std::string::npos);
  folder.add(
      "tokenizer_config.json",
      R"({"tokenizer_class": "LlamaTokenizer", "auto_map": {"AutoTokenizer": ["x", null]}})");
  EXPECT_EQ(folder.find().files.size(), 2u);
  folder.add("tokenizer_config.json", "{}");
  EXPECT_EQ(folder.find("internlm2").files.size(), 2u);
  // The class is known: now it is read.
  EXPECT_EQ(
      refusal([&] { folder.find(); }),
      folder.path("tokenizer.model") +
          ": not a SentencePiece model: its 1 bytes are no whole protobuf message; the file is "
          "truncated, damaged or of another kind");
}

TEST(TokenizerFiles, ConvertsTiktoken) {
  Folder folder;
  folder.add("qwen.tiktoken", "YQ== 0\nYg== 1\nYWI= 2\n");
  folder.add(
      "tokenizer_config.json",
      R"({"tokenizer_class": "T", "added_tokens_decoder": {"3": {"content": "<|endoftext|>"}}})");
  TokenizerFiles files = folder.find();
  EXPECT_EQ(listed(files),
            "tokenizer_config.json tokenizer.json vocab.json merges.txt special_tokens_map.json ");
  EXPECT_EQ(
      names(files),
      "tokenizer_config.json* tokenizer.json* vocab.json* merges.txt* special_tokens_map.json* ");
  EXPECT_EQ(files.info.token_postproc_method, "byte_level");
  EXPECT_FALSE(files.active_vocab_size);
  // Special tokens that nobody knows.
  folder.add("tokenizer_config.json", R"({"tokenizer_class": "T"})");
  EXPECT_EQ(names(folder.find()), "tokenizer_config.json ");
  EXPECT_EQ(folder.warnings.list.size(), 1u);
  // Qwen's are, and its ids leave a gap here.
  folder.add("tokenizer_config.json", R"({"tokenizer_class": "QWenTokenizer"})");
  EXPECT_EQ(folder.find().files.size(), 5u);
  EXPECT_NE(folder.warnings.list.back().find("ids are missing"), std::string::npos);
}

TEST(TokenizerFiles, ConvertsRwkv) {
  Folder folder;
  folder.add("rwkv_vocab_v20230424.txt", "1 'a' 1\n").add("rwkv_vocab_v20230424.json", "{\"b\":1}");
  TokenizerFiles files = folder.find("rwkv5");
  EXPECT_EQ(names(files), "tokenizer_model* ");
  EXPECT_EQ(listed(files), "");
  EXPECT_EQ(files.files[0].bytes,
            "\x81\x01\xC4\x01"
            "a");
  EXPECT_EQ(folder.warnings.list.size(), 1u);
}

TEST(TokenizerFiles, SeesWhatRuntimesWillLoad) {
  Folder folder;
  Folder out;
  out.add("tokenizer.json", kSmall);
  TokenizerFiles files = folder.find("llama", out.path());
  EXPECT_EQ(files.info.token_postproc_method, "byte_level");
  EXPECT_TRUE(files.files.empty());
  EXPECT_FALSE(files.active_vocab_size);
  EXPECT_EQ(folder.warnings.list.size(), 1u);
}

TEST(TokenizerFiles, ReportsWhatCannotBeRead) {
  SilentReporter reporter;
  EXPECT_NE(refusal(
                [&] {
                  find_tokenizer_files({"/nonexistent", "llama", 0, ""}, reporter);
                },
                ExitCode::kIo)
                .find("cannot list the folder"),
            std::string::npos);
  Folder folder;
  fs::create_symlink("/nonexistent/blob", folder.path("tokenizer.json"));
  EXPECT_NE(refusal([&] { folder.find(); }, ExitCode::kIo).find("tokenizer.json"),
            std::string::npos);
}

// --- tokenizer.json ---

TokenizerJson parse(const std::string& text, const std::vector<std::string>& also = {}) {
  return read_tokenizer_json(text, "t\x1b", also);
}
std::string parse_refusal(const std::string& text) {
  return refusal([&] { parse(text); });
}

TEST(TokenizerJson, DetectsTheInfo) {
  auto info = [](const std::string& text) { return parse("{" + text + "}").info; };
  const std::string mark = "\xE2\x96\x81";
  EXPECT_EQ(info(R"("decoder": {"type": "ByteLevel"})").token_postproc_method, "byte_level");
  EXPECT_EQ(info(R"("decoder": {"type": "Metaspace"})").token_postproc_method, "byte_fallback");
  // The last match counts; a Sequence within is not looked into.
  EXPECT_EQ(info(R"("decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"},
                     {"type": "ByteFallback"}]})")
                .token_postproc_method,
            "byte_fallback");
  EXPECT_EQ(info(R"("decoder": {"type": "Sequence", "decoders": [{"type": "Sequence", "decoders":
                     [{"type": "ByteLevel"}]}]})")
                .token_postproc_method,
            "byte_fallback");
  EXPECT_TRUE(info(R"("normalizer": {"type": "Prepend", "prepend": ")" + mark + "\"}")
                  .prepend_space_in_encode);
  EXPECT_FALSE(
      info(R"("normalizer": {"type": "Prepend", "prepend": " "})").prepend_space_in_encode);
  EXPECT_FALSE(info(R"("pre_tokenizer": {"type": "Metaspace"})").prepend_space_in_encode);
  EXPECT_TRUE(info(R"("decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 0})")
                  .strip_space_in_decode);
  EXPECT_FALSE(info(R"("decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 1})")
                   .strip_space_in_decode);
  EXPECT_FALSE(info(R"("decoder": {"type": "Strip", "content": " ", "start": 1.0, "stop": 0})")
                   .strip_space_in_decode);
}

TEST(TokenizerJson, CountsTokensByTheirText) {
  auto count = [](const std::string& model, const std::vector<std::string>& also = {}) {
    return parse(R"({"added_tokens": [{"id": 0, "content": "a"}, {"id": 2, "content": "new"}],
                     "model": )" +
                     model + "}",
                 also)
        .tokens;
  };
  EXPECT_EQ(count(R"({"vocab": {"a": 0, "b": 1}})"), 3u);
  EXPECT_EQ(count(R"({"vocab": {"a": 0, "b": 1}})", {"b", "c"}), 4u);
  EXPECT_EQ(count(R"({"vocab": [["a", -1.5], ["b", 0]]})"), 3u);
  EXPECT_EQ(count("{}"), std::nullopt);
  EXPECT_EQ(count("null"), std::nullopt);
  // Ids that are missing are said, the number is mlc_llm's.
  TokenizerJson holes =
      parse(R"({"decoder": {"type": "ByteLevel"}, "model": {"vocab": {"a": 9}}})");
  EXPECT_EQ(holes.tokens, 1u);
  ASSERT_EQ(holes.warnings.size(), 1u);
  EXPECT_NE(holes.warnings[0].find("1 tokens but ids up to 9"), std::string::npos);
  // Any character may be a token.
  EXPECT_EQ(count(R"({"vocab": {"\u0000": 0, "b": 1}})"), 4u);
}

TEST(TokenizerJson, RefusesByNameAndByte) {
  EXPECT_EQ(parse_refusal(R"({"added_tokens": [{"id": 1, "content": "<\u001b>"},
                                                {"id": 2, "content": "<\u001b>"}]})"),
            "t\\x1b: added_tokens has '<\\x1b>' twice (duplicated vocab): the tokenizer of a "
            "checkpoint has each token once, so remove one of the two");
  EXPECT_EQ(parse_refusal(R"({"model": {"vocab": {"a": 2147483648}}})"),
            "t\\x1b: token 'a' has the id 2147483648, expected an integer from 0 to 2147483647");
  EXPECT_EQ(parse_refusal(R"({"added_tokens": [{"id": 2147483648, "content": "a"}]})"),
            "t\\x1b: token 'a' has the id 2147483648, expected an integer from 0 to 2147483647");
  for (const char* id : {"-1", "1.0", "\"1\"", "null", "[]"})
    EXPECT_NE(parse_refusal(fmt::format(R"({{"model": {{"vocab": {{"a": {}}}}}}})", id))
                  .find("expected an integer from 0"),
              std::string::npos);
  EXPECT_EQ(parse_refusal(R"({"model": {"vocab": {"a": 18446744073709551616}}})"),
            "t\\x1b: not json that can be read here: Problem while parsing a number");
  EXPECT_EQ(parse_refusal(R"({"model": {"vocab": {"a": 1, "\u0061": 2}}})"),
            "t\\x1b: byte 29: duplicate key 'a'");
  EXPECT_EQ(parse_refusal(R"({"a": [{"b": 1, "b": 2}]})"), "t\\x1b: byte 16: duplicate key 'b'");
  EXPECT_EQ(parse_refusal("[]"), "t\\x1b: expected a json object, found an array");
  EXPECT_EQ(parse_refusal("{\"a\": \"\xFF\"}").substr(0, 19), "t\\x1b: byte 7: not ");
  EXPECT_EQ(parse_refusal("\xEF\xBB\xBF{}"), "t\\x1b: byte 0: byte order mark before the json");
  EXPECT_EQ(parse_refusal(std::string("{}\0", 3)), "t\\x1b: byte 2: NUL byte in json");
  EXPECT_NE(parse_refusal("{\"a\": 1").find("byte 7"), std::string::npos);
  EXPECT_NE(parse_refusal("").find("byte 0"), std::string::npos);
  std::string deep = "{\"a\": " + std::string(64, '[') + std::string(64, ']') + "}";
  EXPECT_EQ(parse_refusal(deep), "t\\x1b: byte 69: nested deeper than 64 levels");
  EXPECT_EQ(parse_refusal("{\"a\": " + std::string(63, '[') + std::string(63, ']') + "}"),
            "accepted");
  EXPECT_NE(parse_refusal(std::string(200000, '[')).find("nested deeper than 64 levels"),
            std::string::npos);
  EXPECT_EQ(parse_refusal(R"({"decoder": {"type": 1}})"),
            "t\\x1b: decoder must be an object whose type is a string");
  EXPECT_EQ(parse_refusal(R"({"normalizer": {"type": "Sequence"}})"),
            "t\\x1b: normalizer is a Sequence, so normalizer.normalizers must be an array");
  EXPECT_EQ(parse_refusal(R"({"added_tokens": {}})"),
            "t\\x1b: added_tokens must be an array, found an object");
  EXPECT_EQ(parse_refusal(R"({"added_tokens": [{"id": 1}]})"),
            "t\\x1b: added_tokens[0] must be an object with content (a string) and id");
  EXPECT_EQ(parse_refusal(R"({"model": {"vocab": [["a"], "b"]}})"),
            "t\\x1b: model.vocab[1] must be an array of a token and its score");
}

TEST(StringIndex, NumbersStringsInOrder) {
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; i++)
    texts.push_back(std::string(static_cast<std::size_t>(i % 40), 'x') + std::to_string(i));
  StringIndex index;
  EXPECT_EQ(index.find("x"), StringIndex::kNone);
  for (std::size_t i = 0; i < texts.size(); i++)
    EXPECT_EQ(index.insert(texts[i]), std::pair(static_cast<std::uint32_t>(i), true));
  EXPECT_EQ(index.insert(texts[77]), std::pair(77u, false));
  EXPECT_EQ(index.find(""), StringIndex::kNone);
  EXPECT_EQ(index[4999], texts[4999]);
  EXPECT_EQ(index.size(), 5000u);
}

// Every case of mlc_llm's gen_config: the files, their list, the info and the number of tokens.
TEST(TokenizerFiles, EqualMlcLlm) {
  fs::path shared = fs::path(MLC_TEST_SHARED) / "golden/gen_config";
  if (!fs::exists(shared)) GTEST_SKIP() << "skipped: no shared data";
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(shared)) {
    fs::path expected = entry.path() / "mlc-chat-config.json";
    fs::path input = entry.path() / "input";
    if (!fs::exists(expected) || !fs::exists(input)) continue;
    cases++;
    SCOPED_TRACE(entry.path().filename());
    Json config = read_json_file(expected.string());
    SilentReporter reporter;
    TokenizerFiles files = find_tokenizer_files(
        {input.string(), config.find("model_type")->as_string("t"), 0, ""}, reporter);
    Json names = Json::array();
    for (const std::string& name : files.names)
      names.push(name);
    EXPECT_EQ(dump_json(names), dump_json(*config.find("tokenizer_files")));
    Json info = Json::object();
    info.set("token_postproc_method", files.info.token_postproc_method)
        .set("prepend_space_in_encode", files.info.prepend_space_in_encode)
        .set("strip_space_in_decode", files.info.strip_space_in_decode);
    EXPECT_EQ(dump_json(info), dump_json(*config.find("tokenizer_info")));
    std::uint64_t size = files.active_vocab_size.value_or(config.find("vocab_size")->as_size("v"));
    EXPECT_EQ(size, config.find("active_vocab_size")->as_size("a"));

    std::vector<std::string> written = {"mlc-chat-config.json"};
    for (const TokenizerFile& file : files.files) {
      written.push_back(file.name);
      if (fs::exists(entry.path() / file.name)) {
        EXPECT_EQ(file.bytes, read_file((entry.path() / file.name).string(), 1 << 20));
      }
    }
    std::sort(written.begin(), written.end());
    std::ifstream list(entry.path() / "output_files.txt");
    std::vector<std::string> wanted;
    for (std::string line; std::getline(list, line);)
      if (!line.empty()) wanted.push_back(line);
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(written, wanted);
  }
  std::cout << cases << " cases of gen_config\n";
  EXPECT_GT(cases, 30);
}

}  // namespace
}  // namespace mlc
