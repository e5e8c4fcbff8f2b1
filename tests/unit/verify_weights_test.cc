// The weights level: clean models of every scheme pass, each kind of damage is found under its id,
// and the numbers are those of plain loops.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/hash.h"
#include "base/tensor_cache.h"
#include "models/registry.h"
#include "quantize/group_quant.h"
#include "tests/unit/model_folder.h"
#include "tests/unit/sanitized.h"
#include "verify/report.h"
#include "verify/report_numbers.h"
#include "verify/value_sums.h"
#include "verify/weights.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

class VerifyWeights : public ModelFolderTest {
 protected:
  // A clean model of small_llama() at root_/model.
  void make_clean(std::string_view quantization, DType dtype = DType::kBF16) {
    make_checkpoint(small_llama(), *find_quantization(quantization), dtype);
    model_ = make_model(quantization);
  }

  // Files and weights, so that damage is known to be what only the weights show.
  void verify(bool with_source, VerifyReport& report, const std::string& recompute = "") const {
    VerifyOptions options;
    options.model = model_;
    if (with_source) options.source = checkpoint_path();
    options.levels = {Level::kFile, Level::kWeight};
    options.recompute = recompute;
    options.threads = 2;
    SilentReporter reporter;
    run_verify(options, report, reporter);
  }

  // Exactly these ids are found.
  void expect_found(bool with_source, const std::set<std::string>& ids,
                    const std::string& recompute = "") const {
    VerifyReport report;
    verify(with_source, report, recompute);
    std::set<std::string> found;
    for (const Finding& finding : report.findings.all())
      found.insert(std::string(finding.rule->id));
    EXPECT_EQ(found, ids) << report_text(report);
  }

  // Changes the stored bytes of a record, and makes the md5 of its shard again.
  template <class Change>
  void change(const std::string& record, Change edit) {
    for (const char* name : {"tensor-cache.json", "ndarray-cache.json", "tensor-cache-b16.json",
                             "ndarray-cache-b16.json"}) {
      std::string path = model_ + "/" + name;
      if (!fs::exists(path)) continue;
      TensorCache cache = read_tensor_cache(path);
      std::string text = read_file(path, 1 << 24);
      for (const Shard& shard : cache.shards)
        for (const Record& r : shard.records) {
          if (r.name != record) continue;
          std::string file = model_ + "/" + shard.data_path;
          std::string bytes = read_file(file, 1 << 28);
          if (std::string_view(name) == "tensor-cache.json") {
            std::span<char> part(bytes.data() + r.byte_offset, r.nbytes);
            edit(part);
            std::ofstream(file, std::ios::binary) << bytes;
          }
          Md5 md5;
          md5.update(std::as_bytes(std::span(bytes)));
          text.replace(text.find(shard.md5sum), 32, hex(md5.finish()));
        }
      std::ofstream(path) << text;
    }
  }
  void flip_bit(const std::string& record, std::size_t byte, int bit) {
    change(record, [&](std::span<char> bytes) {
      bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
    });
  }
  void put_half(const std::string& record, std::size_t index, std::uint16_t value) {
    change(record, [&](std::span<char> bytes) {
      std::memcpy(bytes.data() + 2 * index, &value, sizeof value);
    });
  }
  std::string bytes_of(const std::string& record) {
    std::string copy;
    change(record, [&](std::span<char> bytes) { copy.assign(bytes.data(), bytes.size()); });
    return copy;
  }

  std::string model_;
};

const std::string kDown = "model.layers.2.mlp.down_proj.";

