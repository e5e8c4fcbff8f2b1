// Packed linears against the values that their own writers' decoders give
// (tests/golden/formats), and what does not fit together.
#include "convert/packed.h"

#include <cstdio>
#include <map>

#include "base/error.h"
#include "base/reporter.h"
#include "base/tensor_cache.h"
#include "convert/convert.h"
#include "packed_cases.h"

namespace mlc {
namespace {

using test::Stored;
using test::stored;

Checkpoint decoded(const std::string& folder) {
  Checkpoint checkpoint = open_checkpoint(folder, "auto");
  std::string path = folder + "/config.json";
  decode_packed(checkpoint, find_packed_config(checkpoint, read_json_file(path), path));
  return checkpoint;
}

struct Family {
  const char* expected;
  bool one_folder;  // the case is the file itself
};

TEST(Packed, EveryTensorHasTheExpectedHash) {
  int tensors = 0, cases = 0, skipped = 0;
  for (Family family :
       {Family{"gptq/expected.json", false}, Family{"gptq/expected_compressed_tensors.json", false},
        Family{"awq/expected.json", false}, Family{"fp8/expected.json", false},
        Family{"mxfp4/expected.json", true}}) {
    Json expected = read_json_file(test::golden_format(family.expected).string());
    for (const auto& [name, content] : expected.members("cases")) {
      test::fs::path folder = test::fs::path(family.expected).parent_path();
      test::fs::path input = test::golden_format(family.one_folder ? folder : folder / name);
      if (input.empty()) {
        skipped++;
        continue;
      }
      SCOPED_TRACE(name);
      cases++;
      Checkpoint checkpoint = decoded(input.string());
      for (const auto& [tensor, values] : content.find("tensors")->members("tensors")) {
        SCOPED_TRACE(tensor);
        const SourceTensor* t = checkpoint.find(tensor);
        ASSERT_TRUE(t);
        const Json* experts = values.find("blocks_layout_out_in");
        const Json& row = experts ? *experts : values;
        Json shape = Json::array();
        for (std::int64_t d : t->shape)
          shape.push(d);
        EXPECT_EQ(*row.find("shape"), shape);
        std::string hash = row.find("sha256")->as_string("sha256");
        EXPECT_EQ(hash, test::sha256_of(test::values_of(checkpoint, *t, 1 << 20)));
        // Any slab of rows gives the same values.
        EXPECT_EQ(hash, test::sha256_of(test::values_of(checkpoint, *t, 7)));
        tensors++;
      }
    }
  }
  std::printf("%d tensors of %d checkpoints have the expected values\n", tensors, cases);
  if (skipped) std::printf("skipped: no shared data for %d checkpoints\n", skipped);
  EXPECT_GE(tensors, 100);
}

TEST(Packed, NothingPackedIsLeft) {
  Checkpoint checkpoint = decoded(test::golden_format("gptq/tiny-g32-sym").string());
  EXPECT_EQ(checkpoint.tensors.size(), 21u);
  EXPECT_TRUE(checkpoint.was_quantized);
  std::uint64_t elements = 0;
  for (const SourceTensor& t : checkpoint.tensors) {
    EXPECT_TRUE(t.name.ends_with(".weight")) << t.name;
    elements += static_cast<std::uint64_t>(t.elements());
  }
  EXPECT_EQ(checkpoint.files[0].elements, elements);
}

// Symmetric GPTQ with groups of 32 to q4f16_1: code - 7 times the scale, in exact arithmetic, is
// the value that the checkpoint stands for, for every weight of every linear.
TEST(Packed, SymmetricGptqIsTranscodedExactly) {
  std::string input = test::golden_format("gptq/tiny-g32-sym").string();
  test::TemporaryFolder out;
  ConvertOptions options;
  options.config = input;
  options.quantization = "q4f16_1";
  options.output = (out.path / "model").string();
  SilentReporter reporter;
  Prepared prepared = prepare_conversion(options, reporter);
  ConvertSummary summary = run_conversion(options, prepared, reporter);
  EXPECT_EQ(summary.execute.lossless_params, 8u);

  TensorCache cache = read_tensor_cache(options.output + "/tensor-cache.json");
  std::map<std::string, std::string> records;
  for (const Shard& shard : cache.shards) {
    std::string bytes = read_file(options.output + "/" + shard.data_path, 1 << 28);
    for (const Record& r : shard.records)
      records[r.name] = bytes.substr(r.byte_offset, r.nbytes);
  }
  std::int64_t proven = 0;
  for (const PlanStep& step : prepared.plan.steps) {
    bool packed = step.quantized;
    for (std::size_t s : step.sources)
      packed = packed && prepared.checkpoint.tensors[s].reader;
    if (!packed) continue;
    std::vector<float> want;
    for (std::size_t s : step.sources) {  // q, k, v and gate, up lie one below the other
      std::vector<float> part =
          test::values_of(prepared.checkpoint, prepared.checkpoint.tensors[s], 64);
      want.insert(want.end(), part.begin(), part.end());
    }
    const std::string& codes = records.at(step.records[0].name);
    const std::string& scales = records.at(step.records[1].name);
    ASSERT_EQ(codes.size() * 2, want.size());
    for (std::size_t i = 0; i < want.size(); i++) {
      int code =
          static_cast<int>(load_element<std::uint32_t>(codes.data(), i / 8) >> (i % 8 * 4)) & 15;
      float scale = f16_to_f32(load_element<std::uint16_t>(scales.data(), i / 32));
      ASSERT_EQ(static_cast<float>(code - 7) * scale, want[i]) << step.spec.name << " " << i;
      proven++;
    }
  }
  std::printf("%lld values proven equal\n", static_cast<long long>(proven));
  EXPECT_GE(proven, 1000000);
}

class PackedErrors : public testing::Test {
 protected:
  // One GPTQ linear, 64 columns in 2 groups, 8 rows.
  std::vector<Stored> gptq() const {
    return {stored("a.qweight", "I32", {8, 8}, std::vector<std::int32_t>(64)),
            stored("a.qzeros", "I32", {2, 1}, std::vector<std::int32_t>(2, 0x77777777)),
            stored("a.scales", "F16", {2, 8}, std::vector<std::uint16_t>(16, 0x3c00)),
            stored("a.g_idx", "I32", {64}, groups(0))};
  }
  static std::vector<std::int32_t> groups(std::int32_t last) {
    std::vector<std::int32_t> g(64);
    for (std::size_t i = 32; i < 64; i++)
      g[i] = 1;
    if (last) g[63] = last;
    return g;
  }

