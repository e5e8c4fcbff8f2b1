// A gpt-oss checkpoint with MXFP4 experts, converted as a whole: its rows of gate and up alternate,
// and are decoded one by one. The expected numbers come from the definition of the format.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/convert.h"
#include "models/models.h"
#include "tests/unit/plain_path.h"
#include "tests/unit/source_shapes.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kExperts = 3;
constexpr std::int64_t kSize = 64;  // hidden and intermediate

// A nibble: sign, two bits of exponent, one of mantissa.
double e2m1(unsigned code) {
  const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8u ? -1 : 1) * magnitudes[code & 7u];
}

class GptOss : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mlc-gpt-oss-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const std::string& name, const char* dtype, const std::vector<std::int64_t>& shape,
           const std::string& bytes) {
    header_ += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                           header_.empty() ? "" : ",", name, dtype, fmt::join(shape, ","),
                           data_.size(), data_.size() + bytes.size());
    data_ += bytes;
  }

  // Blocks and scales of N; gives the numbers that they hold.
  PlainTensor add_mxfp4(const std::string& name, const std::vector<std::int64_t>& shape) {
    PlainTensor tensor;
    tensor.dtype = DType::kF32;
    tensor.shape = shape;
    std::string blocks;
    std::string scales;
    for (std::int64_t block = 0; block < shape[0] * shape[1] * shape[2] / 32; block++) {
      auto scale = static_cast<unsigned>(120 + random_() % 10);
      scales.push_back(static_cast<char>(scale));
      for (int i = 0; i < 16; i++) {
        auto byte = static_cast<unsigned>(random_() % 256);
        blocks.push_back(static_cast<char>(byte));
        double power = std::exp2(static_cast<int>(scale) - 127);
        tensor.values.push_back(e2m1(byte & 15u) * power);
        tensor.values.push_back(e2m1(byte >> 4) * power);
      }
    }
    add(name + "_blocks", "U8", {shape[0], shape[1], shape[2] / 32, 16}, blocks);
    add(name + "_scales", "U8", {shape[0], shape[1], shape[2] / 32}, scales);
    return tensor;
  }

  PlainTensor add_f32(const std::string& name, const std::vector<std::int64_t>& shape) {
    PlainTensor tensor;
    tensor.dtype = DType::kF32;
    tensor.shape = shape;
    std::int64_t count = 1;
    for (std::int64_t dim : shape)
      count *= dim;
    std::string bytes;
    for (std::int64_t i = 0; i < count; i++) {
      tensor.values.push_back(static_cast<double>(random_() % 1000) / 256);
      append_element(bytes, tensor.values.back(), DType::kF32);
    }
    add(name, "F32", shape, bytes);
    return tensor;
  }

  void write() {
    std::string header = "{" + header_ + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    auto size = static_cast<std::uint64_t>(header.size());
    std::ofstream file(folder_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof size);
    file << header << data_;
  }

  std::map<std::string, std::string> convert(const char* quantization, unsigned threads) {
    ConvertOptions options;
    options.config = folder_.string();
    options.quantization = quantization;
    options.output = (folder_ / "out").string();
    options.overwrite = true;
    options.threads = threads;
    SilentReporter reporter;
    run_conversion(options, prepare_conversion(options, reporter), reporter);
    std::map<std::string, std::string> records;
    Json index = read_json_file((folder_ / "out" / "tensor-cache.json").string());
    for (const Json& shard : index.find("records")->items("records")) {
      fs::path path = folder_ / "out" / shard.find("dataPath")->as_string("dataPath");
      std::string bytes = read_file(path.string(), std::size_t{1} << 28);
      for (const Json& record : shard.find("records")->items("records"))
        records[record.find("name")->as_string("name")] =
            bytes.substr(record.find("byteOffset")->as_size("byteOffset"),
                         record.find("nbytes")->as_size("nbytes"));
    }
    return records;
  }

  fs::path folder_;
  std::mt19937 random_{1};
  std::string header_;
  std::string data_;
};

TEST_F(GptOss, DecodesMxfp4AndTakesGateAndUpApart) {
  std::ofstream(folder_ / "config.json") << fmt::format(
      R"({{"model_type": "gpt_oss", "hidden_size": {0}, "intermediate_size": {0},
           "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
           "num_hidden_layers": 1, "num_local_experts": {1}, "rms_norm_eps": 1e-05,
           "vocab_size": 32, "max_position_embeddings": 64,
           "quantization_config": {{"quant_method": "mxfp4"}}}})",
      kSize, kExperts);
  ModelConfig config = load_model_config(folder_.string(), "auto");
  std::vector<ParamSpec> specs = expand_params(config, "group-quant");
  PlainTensors tensors;
  for (const auto& [name, shape] : source_shapes(specs))
    tensors[name] = name.ends_with("experts.gate_up_proj") || name.ends_with("experts.down_proj")
                        ? add_mxfp4(name, shape)
                        : add_f32(name, shape);
  write();
  for (const char* quantization : {"q4f16_1", "q0f32", "q0f16"})
    for (unsigned threads : {1u, 3u}) {
      SCOPED_TRACE(quantization);
      std::map<std::string, std::string> records = convert(quantization, threads);
      for (const ParamSpec& spec : specs) {
        std::vector<const PlainTensor*> sources;
        for (const std::string& name : spec.sources)
          sources.push_back(&tensors[name]);
        for (const auto& [name, bytes] :
             plain_param(spec, plain_elements(spec, sources), *find_quantization(quantization))) {
          ASSERT_EQ(records.count(name), 1u) << name;
          EXPECT_TRUE(records[name] == bytes) << name;
        }
      }
    }
}

}  // namespace
}  // namespace mlc
