// GGUF to packages, from the front door: Q4_0 and ternary weights arrive without loss, and all
// parts of a split model are found from any of them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/reporter.h"
#include "base/tensor_cache.h"
#include "convert/convert.h"
#include "quantize/cast.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

class GgufConvert : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "." +
               std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    // The model of the u1 files.
    std::ofstream(folder_ / "config.json") << R"({"model_type": "llama", "hidden_size": 256,
      "intermediate_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2,
      "num_hidden_layers": 1, "vocab_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "max_position_embeddings": 2048, "tie_word_embeddings": false})";
  }
  void TearDown() override { fs::remove_all(folder_); }

  ConvertOptions options(const std::string& source, const std::string& quantization) const {
    ConvertOptions options;
    options.config = (folder_ / "config.json").string();
    options.source = std::string(MLC_TEST_DATA) + "/golden/gguf/" + source;
    options.quantization = quantization;
    options.output = (folder_ / quantization).string();
    options.overwrite = true;
    return options;
  }

  // All shards of an output, one after the other.
  static std::string bytes(const ConvertOptions& options, const Prepared& prepared) {
    std::string all;
    for (std::size_t s = 0; s < prepared.plan.shard_sizes.size(); s++) {
      std::ifstream in(fs::path(options.output) / shard_name(s), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }

  fs::path folder_;
  SilentReporter reporter_;
};

// The weights of a param as a runtime computes them (quantized), or as they are stored (not).
std::vector<float> runtime_values(const std::string& shards, const PlanStep& step,
                                  const Quantization& q) {
  const PlanRecord& first = step.records[0];
  auto rows = static_cast<std::size_t>(step.transform.rows);
  auto cols = static_cast<std::size_t>(step.transform.cols);
  std::vector<float> out(rows * cols);
  if (step.quantized) {
    std::vector<std::uint32_t> words(first.nbytes / 4);
    std::vector<std::uint16_t> scales(step.records[1].nbytes / 2);
    std::memcpy(words.data(), shards.data() + first.offset, first.nbytes);
    std::memcpy(scales.data(), shards.data() + step.records[1].offset, step.records[1].nbytes);
    group_dequantize(q, rows, cols, words.data(), scales.data(), out.data());
  } else {
    CastCounts ignored;
    cast_elements(first.dtype, shards.data() + first.offset, DType::kF32, out.data(), out.size(),
                  ignored);
  }
  return out;
}

// q0f16 of the same file is the dequantized values rounded to float16 once, so a lossless q4f16
// computes exactly these.
TEST_F(GgufConvert, LatticesArriveWithoutLoss) {
  struct Case {
    std::string source;
    std::size_t lossy;  // the embedding of the ternary files is of a K type; q4f16_2 keeps it
  };
  for (const Case& c : {Case{"u1-pure-q4_0.gguf", 0}, Case{"u1-pure-tq1_0.gguf", 1},
                        Case{"u1-pure-tq2_0.gguf", 1}, Case{"u1-pure-iq4_xs.gguf", 6}}) {
    ConvertOptions plain_options = options(c.source, "q0f16");
    Prepared plain = prepare_conversion(plain_options, reporter_);
    run_conversion(plain_options, plain, reporter_);
    const std::string plain_bytes = bytes(plain_options, plain);
    for (const std::string name : {"q4f16_1", "q4f16_2"}) {
      const Quantization& q = *find_quantization(name);
      ConvertOptions o = options(c.source, name);
      o.threads = name == "q4f16_1" ? 1 : 3;
      Prepared prepared = prepare_conversion(o, reporter_);
      ConvertSummary summary = run_conversion(o, prepared, reporter_);
      const std::string shards = bytes(o, prepared);
      ASSERT_EQ(prepared.plan.shard_sizes.size(), 1u);
      std::size_t lossless = 0, quantized = 0;
      for (std::size_t i = 0; i < prepared.plan.steps.size(); i++) {
        const PlanStep& step = prepared.plan.steps[i];
        if (!step.quantized) continue;
        quantized++;
        std::vector<float> ours = runtime_values(shards, step, q);
        std::vector<float> source = runtime_values(plain_bytes, plain.plan.steps[i], q);
        lossless += ours == source ? 1u : 0u;
      }
      EXPECT_EQ(summary.execute.lossless_params, lossless) << c.source << " " << name;
      EXPECT_GE(lossless + c.lossy, quantized) << c.source << " " << name;
      std::cout << c.source << " " << name << ": " << lossless << " of " << quantized
                << " params without loss\n";
    }
  }
}

class Events : public SilentReporter {
 public:
  void event(std::string_view name, const Json& detail) override {
    if (name == "param") params.push_back(detail);
  }
  std::vector<Json> params;
};

// Each param's error is that of what lies in the shards against the decoded tensor, cast.
TEST_F(GgufConvert, EveryParamTellsItsError) {
  std::size_t measured = 0;
  for (const std::string source : {"u1-pure-q4_0.gguf", "u1-pure-q4_1.gguf", "u1-pure-q2_k.gguf"}) {
    ConvertOptions plain_options = options(source, "q0f16");
    Prepared plain = prepare_conversion(plain_options, reporter_);
    run_conversion(plain_options, plain, reporter_);
    const std::string plain_bytes = bytes(plain_options, plain);
    const Quantization& q = *find_quantization("q4f16_1");
    ConvertOptions o = options(source, "q4f16_1");
    Prepared prepared = prepare_conversion(o, reporter_);
    Events events;
    ConvertSummary summary = run_conversion(o, prepared, events);
    ASSERT_TRUE(summary.measured);
    ASSERT_EQ(events.params.size(), prepared.plan.steps.size());
    const std::string shards = bytes(o, prepared);
    double worst = 0, sum = 0;
    std::size_t quantized = 0;
    for (std::size_t i = 0; i < prepared.plan.steps.size(); i++) {
      const PlanStep& step = prepared.plan.steps[i];
      const ParamResult& result = summary.execute.params[i];
      const Json& event = events.params[i];
      EXPECT_EQ(event.find("name")->as_string("name"), step.spec.name);
      if (!step.quantized) {
        EXPECT_EQ(event.find("quantizer")->as_string("quantizer"), "cast");
        continue;
      }
      std::vector<float> ours = runtime_values(shards, step, q);
      std::vector<float> wanted = runtime_values(plain_bytes, plain.plan.steps[i], q);
      double error = 0, weight = 0, most = 0;
      for (std::size_t e = 0; e < ours.size(); e++) {
        double difference = static_cast<double>(ours[e]) - static_cast<double>(wanted[e]);
        if (!std::isfinite(difference)) continue;
        error += difference * difference;
        weight += static_cast<double>(wanted[e]) * static_cast<double>(wanted[e]);
        most = std::max(most, std::fabs(difference));
      }
      double rms = std::sqrt(error / weight);
      EXPECT_NEAR(result.error.relative_rms(), rms, 1e-9) << source << " " << step.spec.name;
      EXPECT_NEAR(static_cast<double>(result.error.max_error), most, most * 1e-6);
      bool exact = result.groups == result.lattice_groups;
      EXPECT_EQ(exact, most == 0) << source << " " << step.spec.name;
      EXPECT_EQ(event.find("state")->as_string("state"), exact ? "exact" : "quantized");
      measured++;
      if (exact) continue;
      worst = std::max(worst, rms);
      sum += rms;
      quantized++;
    }
    ErrorSummary total = summarize_errors(prepared.plan, summary.execute.params);
    EXPECT_EQ(total.quantized, quantized) << source;
    EXPECT_NEAR(total.worst_relative_rms, worst, 1e-9);
    if (quantized > 0) {
      EXPECT_NEAR(total.mean_relative_rms, sum / static_cast<double>(quantized), 1e-9);
    }
    std::string report = report_text(prepared.plan, summary.execute.params);
    EXPECT_EQ(static_cast<std::size_t>(std::count(report.begin(), report.end(), '\n')),
              prepared.plan.steps.size() + 1);
  }
  std::cout << measured << " quantized params measured again from the shards\n";
}

TEST_F(GgufConvert, SplitModelsAreOneModel) {
  Prepared first =
      prepare_conversion(options("split/u1-q2_k-00001-of-00003.gguf", "q4f16_1"), reporter_);
  Prepared last =
      prepare_conversion(options("split/u1-q2_k-00003-of-00003.gguf", "q4f16_1"), reporter_);
  ConvertOptions whole = options("u1-pure-q2_k.gguf", "q4f16_1");
  Prepared one = prepare_conversion(whole, reporter_);
  EXPECT_EQ(first.checkpoint.files.size(), 3u);
  EXPECT_EQ(last.checkpoint.tensors.size(), one.checkpoint.tensors.size());
  run_conversion(whole, one, reporter_);
  std::string expected = bytes(whole, one);
  ConvertOptions split = options("split/u1-q2_k-00003-of-00003.gguf", "q4f16_1");
  run_conversion(split, last, reporter_);
  EXPECT_EQ(bytes(split, last), expected);
}

TEST_F(GgufConvert, FoldersOfGguf) {
  const std::string golden = std::string(MLC_TEST_DATA) + "/golden/gguf/";
  fs::copy(golden + "u1-pure-q4_0.gguf", folder_ / "a.gguf");
  EXPECT_EQ(open_checkpoint(folder_.string(), "auto").tensors.size(), 12u);
  EXPECT_EQ(open_checkpoint(folder_.string(), "gguf").tensors.size(), 12u);
  fs::copy(golden + "u1-pure-q2_k.gguf", folder_ / "b.gguf");
  try {
    open_checkpoint(folder_.string(), "auto");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("several GGUF models (a.gguf, b.gguf)"), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace mlc
