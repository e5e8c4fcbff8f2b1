// Whole conversions by the schemes that are no groups, against their references on the joined
// params, which q0f16 gives.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/half.h"
#include "convert/convert.h"
#include "convert/spread_scale.h"
#include "quantize/fp8_pack.h"
#include "quantize/ft_pack.h"

namespace fs = std::filesystem;
using namespace mlc;

namespace {

class SchemeConvert : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::temp_directory_path() / ("mlc-scheme-" + std::to_string(::getpid()));
    fs::remove_all(out_);
  }
  void TearDown() override { fs::remove_all(out_); }

  std::map<std::string, std::string> convert(const std::string& quantization, unsigned threads) {
    fs::remove_all(out_);
    ConvertOptions options;
    options.config = std::string(MLC_TEST_DATA) + "/data/kjv-llama";
    options.quantization = quantization;
    options.output = out_.string();
    options.threads = threads;
    options.max_memory = threads == 3 ? 1 : std::uint64_t{256} << 20;
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    run_conversion(options, prepared, reporter);
    std::map<std::string, std::string> records;
    for (const PlanStep& step : prepared.plan.steps) {
      shapes_[step.spec.name] = step.transform.shape;
      for (const PlanRecord& r : step.records)
        records[r.name] =
            read_file((out_ / shard_name(r.shard)).string(), 1 << 30).substr(r.offset, r.nbytes);
    }
    return records;
  }

  fs::path out_;
  std::map<std::string, std::vector<std::int64_t>> shapes_;
};

std::vector<std::uint16_t> halves(const std::string& bytes) {
  std::vector<std::uint16_t> values(bytes.size() / 2);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

TEST_F(SchemeConvert, FtIsTheReferenceOfTheJoinedRows) {
  std::map<std::string, std::string> plain = convert("q0f16", 2);
  for (unsigned threads : {1u, 3u}) {
    std::map<std::string, std::string> ft = convert("q4f16_ft", threads);
    int params = 0;
    for (const auto& [name, bytes] : plain) {
      if (name.find("_proj.weight") == std::string::npos) continue;
      auto rows = static_cast<std::size_t>(shapes_[name][0]);
      auto cols = static_cast<std::size_t>(shapes_[name][1]);
      std::vector<std::uint16_t> src = halves(bytes);
      std::vector<std::uint8_t> codes(rows * cols / 2);
      std::vector<std::uint16_t> scales(rows);
      ft_quantize_reference(*find_numeric_rule("mlc-2026"), {.src = src.data(),
                                                             .rows = rows,
                                                             .cols = cols,
                                                             .q_weight = codes.data(),
                                                             .q_scale = scales.data()});
      std::string module = name.substr(0, name.size() - 6);
      EXPECT_TRUE(ft[module + "q_weight"] == bytes_of(codes)) << name;
      EXPECT_TRUE(ft[module + "q_scale"] == bytes_of(scales)) << name;
      params++;
    }
    EXPECT_GT(params, 7);
  }
}

TEST_F(SchemeConvert, Fp8IsTheReferenceOfTheJoinedRows) {
  std::map<std::string, std::string> plain = convert("q0f16", 2);
  for (const char* scheme : {"e5m2_e5m2_f16", "e4m3_e4m3_f16", "e4m3_e4m3_f16_max_calibrate"}) {
    const Quantization& q = *find_quantization(scheme);
    for (unsigned threads : {1u, 3u}) {
      std::map<std::string, std::string> fp8 = convert(scheme, threads);
      for (const auto& [name, bytes] : plain) {
        if (name.find("_proj.weight") == std::string::npos) {
          EXPECT_TRUE(fp8[name] == bytes) << name;
          continue;
        }
        std::vector<std::uint16_t> src = halves(bytes);
        float scale = 1;
        std::string module = name.substr(0, name.size() - 6);
        if (q.scaled) {
          scale =
              fp8_scale(max_abs_reference(src.data(), src.size()), *find_numeric_rule("mlc-2026"));
          std::vector<std::uint16_t> stored = {f32_to_bf16_mlc(scale)};
          EXPECT_TRUE(fp8[module + "q_scale"] == bytes_of(stored)) << name;
        }
        EXPECT_EQ(fp8.count(module + "q_calibration_scale"), q.calibrated ? 1u : 0u);
        std::vector<std::uint8_t> codes(src.size());
        fp8_quantize_reference(src.data(), src.size(), scale, q.weight_dtype, codes.data());
        EXPECT_TRUE(fp8[module + "q_weight"] == bytes_of(codes)) << name << " " << scheme;
      }
    }
  }
}

TEST_F(SchemeConvert, AScaleIsSpreadAndCompared) {
  fs::create_directories(out_);
  const float numbers[] = {0.5f, 0.25f, 0.5f};
  std::string path = (out_ / "data").string();
  write_file_atomically(path, std::string(reinterpret_cast<const char*>(numbers), 12));
  Checkpoint checkpoint;
  checkpoint.files.push_back({"data", std::make_shared<InputFile>(path), 3});
  auto at = [](std::uint64_t offset, std::int64_t n) {
    SourceTensor t{.name = "t", .dtype = DType::kF32, .shape = {n}};
    t.offset = offset;
    t.nbytes = static_cast<std::uint64_t>(n) * 4;
    return t;
  };
  std::vector<float> out(6);
  SpreadScale pair(checkpoint, at(0, 2), 6);
  pair.read(0, 6, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out, (std::vector<float>{0.5f, 0.5f, 0.5f, 0.25f, 0.25f, 0.25f}));
  SpreadScale one(checkpoint, at(0, 1), 6);
  one.must_equal(std::make_shared<SpreadScale>(checkpoint, at(8, 1), 6));
  one.read(0, 6, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out, std::vector<float>(6, 0.5f));
  one.must_equal(std::make_shared<SpreadScale>(checkpoint, at(4, 1), 6));
  EXPECT_THROW(one.read(0, 6, std::as_writable_bytes(std::span(out))), Error);
}

}  // namespace
