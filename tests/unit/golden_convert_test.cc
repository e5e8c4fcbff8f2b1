// Conversions made by the real mlc_llm of March 2024, reproduced byte for byte
// (tests/golden/convert/README.md). The JSON holds the md5 of every shard, and the shards we wrote
// are hashed again from disk, so equal JSON means equal shards.
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "convert/convert.h"

namespace fs = std::filesystem;
using namespace mlc;

namespace {

std::string slurp(const fs::path& path) { return read_file(path.string(), 1 << 28); }

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

std::string md5_of(const std::string& bytes) {
  Md5 md5;
  md5.update(std::as_bytes(std::span(bytes)));
  return hex(md5.finish());
}

class GoldenConvert : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::temp_directory_path() / ("mlc-golden-" + std::to_string(::getpid()));
    fs::remove_all(out_);
  }
  void TearDown() override { fs::remove_all(out_); }

  void convert(const fs::path& input, const std::string& quantization, unsigned threads) {
    fs::remove_all(out_);
    ConvertOptions options;
    options.config = input.string();
    options.quantization = quantization;
    options.output = out_.string();
    options.numerics = "mlc-2024";
    options.threads = threads;
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    run_conversion(options, prepared, reporter);
  }

  fs::path out_;
  fs::path golden_ = fs::path(MLC_TEST_DATA) / "golden" / "convert";
};

TEST_F(GoldenConvert, EveryConversionIsByteIdentical) {
  int conversions = 0;
  int shards = 0;
  for (const auto& input : fs::directory_iterator(golden_)) {
    std::string name = input.path().filename().string();
    if (!name.starts_with("input-")) continue;
    for (const auto& golden : fs::directory_iterator(golden_ / name.substr(6))) {
      std::string quantization = golden.path().filename().string();
      SCOPED_TRACE(name + " " + quantization);
      convert(input.path(), quantization, 2);
      std::set<std::string> written = files_in(out_);
      for (const char* suffix : {"", "-b16"}) {
        std::string old_name = std::string("ndarray-cache") + suffix + ".json";
        std::string new_name = std::string("tensor-cache") + suffix + ".json";
        bool expected = fs::exists(golden.path() / old_name);
        ASSERT_EQ(expected, written.erase(old_name) == 1);
        ASSERT_EQ(expected, written.erase(new_name) == 1);
        if (!expected) continue;
        EXPECT_EQ(slurp(golden.path() / old_name), slurp(out_ / old_name));
        EXPECT_EQ(slurp(out_ / old_name), slurp(out_ / new_name));
      }
      std::string index = slurp(golden.path() / "ndarray-cache.json");
      for (const std::string& shard : written) {
        std::string bytes = slurp(out_ / shard);
        EXPECT_NE(index.find("\"md5sum\": \"" + md5_of(bytes) + "\""), std::string::npos) << shard;
        if (fs::exists(golden.path() / shard)) {
          EXPECT_EQ(slurp(golden.path() / shard), bytes);
        }
        shards++;
      }
      conversions++;
    }
  }
  std::printf("%d conversions of the real mlc_llm reproduced, %d shards hashed\n", conversions,
              shards);
  EXPECT_GE(conversions, 40);
}

// The index is the one that mlc_llm writes beside the checkpoint: sorted names.
TEST_F(GoldenConvert, AwqIsByteIdentical) {
  fs::path golden = fs::path(MLC_TEST_DATA) / "golden" / "awq";
  fs::path source = out_.string() + "-awq";
  fs::remove_all(source);
  fs::copy(golden.parent_path() / "formats" / "awq" / "tiny-g128", source);
  fs::copy(golden / "model.safetensors.index.json", source);
  convert(source, "q4f16_autoawq", 2);
  fs::remove_all(source);
  std::string index = slurp(out_ / "ndarray-cache.json");
  EXPECT_EQ(slurp(golden / "tiny-g128-q4f16_autoawq.ndarray-cache.json"), index);
  std::string shard = md5_of(slurp(out_ / "params_shard_0.bin"));
  EXPECT_NE(index.find("\"md5sum\": \"" + shard + "\""), std::string::npos);
}

TEST_F(GoldenConvert, AnyNumberOfThreadsGivesTheSameBytes) {
  for (const char* quantization : {"q4f16_1", "q4f16_0", "q3f16_1", "q0f32"}) {
    std::map<std::string, std::string> first;
    for (unsigned threads : {1u, 2u, 3u, 8u}) {
      convert(golden_ / "input-gpt_neox-bf16", quantization, threads);
      std::map<std::string, std::string> files;
      for (const std::string& name : files_in(out_))
        files[name] = slurp(out_ / name);
      if (first.empty()) first = files;
      EXPECT_EQ(first, files) << quantization << " with " << threads << " threads";
    }
  }
}

}  // namespace
