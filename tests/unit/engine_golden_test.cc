// The engine against logits that transformers computed: small random checkpoints of each
// architecture, run in float32 on the plain CPU device.
#include <map>

#include "tests/unit/engine_cases.h"

using namespace mlc;

namespace {

class EngineGolden : public EngineTest, public testing::WithParamInterface<std::string> {};

TEST_P(EngineGolden, LogitsAreThoseOfTransformers) {
  std::optional<GoldenLogits> golden = find_golden_logits(GetParam());
  if (!golden) return;
  std::unique_ptr<Device> device = open_cpu_device();
  std::unique_ptr<Engine> engine = open(*device, float32_model(*golden), exact());
  double bound = 20 * golden->noise;
  for (std::size_t i = 0; i < golden->prompts.size(); i++) {
    std::vector<RowInput> rows = rows_of(golden->prompts[i]);
    engine->reset(0);
    double error = worst(engine->forward(rows, all_of(rows.size())), golden->logits[i]);
    std::printf("%s: %zu tokens: %.2e of at most %.2e\n", GetParam().c_str(), rows.size(), error,
                bound);
    EXPECT_LE(error, bound) << rows.size() << " tokens";
  }
}

using EngineKin = EngineTest;

// phi-msft has phi's params under phi's names, and a config of its own.
TEST_F(EngineKin, PhiMsftIsPhi) {
  std::optional<GoldenLogits> golden = find_golden_logits("phi");
  if (!golden) return;
  LoadedModel model = float32_model(*golden);
  model.config = read_model_config(
      parse_json(R"({"model_type": "phi-msft", "vocab_size": 320, "n_positions": 512, "n_embd": 64,
                     "n_layer": 2, "n_inner": 256, "n_head": 4, "rotary_dim": 8,
                     "layer_norm_epsilon": 1e-5})",
                 "config.json"),
      "config.json", "auto");
  std::unique_ptr<Device> device = open_cpu_device();
  std::vector<RowInput> rows = rows_of(golden->prompts[2]);
  EXPECT_LE(
      worst(open(*device, model, exact())->forward(rows, all_of(rows.size())), golden->logits[2]),
      20 * golden->noise);
}

// OLMo 1 with clip_qkv, of which there are no golden logits, by plain loops in float64.
class PlainOlmo {
 public:
  PlainOlmo(const std::string& folder, double clip) : clip_(clip) {
    TensorCache cache = read_tensor_cache(folder + "/tensor-cache.json");
    std::string bytes = read_file(folder + "/params_shard_0.bin", 1 << 24);
    for (const Record& record : cache.shards[0].records) {
      std::vector<float> values(record.nbytes / sizeof(float));
      std::memcpy(values.data(), bytes.data() + record.byte_offset, record.nbytes);
      params_[record.name].assign(values.begin(), values.end());
    }
  }