TEST_F(VerifyWeights, CleanModelsOfEverySchemePass) {
  for (const Quantization& q : quantizations()) {
    SCOPED_TRACE(q.name);
    std::string more;
    if (q.kind == QuantKind::kAwq)
      more = R"(, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128,
                "version": "gemm", "zero_point": true})";
    if (q.kind == QuantKind::kBlockScale)
      more = R"(, "quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
                "activation_scheme": "dynamic", "weight_block_size": [16, 32]})";
    PlainTensors tensors = make_checkpoint(small_llama(more), q, DType::kBF16);
    // The one NaN among the codes of 8-bit floats, and equal scales of activations where joined.
    for (auto& [name, tensor] : tensors)
      for (double& value : tensor.values) {
        if (tensor.dtype == DType::kF8E4M3FN && value == 127) value = 0;
        if (name.ends_with(".activation_scale")) value = 0.5;
      }
    write_safetensors(checkpoint_path() + "/model.safetensors", tensors);
    model_ = make_model(q.name);
    VerifyReport report;
    verify(true, report);
    EXPECT_TRUE(report.findings.all().empty()) << report_text(report);
    ASSERT_TRUE(report.weights.has_value());
    EXPECT_FALSE(report.weights->params.empty());
    for (const ParamNumbers& param : report.weights->params) {
      EXPECT_TRUE(param.recomputed) << param.name;
      EXPECT_EQ(param.different_words + param.different_scales, 0u) << param.name;
      EXPECT_EQ(param.nan + param.inf, 0u) << param.name;
    }
    if (q.kind == QuantKind::kGroup) {
      EXPECT_EQ(report.weights->fitting, "mlc-2026 rtn");
    }
    if (q.kind != QuantKind::kBlockScale) expect_found(false, {});
  }
}

// Every op and every form of a param: what is converted is found right, and all of it is compared.
TEST_F(VerifyWeights, CleanModelsOfEveryArchitecturePass) {
  std::set<std::string_view> types;
  int params = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(MLC_TEST_DATA) / "data" / "configs"))
    if (entry.path().extension() == ".json" && !entry.path().stem().has_extension())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  unsigned turn = 0;
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.string());
    std::string stem = file.stem().string();
    std::string type = find_architecture(stem) != nullptr ? stem : "auto";
    if (!types.insert(load_model_config(file.string(), type).model_type()).second) continue;
    const char* schemes[] = {"q4f16_1", "q3f16_1", "q0bf16", "q4f32_1"};
    const Quantization& q = *find_quantization(schemes[turn++ % 4]);
    make_checkpoint(read_file(file.string(), 1 << 20), q, DType::kBF16, turn, type);
    ConvertOptions convert = options_for(q.name, checkpoint_path());
    convert.model_type = type;
    model_ = make_model(convert);
    VerifyOptions options;
    options.model = model_;
    options.source = checkpoint_path();
    options.model_type = type;
    options.levels = {Level::kWeight};
    VerifyReport report;
    SilentReporter reporter;
    run_verify(options, report, reporter);
    EXPECT_EQ(report.findings.count(Severity::kError), 0u) << report_text(report);
    ASSERT_TRUE(report.weights.has_value());
    for (const ParamNumbers& param : report.weights->params) {
      EXPECT_TRUE(param.compared && param.recomputed) << param.name;
      params++;
    }
    if (kSanitized && types.size() > 12) break;
  }
  std::printf("%d params of %zu model types\n", params, types.size());
}

TEST_F(VerifyWeights, EveryRecipeIsToldFromTheOthers) {
  make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kF32);
  for (const char* method : {"rtn", "search"})
    for (const NumericRule& rule : numeric_rules()) {
      SCOPED_TRACE(std::string(rule.name) + " " + method);
      ConvertOptions options = options_for("q4f16_1", checkpoint_path());
      options.numerics = rule.name;
      options.method = method;
      model_ = make_model(options);
      VerifyReport report;
      verify(true, report);
      EXPECT_TRUE(report.findings.all().empty()) << report_text(report);
      std::string name = std::string(rule.name) + " " + method;
      EXPECT_NE(("; " + report.weights->fitting + ";").find("; " + name + ";"), std::string::npos)
          << report.weights->fitting;
    }
}

