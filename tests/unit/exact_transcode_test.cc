// Symmetric GPTQ to 4-bit groups through the whole program: what a runtime computes of the result
// is what the checkpoint's codes and scales say, in exact arithmetic, for millions of weights. (For
// Q4_0 of GGUF and tests/golden: gguf_convert_test.cc, packed_test.cc.)
#include <cstdio>

#include <gtest/gtest.h>

#include "base/reporter.h"
#include "convert/convert.h"
#include "tests/unit/packed_model.h"

namespace mlc {
namespace {

TEST(ExactTranscode, SymmetricGptqOfEveryGroupSize) {
  const test::LlamaSize size = {
      .hidden = 512, .intermediate = 768, .heads = 8, .groups = 4, .vocab = 32};
  for (std::int64_t group : {32, 64, 128}) {
    SCOPED_TRACE(group);
    test::TemporaryFolder folder;
    PlainTensors tensors = test::write_llama(folder.path, size, DType::kF16, group, 5);
    for (const char* scheme : {"q4f16_1", "q4f16_2"}) {
      ConvertOptions options;
      options.config = folder.path.string();
      options.quantization = scheme;
      options.output = (folder.path / scheme).string();
      SilentReporter reporter;
      Prepared prepared = prepare_conversion(options, reporter);
      ConvertSummary summary = run_conversion(options, prepared, reporter);
      EXPECT_EQ(summary.execute.lossless_params, 4u);  // qkv, o, gate and up, down
      std::map<std::string, std::string> records = test::read_records(options.output);
      std::size_t proven = 0;
      std::size_t different = 0;
      for (const PlanStep& step : prepared.plan.steps) {
        if (!step.quantized || step.spec.name.find("_proj") == std::string::npos) continue;
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
      EXPECT_GE(proven, 1000000u);
      std::printf("GPTQ, groups of %d, to %s: %zu values equal\n", static_cast<int>(group), scheme,
                  proven - different);
    }
  }
}

}  // namespace
}  // namespace mlc
