#include "base/tensor_cache.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/relative_path.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// Reads and rewrites every index of mlc_llm below `folder`; gives how many.
int rewrite_all(const std::string& folder) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() != "ndarray-cache.json") continue;
    std::string path = entry.path().string();
    TensorCache cache = read_tensor_cache(path);
    EXPECT_EQ(write_tensor_cache(cache), read_file(path, 1 << 24)) << path;
    files++;
    std::string b16 = (entry.path().parent_path() / "ndarray-cache-b16.json").string();
    if (!fs::exists(b16)) continue;
    std::string text = read_file(b16, 1 << 24);
    EXPECT_EQ(write_tensor_cache_b16(cache), text) << b16;
    EXPECT_EQ(write_tensor_cache(parse_tensor_cache(text, b16)), text) << b16;
    files++;
  }
  return files;
}

TEST(TensorCache, EveryIndexOfMlcLlmIsRewrittenToTheByte) {
  EXPECT_GE(rewrite_all(MLC_TEST_DATA "/golden/convert"), 50);
}

TEST(TensorCache, SharedIndexFiles) {
  if (!fs::exists(MLC_TEST_SHARED "/golden/convert")) GTEST_SKIP() << "skipped: no shared data";
  EXPECT_GE(rewrite_all(MLC_TEST_SHARED "/golden/convert"), 50);
}

TEST(TensorCache, Writing) {
  TensorCache cache;
  cache.param_size = 2;
  cache.param_bytes = 36;
  cache.bits_per_param = 32;
  cache.shards.push_back(
      {.data_path = "params_shard_0.bin",
       .nbytes = 20,
       .records =
           {{.name = "a\n", .shape = {}, .dtype = DType::kU32, .nbytes = 4, .byte_offset = 0},
            {.name = "b", .shape = {2, 4}, .dtype = DType::kF32, .nbytes = 16, .byte_offset = 4}},
       .md5sum = "d41d8cd98f00b204e9800998ecf8427e"});
  const char* expected = R"({
    "metadata": {
        "ParamSize": 2,
        "ParamBytes": 36.0,
        "BitsPerParam": 32.0
    },
    "records": [
        {
            "dataPath": "params_shard_0.bin",
            "format": "raw-shard",
            "nbytes": 20,
            "records": [
                {
                    "name": "a\n",
                    "shape": [],
                    "dtype": "uint32",
                    "format": "f32-to-bf16",
                    "nbytes": 4,
                    "byteOffset": 0
                },
                {
                    "name": "b",
                    "shape": [
                        2,
                        4
                    ],
                    "dtype": "float32",
                    "format": "f32-to-bf16",
                    "nbytes": 16,
                    "byteOffset": 4
                }
            ],
            "md5sum": "d41d8cd98f00b204e9800998ecf8427e"
        }
    ]
})";
  EXPECT_EQ(write_tensor_cache(cache), expected);
  EXPECT_EQ(write_tensor_cache(parse_tensor_cache(expected, "t")), expected);
  std::string b16 = write_tensor_cache_b16(cache);
  EXPECT_NE(b16.find("\"dtype\": \"bfloat16\",\n                    \"format\": \"raw\""),
            std::string::npos);
  EXPECT_NE(b16.find("\"dtype\": \"uint32\",\n                    \"format\": \"f32-to-bf16\""),
            std::string::npos);
}

// One shard as the tests below vary it, with single quotes for double ones.
struct Sample {
  std::string data_path = "'params_shard_0.bin'";
  std::string nbytes = "24";
  std::string first =
      "'name':'a','shape':[2,4],'dtype':'float16','format':'f32-to-bf16',"
      "'nbytes':16,'byteOffset':0";
  std::string second =
      "'name':'b','shape':[2],'dtype':'uint32','format':'raw',"
      "'nbytes':8,'byteOffset':16";
  std::string more = ",'md5sum':'d41d8cd98f00b204e9800998ecf8427e'";
  std::string shards_after = "";

  std::string text() const {
    std::string s = "{'metadata':{'ParamSize':2},'records':[{'dataPath':" + data_path +
                    ",'format':'raw-shard','nbytes':" + nbytes + ",'records':[{" + first + "},{" +
                    second + "}]" + more + "}" + shards_after + "]}";
    std::replace(s.begin(), s.end(), '\'', '"');
    return s;
  }
};