// Q4_0 of GGUF, kept without loss or not; the config lies beside the file.
TEST_F(VerifyWeights, ModelsFromQuantizedSourcesPass) {
  fs::create_directories(checkpoint_path());
  std::ofstream(checkpoint_path() + "/config.json")
      << R"({"model_type": "llama", "hidden_size": 256, "intermediate_size": 256,
             "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1,
             "vocab_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "max_position_embeddings": 2048, "tie_word_embeddings": false})";
  std::string source = checkpoint_path() + "/model.gguf";
  fs::copy(std::string(MLC_TEST_DATA) + "/golden/gguf/u1-pure-q4_0.gguf", source);
  for (bool keep : {true, false}) {
    ConvertOptions convert = options_for("q4f16_1", checkpoint_path());
    convert.source = source;
    convert.keep_lattices = keep;
    model_ = make_model(convert);
    VerifyOptions options;
    options.model = model_;
    options.source = source;
    options.levels = {Level::kWeight};
    VerifyReport report;
    SilentReporter reporter;
    run_verify(options, report, reporter);
    // 65504 is among the weights; divided by 7 and multiplied by it, it is infinite in float16.
    EXPECT_EQ(report.findings.count(Severity::kError), keep ? 0u : 1u) << report_text(report);
    EXPECT_EQ(report.findings.has("W11"), !keep);
    EXPECT_NE(report.weights->fitting.find(keep ? "mlc-2026 rtn" : "mlc-2026 rtn, lattice off"),
              std::string::npos)
        << report.weights->fitting;
    EXPECT_EQ(report.weights->relative_mse < 1e-7, keep) << report.weights->relative_mse;
    flip_bit("model.layers.0.mlp.down_proj.q_weight", 100, 3);
    VerifyReport damaged;
    run_verify(options, damaged, reporter);
    EXPECT_EQ(damaged.findings.count("W40"), 1u) << report_text(damaged);
  }
}

TEST_F(VerifyWeights, AFlippedBitOfACodeIsFound) {
  for (const char* scheme : {"q4f16_1", "q3f16_0", "q4f16_ft", "e4m3_e4m3_f16"}) {
    SCOPED_TRACE(scheme);
    make_clean(scheme);
    flip_bit(kDown + "q_weight", 1001, 4);
    expect_found(true, {"W40"});
  }
}

TEST_F(VerifyWeights, AFlippedBitOfAScaleIsFound) {
  make_clean("q4f16_1");
  flip_bit(kDown + "q_scale", 200, 0);
  VerifyReport report;
  verify(true, report);
  ASSERT_EQ(report.findings.count("W40"), 1u) << report_text(report);
  const Finding& finding = report.findings.all()[0];
  // 100 scales, 8 in a row.
  EXPECT_EQ(finding.where, kDown + "weight: " + kDown + "q_scale [12, 4]");
  EXPECT_NE(finding.found.find("0 words and 1 scale differ"), std::string::npos) << finding.found;
  EXPECT_NE(finding.expected.find("mlc-2026 rtn"), std::string::npos);
}

// What a conversion leaves to be calibrated may have been.
TEST_F(VerifyWeights, ACalibratedScaleIsNotHeldAgainstTheModel) {
  make_clean("e4m3_e4m3_f16_max_calibrate");
  put_half(kDown + "q_calibration_scale", 0, f32_to_bf16(0.25f));
  expect_found(true, {});
  put_half(kDown + "q_scale", 0, f32_to_bf16(0.25f));
  expect_found(true, {"W30", "W40"});
}

TEST_F(VerifyWeights, AFlippedBitOfANormIsFound) {
  make_clean("q4f16_1");
  flip_bit("model.layers.1.input_layernorm.weight", 20, 1);
  expect_found(true, {"W41"});
  make_clean("q4f32_1");
  flip_bit("model.norm.weight", 20, 0);
  expect_found(true, {"W41"});
}

TEST_F(VerifyWeights, SwappedRowsOfQAndKAreFound) {
  make_clean("q4f16_1");
  // 128 rows of q, then 64 of k: the first 64 of q change places with k.
  for (const char* record : {"q_weight", "q_scale"})
    change(std::string("model.layers.0.self_attn.qkv_proj.") + record, [&](std::span<char> bytes) {
      auto row = static_cast<std::ptrdiff_t>(bytes.size() / 256);
      std::swap_ranges(bytes.begin(), bytes.begin() + 64 * row, bytes.begin() + 128 * row);
    });
  expect_found(false, {});
  expect_found(true, {"W30", "W40"});
}

TEST_F(VerifyWeights, ATransposedMatrixIsFound) {
  PlainTensors tensors =
      make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kBF16);
  PlainTensors turned = tensors;
  PlainTensor& matrix = turned.at("model.layers.3.self_attn.o_proj.weight");
  for (std::size_t r = 0; r < 128; r++)
    for (std::size_t c = 0; c < r; c++)
      std::swap(matrix.values[r * 128 + c], matrix.values[c * 128 + r]);
  write_safetensors(checkpoint_path() + "/model.safetensors", turned);
  model_ = make_model("q4f16_1");
  write_safetensors(checkpoint_path() + "/model.safetensors", tensors);
  VerifyReport report;
  verify(true, report);
  ASSERT_EQ(report.findings.count("W30"), 1u) << report_text(report);
  EXPECT_EQ(report.findings.count("W40"), 1u);
  EXPECT_EQ(report.findings.all()[0].where, "model.layers.3.self_attn.o_proj.weight");
}

