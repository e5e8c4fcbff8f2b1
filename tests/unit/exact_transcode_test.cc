// Symmetric GPTQ and Q4_0 of GGUF to 4-bit groups through the whole program: what a runtime
// computes of the result is what the checkpoint's codes and scales say, in exact arithmetic, for
// millions of weights. (For files of other programs: gguf_convert_test.cc, packed_test.cc.)
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/reporter.h"
#include "convert/convert.h"
#include "tests/unit/packed_model.h"
#include "tests/unit/q4_0_model.h"

namespace mlc {
namespace {

// Converts `source` by q4f16_1 and q4f16_2 and compares every value of a linear layer with the
// float64 values in `tensors`.
void prove(const ConvertOptions& source, const PlainTensors& tensors, const std::string& what,
           bool all_packed) {
  for (const char* scheme : {"q4f16_1", "q4f16_2"}) {
    ConvertOptions options = source;
    options.quantization = scheme;
    options.output = (std::filesystem::path(source.config) / scheme).string();
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    ConvertSummary summary = run_conversion(options, prepared, reporter);
    std::map<std::string, std::string> records = test::read_records(options.output);
    std::size_t proven = 0;
    std::size_t different = 0;
    std::size_t lossless = 0;
    for (const PlanStep& step : prepared.plan.steps) {
      bool is_layer = step.spec.name.find("_proj") != std::string::npos;
      lossless += step.quantized && (is_layer || all_packed) ? 1u : 0u;
      if (!step.quantized || !is_layer) continue;
      std::vector<const PlainTensor*> sources;
      for (const std::string& name : step.spec.sources)
        sources.push_back(&tensors.at(name));
      std::vector<double> want = plain_elements(step.spec, sources);
      const std::string& codes = records.at(step.records[0].name);
      const std::string& scales = records.at(step.records[1].name);
      ASSERT_EQ(codes.size() * 2, want.size());
      for (std::size_t i = 0; i < want.size(); i++) {
        unsigned byte = static_cast<unsigned char>(codes[i / 2]);
        int code = static_cast<int>(i % 2 == 0 ? byte & 15u : byte >> 4);
        auto scale = load_element<std::uint16_t>(scales.data(), i / 32);
        double got = (code - 7) * static_cast<double>(f16_to_f32(scale));
        different += got == want[i] ? 0u : 1u;
      }
      proven += want.size();
    }
    EXPECT_EQ(different, 0u);
    EXPECT_EQ(summary.execute.lossless_params, lossless);
    EXPECT_GE(proven, 1000000u);
    std::printf("%s to %s: %zu values equal\n", what.c_str(), scheme, proven - different);
  }
}

constexpr test::LlamaSize kSize = {
    .hidden = 512, .intermediate = 768, .heads = 8, .groups = 4, .vocab = 32};

TEST(ExactTranscode, SymmetricGptqOfEveryGroupSize) {
  for (std::int64_t group : {32, 64, 128}) {
    SCOPED_TRACE(group);
    test::TemporaryFolder folder;
    PlainTensors tensors = test::write_llama(folder.path, kSize, DType::kF16, group, 5);
    ConvertOptions options;
    options.config = folder.path.string();
    prove(options, tensors, "GPTQ, groups of " + std::to_string(group), false);
  }
}

TEST(ExactTranscode, Q40OfGguf) {
  test::TemporaryFolder folder;
  test::write_llama(folder.path, kSize, DType::kF16, 0, 6);  // for its config.json
  std::filesystem::remove(folder.path / "model.safetensors");
  ConvertOptions options;
  options.config = folder.path.string();
  options.source = (folder.path / "model.gguf").string();
  PlainTensors tensors = test::write_q4_0_llama(options.source, kSize, 7);
  prove(options, tensors, "Q4_0", true);
}

}  // namespace
}  // namespace mlc
