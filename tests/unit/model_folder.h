// Small random checkpoints and the model folders that are made of them, for the tests of verify.
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "convert/convert.h"
#include "convert/kept_params.h"
#include "genconfig/genconfig.h"
#include "models/models.h"
#include "tests/unit/plain_path.h"
#include "tests/unit/source_shapes.h"

namespace mlc {

inline constexpr const char* kSmallLlama = R"({
  "model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4,
  "num_key_value_heads": 2, "head_dim": 32, "num_hidden_layers": 4, "vocab_size": 264,
  "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64,
  "tie_word_embeddings": false)";

// `more`: further members of the config, beginning with a comma.
inline std::string small_llama(const std::string& more = "") {
  return std::string(kSmallLlama) + more + "}";
}

// Normal values for the sources of all params, of the dtype given; codes are any bits.
inline PlainTensors random_tensors(const std::vector<ParamSpec>& params, DType dtype,
                                   unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 0.05);
  PlainTensors tensors;
  for (const ParamSpec& spec : params)
    for (std::size_t i = 0; i < spec.sources.size(); i++) {
      PlainTensor& tensor = tensors[spec.sources[i]];
      if (!tensor.shape.empty()) continue;
      tensor.dtype = spec.dtype && is_code(*spec.dtype) ? *spec.dtype : dtype;
      // As AutoAWQ writes them.
      if (tensor.dtype == DType::kU32) tensor.dtype = DType::kI32;
      if (spec.name.ends_with("_scale_inv")) tensor.dtype = DType::kF32;
      tensor.shape = source_shape(spec, i, 16);
      std::int64_t count = 1;
      for (std::int64_t dim : tensor.shape)
        count *= dim;
      for (std::int64_t k = 0; k < count; k++)
        tensor.values.push_back(
            is_code(tensor.dtype)
                ? static_cast<double>(random() >> (size_of(tensor.dtype) == 1 ? 25 : 0))
                : rounded(normal(random), tensor.dtype));
    }
  return tensors;
}

// Makes checkpoints and model folders below a folder that is gone after the test.
class ModelFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    namespace fs = std::filesystem;
    fs::path parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path();
    root_ = (parent / ("mlc-folder-" + std::to_string(::getpid()))).string();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string checkpoint_path() const { return root_ + "/checkpoint"; }

  // A checkpoint of this config, at checkpoint_path(); the scheme decides whether it holds floats.
  PlainTensors make_checkpoint(const std::string& config, const Quantization& q, DType dtype,
                               unsigned seed = 1, const std::string& type = "auto") {
    std::filesystem::create_directories(checkpoint_path());
    std::ofstream(checkpoint_path() + "/config.json") << config;
    PlainTensors tensors =
        random_tensors(scheme_params(load_model_config(checkpoint_path(), type), q), dtype, seed);
    write_safetensors(checkpoint_path() + "/model.safetensors", tensors);
    return tensors;
  }

  ConvertOptions options_for(std::string_view quantization, const std::string& source) const {
    ConvertOptions options;
    options.config = source;
    options.quantization = quantization;
    options.output = root_ + "/model";
    options.overwrite = true;
    options.threads = 1;
    return options;
  }

  // Weights and chat config of the source in `options`; the folder.
  static std::string make_model(const ConvertOptions& options) {
    SilentReporter reporter;
    run_conversion(options, prepare_conversion(options, reporter), reporter);
    GenConfigOptions chat;
    chat.config = options.config;
    chat.quantization = options.quantization;
    chat.model_type = options.model_type;
    chat.conv_template = "LM";
    chat.output = options.output;
    write_generated_config(generate_config(chat, reporter), chat.output);
    return options.output;
  }
  std::string make_model(std::string_view quantization) const {
    return make_model(options_for(quantization, checkpoint_path()));
  }

  std::string root_;
};

}  // namespace mlc