TEST_F(VerifyWeights, NanAndInfinityAreFound) {
  make_clean("q4f16_1");
  put_half(kDown + "q_scale", 17, 0x7e00);
  expect_found(false, {"W12"});
  expect_found(true, {"W12", "W40"});
  make_clean("q4f16_1");
  put_half("model.norm.weight", 5, 0x7e00);
  put_half("model.layers.0.input_layernorm.weight", 5, 0x7c00);
  expect_found(false, {"W10", "W11"});
  expect_found(true, {"W10", "W11", "W41"});
}

TEST_F(VerifyWeights, LayersOfAnotherCheckpointAreFound) {
  make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kBF16, 2);
  model_ = make_model("q4f16_1");
  std::map<std::string, std::string> others;
  TensorCache cache = read_tensor_cache(model_ + "/tensor-cache.json");
  for (const Record& record : cache.shards[0].records)
    if (record.name.starts_with("model.layers.2.") || record.name.starts_with("model.layers.3."))
      others[record.name] = bytes_of(record.name);
  make_clean("q4f16_1");
  for (const auto& other : others)
    change(other.first, [&](std::span<char> to) {
      std::copy(other.second.begin(), other.second.end(), to.begin());
    });
  expect_found(false, {});
  VerifyReport report;
  verify(true, report);
  EXPECT_EQ(report.findings.count("W30"), 12u) << report_text(report);  // 4 matrices, 2 norms each
  for (const Finding& finding : report.findings.all())
    EXPECT_TRUE(finding.where.starts_with("model.layers.2.") ||
                finding.where.starts_with("model.layers.3."))
        << finding.where;
}

TEST_F(VerifyWeights, AnotherRuleThanTheOneNamedIsFound) {
  make_clean("q4f16_1");
  expect_found(true, {}, "mlc-2026");
  expect_found(true, {"W42"}, "mlc-2024");
  EXPECT_THROW(expect_found(true, {}, "mlc-1999"), Error);
  EXPECT_THROW(expect_found(false, {}, "mlc-2026"), Error);
}

TEST_F(VerifyWeights, BitsOfNoRuleAreTold) {
  PlainTensors tensors =
      make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kBF16);
  PlainTensors near = tensors;
  for (auto& [name, tensor] : near)
    for (double& value : tensor.values)
      if (tensor.shape.size() > 1) value = rounded(value * 1.01, DType::kBF16);
  write_safetensors(checkpoint_path() + "/model.safetensors", near);
  model_ = make_model("q4f16_1");
  write_safetensors(checkpoint_path() + "/model.safetensors", tensors);
  expect_found(true, {"W44"});
  VerifyReport report;
  verify(true, report, "mlc-2025");
  ASSERT_EQ(report.findings.count("W43"), 1u) << report_text(report);
  EXPECT_NE(report.findings.all()[0].where.find("q_weight ["), std::string::npos);
}

TEST_F(VerifyWeights, OutliersOfSizeAreFoundWithoutASource) {
  make_clean("q4f16_1");
  change(kDown + "q_scale", [](std::span<char> bytes) {
    for (std::size_t i = 1; i < bytes.size(); i += 2)
      bytes[i] = static_cast<char>(bytes[i] + 16);  // times 2^4
  });
  expect_found(false, {"W20"});
  expect_found(true, {"W30", "W40"});
}

TEST_F(VerifyWeights, OutliersOfErrorAreFound) {
  make_clean("e4m3_e4m3_f16");
  // Two bits of three are gone.
  change(kDown + "q_weight", [](std::span<char> bytes) {
    for (char& code : bytes)
      code = static_cast<char>(code & ~3);
  });
  expect_found(true, {"W31", "W40"});
}