  using Row = std::vector<double>;
  std::vector<Row> logits(const std::vector<std::uint32_t>& ids) {
    std::vector<Row> x;
    for (std::uint32_t id : ids) {
      const Row& table = params_.at("model.embed_tokens.weight");
      x.emplace_back(table.begin() + id * 64, table.begin() + id * 64 + 64);
    }
    for (int layer = 0; layer < 2; layer++) {
      std::string at = "model.layers." + std::to_string(layer) + ".";
      std::vector<Row> qkv;
      for (std::size_t t = 0; t < x.size(); t++) {
        Row row = times(at + "self_attn.qkv_proj.weight", normed(x[t]));
        for (double& v : row)
          v = std::clamp(v, -clip_, clip_);
        for (std::size_t head = 0; head < 6; head++)  // four of q, two of k
          for (std::size_t i = 0; i < 8; i++) {
            double angle = static_cast<double>(t) * std::pow(10000, -static_cast<double>(i) / 8);
            double& a = row[head * 16 + i];
            double& b = row[head * 16 + 8 + i];
            double turned = a * std::cos(angle) - b * std::sin(angle);
            b = b * std::cos(angle) + a * std::sin(angle);
            a = turned;
          }
        qkv.push_back(row);
      }
      for (std::size_t t = 0; t < x.size(); t++) {
        Row attended(64);
        for (std::size_t head = 0; head < 4; head++) {
          Row scores;
          double sum = 0;
          for (std::size_t s = 0; s <= t; s++) {
            double score = 0;
            for (std::size_t i = 0; i < 16; i++)
              score += qkv[t][head * 16 + i] * qkv[s][64 + head / 2 * 16 + i];
            scores.push_back(std::exp(score / 4));
            sum += scores.back();
          }
          for (std::size_t s = 0; s <= t; s++)
            for (std::size_t i = 0; i < 16; i++)
              attended[head * 16 + i] += scores[s] / sum * qkv[s][96 + head / 2 * 16 + i];
        }
        add(x[t], times(at + "self_attn.o_proj.weight", attended));
        Row mid = times(at + "mlp.gate_up_proj.weight", normed(x[t]));
        Row act(160);
        for (std::size_t i = 0; i < act.size(); i++)
          act[i] = mid[i] / (1 + std::exp(-mid[i])) * mid[160 + i];
        add(x[t], times(at + "mlp.down_proj.weight", act));
      }
    }
    for (Row& row : x)
      row = times("lm_head.weight", normed(row));
    return x;
  }

 private:
  static Row normed(const Row& x) {
    double mean = 0;
    double square = 0;
    for (double v : x)
      mean += v / 64;
    for (double v : x)
      square += (v - mean) * (v - mean) / 64;
    Row y;
    for (double v : x)
      y.push_back((v - mean) / std::sqrt(square + 1e-5));
    return y;
  }
  Row times(const std::string& name, const Row& x) const {
    const Row& w = params_.at(name);
    Row y(w.size() / x.size());
    for (std::size_t i = 0; i < w.size(); i++)
      y[i / x.size()] += w[i] * x[i % x.size()];
    return y;
  }
  static void add(Row& x, const Row& y) {
    for (std::size_t i = 0; i < x.size(); i++)
      x[i] += y[i];
  }

  double clip_;
  std::map<std::string, Row> params_;
};

TEST_F(EngineKin, OlmoClipsQueriesKeysAndValues) {
  std::optional<GoldenLogits> golden = find_golden_logits("olmo");
  if (!golden) return;
  LoadedModel model = float32_model(*golden);
  std::unique_ptr<Device> device = open_cpu_device();
  std::vector<RowInput> rows = rows_of(golden->prompts[2]);
  for (double clip : {1000.0, 0.5}) {
    std::vector<float> expected;
    for (const auto& row : PlainOlmo(model.folder, clip).logits(golden->prompts[2]))
      expected.insert(expected.end(), row.begin(), row.end());
    // The loops themselves, against transformers, where nothing is clipped.
    if (clip == 1000) {
      EXPECT_LE(worst(expected, golden->logits[2]), 20 * golden->noise);
      continue;
    }
    EXPECT_GT(worst(expected, golden->logits[2]), 0.1);
    model.config.fields.set("clip_qkv", clip);
    EXPECT_LE(worst(open(*device, model, exact())->forward(rows, all_of(rows.size())), expected),
              20 * golden->noise);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, EngineGolden,
                         testing::Values("llama", "llama_tied_llama3rope", "mistral_sw8",
                                         "qwen2_untied", "qwen3_tied", "gemma",
                                         "gemma2_finalcap_only", "gemma3_text_sw8", "phi", "phi3",
                                         "phi3_longrope_short", "gpt_neox_parallel", "gptj", "gpt2",
                                         "gpt_bigcode_mqa", "stablelm_bias", "starcoder2_untied",
                                         "olmo", "olmo2", "cohere", "nemotron", "mixtral",
                                         "qwen2_moe", "qwen3_moe", "ministral3"),
                         [](const auto& test) { return test.param; });

}  // namespace