  std::string error_of(const std::vector<Stored>& tensors, const std::string& config) {
    test::write_safetensors(folder_.path / "model.safetensors", tensors);
    try {
      Checkpoint checkpoint = open_checkpoint(folder_.path.string(), "auto");
      decode_packed(checkpoint, find_packed_config(checkpoint, parse_json(config, "config.json"),
                                                   "config.json"));
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ExitCode::kBadInput || error.code() == ExitCode::kUnsupported);
      std::string text = error.what();
      std::string folder = folder_.path.string() + ": ";
      return text.starts_with(folder) ? text.substr(folder.size()) : text;
    }
    return "";
  }

  static constexpr const char* kConfig =
      R"({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}})";
  test::TemporaryFolder folder_;
};

TEST_F(PackedErrors, ShapesThatDoNotFit) {
  EXPECT_EQ(error_of(gptq(), kConfig), "");
  std::vector<Stored> t = gptq();
  t[2] = stored("a.scales", "F16", {1, 8}, std::vector<std::uint16_t>(8));
  EXPECT_EQ(error_of(t, kConfig), "tensor a.scales: found float16 [1, 8], expected [2, 8]");
  t = gptq();
  t[1] = stored("a.qzeros", "I32", {2, 2}, std::vector<std::int32_t>(4));
  EXPECT_EQ(error_of(t, kConfig), "tensor a.qzeros: found int32 [2, 2], expected [2, 1]");
  t = gptq();
  t[0] = stored("a.qweight", "F32", {8, 8}, std::vector<float>(64));
  EXPECT_EQ(error_of(t, kConfig), "tensor a.qweight: found float32 [8, 8], expected int32");
  t = gptq();
  t.erase(t.begin() + 2);
  EXPECT_EQ(error_of(t, kConfig), "tensor a.scales is missing");
  t = gptq();
  t.push_back(stored("a.weight", "F16", {1}, std::vector<std::uint16_t>(1)));
  EXPECT_EQ(error_of(t, kConfig), "tensors a.weight and a.qweight are the same weight");
}

TEST_F(PackedErrors, GroupIndicesBeyondTheGroups) {
  std::vector<Stored> t = gptq();
  t[3] = stored("a.g_idx", "I32", {64}, groups(2));
  EXPECT_EQ(error_of(t, kConfig), "tensor a.g_idx: column 63 is in group 2, expected 0 to 1");
  t[3] = stored("a.g_idx", "I32", {64}, groups(-1));
  EXPECT_EQ(error_of(t, kConfig), "tensor a.g_idx: column 63 is in group -1, expected 0 to 1");
}

TEST_F(PackedErrors, ConfigsThatDoNotExplainTheTensors) {
  EXPECT_EQ(error_of(gptq(), "{}"),
            "tensor a.qweight is part of a packed weight, but config.json has no "
            "quantization_config; expected quant_method gptq or awq");
  auto config = [&](const std::string& members) {
    return error_of(gptq(), R"({"quantization_config": {)" + members + "}}");
  };
  EXPECT_EQ(config(R"("quant_method": "fp8")"),
            "tensor a.qweight is part of a packed weight, but quantization_config says fp8; "
            "expected quant_method gptq or awq");
  EXPECT_EQ(config(R"("bits": 4)"), "config.json: quantization_config: quant_method is missing");
  EXPECT_NE(config(R"("quant_method": "aqlm")")
                .find("quantization_config.quant_method: aqlm is not supported, only gptq, awq"),
            std::string::npos);
  EXPECT_EQ(config(R"("quant_method": "gptq", "bits": 3)"),
            "config.json: quantization_config.bits: 3 is not supported, only 2, 4 and 8 bits");
  EXPECT_EQ(config(R"("quant_method": "gptq", "bits": 4, "group_size": 0)"),
            "config.json: quantization_config.group_size: found 0, expected -1 or the columns of "
            "a group");
  EXPECT_EQ(config(R"("quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin")"),
            "config.json: quantization_config.checkpoint_format: marlin is not supported, only "
            "gptq and gptq_v2");
  EXPECT_EQ(config(R"("quant_method": "awq", "bits": 4, "version": "GEMV")"),
            "config.json: quantization_config.version: gemv is not supported, only gemm");
}

TEST_F(PackedErrors, ScalesOfOtherBlocks) {
  std::vector<Stored> t = {stored("a.weight", "F8_E4M3", {4, 8}, std::vector<std::uint8_t>(32)),
                           stored("a.weight_scale_inv", "F32", {3, 2}, std::vector<float>(6))};
  EXPECT_EQ(error_of(t, R"({"quantization_config": {"quant_method": "fp8",
                            "weight_block_size": [2, 4]}})"),
            "tensor a.weight_scale_inv: found float32 [3, 2], expected a scale for each 2 x 4 "
            "block of [4, 8]");
  EXPECT_EQ(error_of(t, "{}"),
            "tensor a.weight_scale_inv is part of a packed weight, but config.json has no "
            "quantization_config; expected quant_method fp8 or compressed-tensors");
}