TEST_F(VerifyWeights, StrangeCodesAreTold) {
  make_clean("q4f16_1");
  change(kDown + "q_weight",
         [](std::span<char> bytes) { bytes[8] = static_cast<char>(bytes[8] | 15); });
  expect_found(false, {"W21"});
  make_clean("q4f16_1");
  change(kDown + "q_weight", [](std::span<char> bytes) {
    for (char& pair : bytes) {
      int low = pair & 15;
      int high = pair >> 4 & 15;
      pair = static_cast<char>((low == 3 ? 4 : low) | (high == 3 ? 4 : high) << 4);
    }
  });
  expect_found(false, {"W23"});
  make_clean("q4f16_1");
  change(kDown + "q_scale",
         [](std::span<char> bytes) { std::fill(bytes.begin(), bytes.end(), 0); });
  expect_found(false, {"W22"});
}

TEST_F(VerifyWeights, WhatCannotBeReadIsAFinding) {
  make_clean("q4f16_1");
  fs::rename(model_ + "/mlc-chat-config.json", model_ + "/hidden");
  VerifyOptions options;
  options.model = model_;
  options.levels = {Level::kWeight};
  SilentReporter reporter;
  VerifyReport none;
  run_verify(options, none, reporter);
  EXPECT_TRUE(none.findings.has("W01"));
  fs::rename(model_ + "/hidden", model_ + "/mlc-chat-config.json");
  for (const char* name : {"tensor-cache.json", "ndarray-cache.json"}) {
    std::string text = read_file(model_ + "/" + name, 1 << 24);
    text.replace(text.find(kDown + "q_scale"), 12, "model.mayers");
    std::ofstream(model_ + "/" + name) << text;
  }
  expect_found(false, {"W02"});
  expect_found(true, {"W02"});
}

// Whatever the threads, and whatever the CPU.
TEST_F(VerifyWeights, NumbersDoNotDependOnThreads) {
  make_clean("q3f16_1", DType::kF32);
  std::string first;
  for (unsigned threads : {1u, 2u, 5u}) {
    VerifyOptions options;
    options.model = model_;
    options.source = checkpoint_path();
    options.levels = {Level::kWeight};
    options.threads = threads;
    VerifyReport report;
    SilentReporter reporter;
    run_verify(options, report, reporter);
    report.weights->seconds = 0;
    std::string text = dump_json(result_json(*report.weights), 1);
    if (first.empty()) first = text;
    EXPECT_EQ(text, first);
  }
}

TEST(ValueSums, AreThoseOfPlainLoopsAtEveryLevel) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  for (std::string_view level : simd_levels()) {
    limit_simd_level(level);
    for (std::size_t n : {0u, 1u, 7u, 8u, 2049u, 100'003u})
      for (bool special : {false, true}) {
        std::vector<float> q(n), w(n);
        for (std::size_t i = 0; i < n; i++) {
          w[i] = normal(random);
          q[i] = w[i] + 0.01f * normal(random);
        }
        if (special && n > 6) {
          q[2] = std::numeric_limits<float>::quiet_NaN();
          w[3] = std::numeric_limits<float>::infinity();
          q[5] = -std::numeric_limits<float>::infinity();
        }
        for (const float* source : {std::as_const(w).data(), static_cast<const float*>(nullptr)}) {
          ValueSums fast = sum_values(q.data(), source, n, 1000);
          ValueSums plain = sum_values_reference(q.data(), source, n, 1000);
          EXPECT_EQ(fast.values, n);
          EXPECT_EQ(fast.nan, plain.nan);
          EXPECT_EQ(fast.inf, plain.inf);
          EXPECT_EQ(fast.pairs, plain.pairs);
          EXPECT_EQ(fast.max_at, plain.max_at);
          EXPECT_EQ(fast.max_error, plain.max_error);
          EXPECT_EQ(fast.max_abs, plain.max_abs);
          EXPECT_EQ(fast.max_source, plain.max_source);
          EXPECT_EQ(fast.max_value, plain.max_value);
          EXPECT_NEAR(fast.relative_mse(), plain.relative_mse(), 1e-12);
          EXPECT_NEAR(fast.cosine(), plain.cosine(), 1e-12);
          EXPECT_NEAR(fast.rms(), plain.rms(), 1e-12);
        }
      }
  }
  limit_simd_level("");
}

}  // namespace
}  // namespace mlc
