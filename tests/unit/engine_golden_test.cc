// The engine against logits that transformers computed (tests/golden/logits/README.md): small
// random checkpoints of each architecture, run in float32 on the plain CPU device.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime-min/engine/engine.h"
#include "tests/unit/float32_folder.h"

namespace fs = std::filesystem;
using namespace mlc;

namespace {

struct Case {
  std::string folder;
  std::vector<std::vector<std::uint32_t>> prompts;
  std::vector<std::vector<float>> logits;  // [tokens, vocab] of each prompt
  double noise = 0;                        // of float32, as transformers computes it
};

// A .npy file of float32 in C order; the header is text.
std::vector<float> read_npy(const std::string& path) {
  std::string bytes = read_file(path, 1 << 24);
  std::size_t header = 10 + static_cast<unsigned char>(bytes.at(8)) +
                       256 * std::size_t{static_cast<unsigned char>(bytes.at(9))};
  EXPECT_NE(bytes.substr(0, header).find("'<f4', 'fortran_order': False"), std::string::npos);
  std::vector<float> values((bytes.size() - header) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(float));
  return values;
}

Case read_case(const std::string& folder) {
  Case result{.folder = folder, .prompts = {}, .logits = {}};
  Json prompts = read_json_file(folder + "/ids.json");
  for (const Json& prompt : prompts.items("ids.json")) {
    std::vector<std::uint32_t> ids;
    for (const Json& id : prompt.items("ids.json"))
      ids.push_back(static_cast<std::uint32_t>(id.as_size("id")));
    result.logits.push_back(read_npy(folder + "/logits_len" + std::to_string(ids.size()) + ".npy"));
    result.prompts.push_back(std::move(ids));
  }
  Json meta = read_json_file(folder + "/meta.json");
  for (const auto& [rule, values] : meta.find("max_abs_f32_vs_f64")->members("meta.json"))
    for (const Json& value : values.items("meta.json"))
      result.noise = std::max(result.noise, value.as_double("meta.json"));
  return result;
}

std::vector<RowInput> rows_of(const std::vector<std::uint32_t>& ids, std::uint32_t slot = 0) {
  std::vector<RowInput> rows;
  for (std::uint32_t id : ids)
    rows.push_back({.slot = slot, .token = id});
  return rows;
}

std::vector<std::uint32_t> all(std::size_t count) {
  std::vector<std::uint32_t> wanted(count);
  for (std::size_t i = 0; i < count; i++)
    wanted[i] = static_cast<std::uint32_t>(i);
  return wanted;
}

double worst(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); i++) {
    double difference = std::abs(double{a[i]} - double{b[i]});
    // Not max(): NaN has to show.
    if (!(difference <= most)) most = difference;
  }
  return most;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    out_ = fs::temp_directory_path() / ("mlc-golden-" + std::to_string(::getpid()));
    fs::remove_all(out_);
  }
  void TearDown() override { fs::remove_all(out_); }

  // False: neither in the project nor shared.
  bool find(const std::string& name) {
    for (std::string root : {MLC_TEST_DATA "/golden/logits/", MLC_TEST_SHARED "/golden/logits/"})
      if (fs::exists(root + name)) {
        case_ = read_case(root + name);
        write_float32_folder(case_.folder, out_.string());
        return true;
      }
    std::printf("skipped: no shared data (%s)\n", name.c_str());
    return false;
  }

  std::unique_ptr<Engine> open(EngineOptions options = {}) {
    LoadedModel model;
    model.config = load_model_config(case_.folder, "auto");
    model.quantization = find_quantization("q0f32");
    model.folder = out_.string();
    options.kv_format = KvFormat::kF32;
    if (options.context == 0) options.context = 64;
    SilentReporter reporter;
    return Engine::open(*device_, model, options, reporter);
  }

  fs::path out_;
  Case case_;
  std::unique_ptr<Device> device_ = open_device({.device = "cpu-reference", .cache_folder = {}});
};

TEST_P(Golden, LogitsAreThoseOfTransformers) {
  if (!find(GetParam())) return;
  std::unique_ptr<Engine> engine = open();
  double bound = 20 * case_.noise;
  for (std::size_t i = 0; i < case_.prompts.size(); i++) {
    std::vector<RowInput> rows = rows_of(case_.prompts[i]);
    engine->reset(0);
    double error = worst(engine->forward(rows, all(rows.size())), case_.logits[i]);
    std::printf("%s: %zu tokens: %.2e of at most %.2e\n", GetParam().c_str(), rows.size(), error,
                bound);
    EXPECT_LE(error, bound) << rows.size() << " tokens";
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Golden,
                         testing::Values("llama", "llama_tied_llama3rope", "mistral_sw8",
                                         "qwen2_untied", "qwen3_tied", "gemma",
                                         "gemma2_finalcap_only", "gemma3_text_sw8", "phi", "phi3",
                                         "phi3_longrope_short", "gpt_neox_parallel", "gptj", "gpt2",
                                         "gpt_bigcode_mqa", "stablelm_bias", "starcoder2_untied",
                                         "olmo", "olmo2", "cohere", "nemotron", "mixtral",
                                         "qwen2_moe", "qwen3_moe"),
                         [](const auto& test) { return test.param; });

}  // namespace