std::string refusal(const std::string& text) {
  try {
    parse_tensor_cache(text, "in.json");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput);
    EXPECT_TRUE(std::string(e.what()).starts_with("in.json: ")) << e.what();
    return std::string(e.what()).substr(9);
  }
  return "accepted";
}
std::string refusal(const Sample& sample) { return refusal(sample.text()); }

TEST(TensorCache, SamplesAreAccepted) {
  EXPECT_EQ(refusal(Sample{}), "accepted");
  EXPECT_EQ(refusal(Sample{.more = ""}), "accepted");  // no md5sum: verify warns
  EXPECT_EQ(refusal(Sample{.more = ",'later':[1]"}), "accepted");
  EXPECT_EQ(refusal(R"({"records":[]})"), "accepted");
  // In any order of offsets, and empty params anywhere.
  Sample swapped;
  std::swap(swapped.first, swapped.second);
  EXPECT_EQ(refusal(swapped), "accepted");
  EXPECT_EQ(refusal(Sample{.nbytes = "16",
                           .second = "'name':'b','shape':[0],'dtype':'uint32','format':'raw',"
                                     "'nbytes':0,'byteOffset':16"}),
            "accepted");
}

// Row TC-01 of the robustness table.
TEST(TensorCache, PathsThatLeaveTheFolder) {
  for (const char* path : {"../x", "/etc/x", "a\\\\b", "C:x", "", ".", "a/../b", "a//b", "a/",
                           "\\u0000x", "x\\u0007", "nul.bin", "a/COM1", "x.", "x ", "x\\u00e9"}) {
    std::string message = refusal(Sample{.data_path = fmt::format("'{}'", path)});
    EXPECT_TRUE(message.starts_with("records[0].dataPath '")) << path << ": " << message;
  }
  EXPECT_EQ(refusal(Sample{.data_path = "'../x'"}),
            "records[0].dataPath '../x' is no path below the model's folder: it has a component "
            "that is not a plain name");
  EXPECT_EQ(refusal(Sample{.data_path = fmt::format("'{}'", std::string(256, 'a'))}).substr(0, 10),
            "records[0]");
  EXPECT_EQ(refusal(Sample{.data_path = "'a/b-c_1.bin'"}), "accepted");
}

TEST(RelativePath, Problems) {
  for (const char* good : {"a", "a.b/c", ".hidden", "...x", "console", "com10", "lpt", "\xC3\xA9"})
    EXPECT_EQ(relative_path_problem(good), "") << good;
  std::string long_name(255, 'x');
  EXPECT_EQ(relative_path_problem(long_name), "");
  EXPECT_NE(relative_path_problem(long_name + "x"), "");
  std::string path = long_name + "/" + long_name + "/" + long_name + "/" + long_name;
  EXPECT_EQ(relative_path_problem(path), "");  // 1023
  EXPECT_NE(relative_path_problem(path + "/a"), "");
  for (const char* bad : {"", "/", "..", "a/..", "./a", "a:b", "a\\b", "a\x7f", "PRN", "aux.txt",
                          "lpt9 .x", "CONIN$"})
    EXPECT_NE(relative_path_problem(bad), "") << bad;
}

// Row TC-02.
TEST(TensorCache, RecordsBeyondTheirShard) {
  EXPECT_NE(refusal(Sample{.nbytes = "23"}).find("'b' at byteOffset 16 with nbytes 8 ends beyond"),
            std::string::npos);
  auto at = [](const char* offset) {
    return refusal(Sample{.second = "'name':'b','shape':[2],'dtype':'uint32','format':'raw',"
                                    "'nbytes':8,'byteOffset':" +
                                    std::string(offset)});
  };
  for (const char* offset : {"-1", "1.0", "1e1", "18446744073709551616", "'16'"})
    EXPECT_NE(at(offset).find("records[0].records[1].byteOffset"), std::string::npos) << offset;
  EXPECT_NE(at("18446744073709551615").find("ends beyond"), std::string::npos);  // wraps
}