// One scale per tensor, per row and per block, and one for each expert, against the rule.
TEST(Packed, ScalesOfEveryShape) {
  struct Case {
    std::vector<std::int64_t> shape, scales;
    std::int64_t rows, cols;  // of a block
  };
  for (const Case& c :
       {Case{{4, 6}, {}, 4, 6}, Case{{4, 6}, {1}, 4, 6}, Case{{4, 6}, {4, 1}, 1, 6},
        Case{{4, 6}, {4}, 1, 6}, Case{{4, 6}, {2, 2}, 3, 4}, Case{{2, 4, 6}, {2, 2, 2}, 3, 4},
        Case{{2, 4, 6}, {2, 4, 1}, 1, 6}, Case{{2, 4, 6}, {2, 1, 1}, 4, 6}}) {
    test::TemporaryFolder folder;
    std::int64_t n = c.shape.size() == 3 ? 48 : 24;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < codes.size(); i++)
      codes[i] = static_cast<std::uint8_t>(i * 5);
    std::int64_t count = 1;
    for (std::int64_t d : c.scales)
      count *= d;
    std::vector<float> scales(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < scales.size(); i++)
      scales[i] = 0.3f + static_cast<float>(i);
    test::write_safetensors(folder.path / "model.safetensors",
                            {stored("a.weight", "F8_E4M3", c.shape, codes),
                             stored("a.weight_scale", "F32", c.scales, scales),
                             stored("a.input_scale", "F32", {}, std::vector<float>(1))});
    write_file_atomically((folder.path / "config.json").string(),
                          R"({"quantization_config": {"quant_method": "fp8",
                              "weight_block_size": [3, 4]}})");
    Checkpoint checkpoint = decoded(folder.path.string());
    ASSERT_EQ(checkpoint.tensors.size(), 1u);
    std::vector<float> got = test::values_of(checkpoint, checkpoint.tensors[0], 3);
    std::int64_t lines = (4 + c.rows - 1) / c.rows, columns = (6 + c.cols - 1) / c.cols;
    for (std::int64_t i = 0; i < n; i++) {
      std::int64_t e = i / 24, r = i % 24 / 6, col = i % 6;
      std::int64_t at = (e * lines + r / c.rows) * columns + col / c.cols;
      EXPECT_EQ(got[static_cast<std::size_t>(i)],
                f8_e4m3fn_to_f32(codes[static_cast<std::size_t>(i)]) *
                    scales[static_cast<std::size_t>(at)]);
    }
  }
}

}  // namespace
}  // namespace mlc