// Row TC-03.
TEST(TensorCache, RecordsThatDoNotFit) {
  auto second = [](const char* text) { return refusal(Sample{.second = text}); };
  EXPECT_NE(second("'name':'b','shape':[3],'dtype':'uint32','format':'raw',"
                   "'nbytes':8,'byteOffset':16")
                .find("'b' has nbytes 8, but its shape and dtype uint32 make 12"),
            std::string::npos);
  EXPECT_NE(second("'name':'b','shape':[2],'dtype':'uint32','format':'raw',"
                   "'nbytes':8,'byteOffset':8")
                .find("they overlap"),
            std::string::npos);
  EXPECT_NE(second("'name':'b','shape':[1],'dtype':'uint32','format':'raw',"
                   "'nbytes':4,'byteOffset':20")
                .find("a hole lies between"),
            std::string::npos);
  EXPECT_NE(refusal(Sample{.nbytes = "25"}).find("the records end at 24, but the shard has"),
            std::string::npos);
  // 2^33 * 2^33 wraps to 4; so does hiding it behind a zero.
  for (const char* shape : {"[8589934592,8589934592]", "[0,8589934592,8589934592]"})
    EXPECT_NE(second(("'name':'b','shape':" + std::string(shape) +
                      ",'dtype':'uint32','format':'raw','nbytes':0,'byteOffset':16")
                         .c_str())
                  .find("more than 2^64 bytes"),
              std::string::npos);
  EXPECT_NE(second("'name':'b','shape':[-2],'dtype':'uint32','format':'raw',"
                   "'nbytes':8,'byteOffset':16")
                .find("expected 0 or more"),
            std::string::npos);
  EXPECT_NE(second("'name':'b','shape':[1,1,1,1,1,1,1,1,2],'dtype':'uint32','format':'raw',"
                   "'nbytes':8,'byteOffset':16")
                .find("9 dimensions"),
            std::string::npos);
  // float32 is stored in 2 bytes, unless the record says raw.
  EXPECT_EQ(second("'name':'b','shape':[4],'dtype':'float32','format':'f32-to-bf16',"
                   "'nbytes':8,'byteOffset':16"),
            "accepted");
  EXPECT_EQ(second("'name':'b','shape':[2],'dtype':'float32','format':'raw',"
                   "'nbytes':8,'byteOffset':16"),
            "accepted");
  EXPECT_NE(second("'name':'b','shape':[2],'dtype':'float33','format':'raw',"
                   "'nbytes':8,'byteOffset':16")
                .find("unknown dtype 'float33'"),
            std::string::npos);
  EXPECT_NE(second("'name':'b','shape':[2],'dtype':'uint32','format':'zip',"
                   "'nbytes':8,'byteOffset':16")
                .find("format is 'zip'"),
            std::string::npos);
}

// Row TC-05, and what else has the wrong form.
TEST(TensorCache, DoubledAndMisplaced) {
  EXPECT_NE(refusal(Sample{.second = "'name':'a','shape':[2],'dtype':'uint32','format':'raw',"
                                     "'nbytes':8,'byteOffset':16"})
                .find("two records have the name 'a'"),
            std::string::npos);
  EXPECT_NE(refusal(Sample{.shards_after = ",{'dataPath':'Params_Shard_0.BIN','format':'raw-shard',"
                                           "'nbytes':0,'records':[]}"})
                .find("two shards have the dataPath 'Params_Shard_0.BIN'"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"records":{}})").find("records must be an array"), std::string::npos);
  EXPECT_NE(refusal("{}").find("'records' is missing"), std::string::npos);
  EXPECT_NE(refusal(R"({"records":[1]})").find("records[0] must be an object"), std::string::npos);
  EXPECT_NE(refusal(R"({"metadata":[],"records":[]})").find("metadata must be"), std::string::npos);
  for (const char* md5 : {"'x'", "1", "'D41D8CD98F00B204E9800998ECF8427E'"})
    EXPECT_NE(refusal(Sample{.more = ",'md5sum':" + std::string(md5)}).find("md5sum"),
              std::string::npos);
  EXPECT_TRUE(refusal("[]").starts_with("the root value must be an object"));
}

TEST(TensorCache, EveryPrefixIsRefused) {
  std::string text = Sample{}.text();
  for (std::size_t n = 0; n < text.size(); n++)
    EXPECT_NE(refusal(text.substr(0, n)), "accepted");
}

}  // namespace
}  // namespace mlc
