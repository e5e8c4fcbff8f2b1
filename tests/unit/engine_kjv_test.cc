// The engine on trained weights: kjv-llama against logits, continuations and a perplexity that an
// independent implementation computed (tests/data/kjv-llama/README.md), and each group quantization
// of it against the same model with its weights multiplied out.
#include "base/half.h"
#include "runtime-min/tokenizer/tokenizer.h"
#include "tests/unit/engine_cases.h"
#include "tests/unit/sanitized.h"

using namespace mlc;

namespace {

const std::string kModel = std::string(MLC_TEST_DATA) + "/data/kjv-llama";

class EngineKjv : public EngineTest {
 protected:
  LoadedModel converted(const std::string& quantization) {
    ConvertOptions options;
    options.config = kModel;
    options.quantization = quantization;
    options.output = (root_ / quantization).string();
    SilentReporter reporter;
    run_conversion(options, prepare_conversion(options, reporter), reporter);
    LoadedModel model;
    model.config = load_model_config(kModel, "auto");
    model.quantization = find_quantization(quantization);
    model.folder = options.output;
    return model;
  }

  Json reference_ = read_json_file(kModel + "/reference/reference.json");
};

std::vector<std::uint32_t> ids_of(const Json& json) {
  std::vector<std::uint32_t> ids;
  for (const Json& id : json.items("ids"))
    ids.push_back(static_cast<std::uint32_t>(id.as_size("id")));
  return ids;
}

std::uint32_t largest(std::span<const float> logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                    logits.begin());
}

TEST_F(EngineKjv, LogitsAndContinuationsAreThoseOfTheReference) {
  LoadedModel model = converted("q0f32");
  for (const char* name : {"cpu-reference", "cpu"}) {
    std::unique_ptr<Device> device = open_cpu_device(name);
    std::unique_ptr<Engine> engine = open(*device, model, exact(384));
    for (const Json& prompt : reference_.find("prompts")->items("prompts")) {
      std::vector<std::uint32_t> ids = ids_of(*prompt.find("ids"));
      std::vector<float> expected;
      for (const Json& value : prompt.find("last_logits_f32")->items("logits"))
        expected.push_back(static_cast<float>(value.as_double("logit")));
      auto [least, most] = std::minmax_element(expected.begin(), expected.end());
      engine->reset(0);
      std::vector<RowInput> rows = rows_of(ids);
      std::span<const float> logits = engine->forward(rows, last_row_of(rows));
      double error = worst(logits, expected) / (double{*most} - double{*least});
      std::printf("%s: %.1e of the range\n", name, error);
      EXPECT_LE(error, 1e-4);
      for (std::uint32_t id : ids_of(*prompt.find("greedy_continuation_ids"))) {
        ASSERT_EQ(largest(logits), id);
        std::vector<RowInput> next = {{.slot = 0, .token = id}};
        logits = engine->forward(next, last_row_of(next));
      }
    }
  }
}

// Of all 16,498 tokens, in windows of 255, each begun with token 0.
TEST_F(EngineKjv, PerplexityIsThatOfTheReference) {
  if (kSanitized) GTEST_SKIP() << "skipped: a minute with sanitizers; the Release tests have it";
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kModel + "/tokenizer.json");
  std::string text = read_file(kModel + "/reference/held_out.txt", 1 << 20);
  EncodeOptions plain;
  plain.add_special_tokens = false;
  std::vector<std::int32_t> ids = tokenizer->encode(text, plain);
  ASSERT_EQ(ids.size(), 16498U);
  std::unique_ptr<Device> device = open_cpu_device("cpu");
  EngineOptions options = exact(384);
  options.prefill_rows = 256;
  std::unique_ptr<Engine> engine = open(*device, converted("q0f32"), options);
  std::size_t vocab = engine->info().vocab;
  double nll = 0;
  for (std::size_t begin = 0; begin < ids.size(); begin += 255) {
    std::size_t count = std::min<std::size_t>(255, ids.size() - begin);
    std::vector<RowInput> rows = {{.slot = 0, .token = 0}};
    for (std::size_t i = 0; i + 1 < count; i++)
      rows.push_back({.slot = 0, .token = static_cast<std::uint32_t>(ids[begin + i])});
    engine->reset(0);
    std::span<const float> logits = engine->forward(rows, all_of(count));
    for (std::size_t i = 0; i < count; i++) {
      std::span<const float> row = logits.subspan(i * vocab, vocab);
      double most = *std::max_element(row.begin(), row.end());
      double sum = 0;
      for (float value : row)
        sum += std::exp(double{value} - most);
      nll += most + std::log(sum) - double{row[static_cast<std::size_t>(ids[begin + i])]};
    }
  }
  double expected = reference_.find("perplexity")->as_double("perplexity");
  double perplexity = std::exp(nll / static_cast<double>(ids.size()));
  std::printf("perplexity %.6f, reference %.6f\n", perplexity, expected);
  EXPECT_NEAR(perplexity / expected, 1, 1e-3);
}

// The values of the records of a converted folder by the definition of the format, as a float32
// folder: (code - M) * scale, in float32.
LoadedModel multiplied_out(const LoadedModel& model, const std::string& folder) {
  const Quantization& q = *model.quantization;
  TensorCache cache = read_tensor_cache(model.folder + "/tensor-cache.json");
  auto bytes_of = [&](const Shard& shard, const Record& record) {
    return read_file(model.folder + "/" + shard.data_path, 1 << 30)
        .substr(record.byte_offset, record.nbytes);
  };
  auto halves = [&](const std::string& bytes, DType dtype) {
    std::vector<float> values(bytes.size() / 2);
    for (std::size_t i = 0; i < values.size(); i++) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes.data() + 2 * i, 2);
      values[i] = dtype == DType::kF16 ? f16_to_f32(half) : bf16_to_f32(half);
    }
    return values;
  };
  Shard out;
  out.data_path = "params_shard_0.bin";
  std::string all;
  auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                 const std::vector<float>& values) {
    out.records.push_back({.name = name,
                           .shape = shape,
                           .dtype = DType::kF32,
                           .format = RecordFormat::kRaw,
                           .nbytes = values.size() * sizeof(float),
                           .byte_offset = all.size()});
    all.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  };
  for (const Shard& shard : cache.shards)
    for (std::size_t i = 0; i < shard.records.size(); i++) {
      const Record& record = shard.records[i];
      std::string bytes = bytes_of(shard, record);
      if (record.dtype != DType::kU32) {
        if (!record.name.ends_with(".q_scale"))
          add(record.name, record.shape, halves(bytes, record.dtype));
        continue;
      }
      // The scales follow their codes.
      std::string module = record.name.substr(0, record.name.size() - 9);
      std::vector<float> scales;
      std::vector<std::int64_t> scale_shape;
      for (const Shard& other : cache.shards)
        for (const Record& scale : other.records)
          if (scale.name == module + ".q_scale") {
            scales = halves(bytes_of(other, scale), scale.dtype);
            scale_shape = scale.shape;
          }
      bool embedding = module.ends_with("embed_tokens");
      bool turned = q.layout == WeightLayout::kKN && !embedding;
      auto rows = static_cast<std::size_t>(record.shape[turned ? 1 : 0]);
      auto words = static_cast<std::size_t>(record.shape[turned ? 0 : 1]);
      auto groups = static_cast<std::size_t>(scale_shape[turned ? 0 : 1]);
      // Every matrix of this model has 256 columns but down_proj.
      std::size_t cols = module.ends_with("down_proj") ? 704 : 256;
      std::vector<float> values(rows * cols);
      auto per_word = static_cast<std::size_t>(q.codes_per_word());
      auto group = static_cast<std::size_t>(q.group_size);
      for (std::size_t r = 0; r < rows; r++)
        for (std::size_t c = 0; c < cols; c++) {
          std::size_t at = turned ? c / per_word * rows + r : r * words + c / per_word;
          std::uint32_t word = 0;
          std::memcpy(&word, bytes.data() + 4 * at, 4);
          std::uint32_t code =
              word >> (c % per_word * static_cast<std::size_t>(q.bits)) & ((1U << q.bits) - 1);
          float scale = scales[turned ? c / group * rows + r : r * groups + c / group];
          values[r * cols + c] =
              (static_cast<float>(code) - static_cast<float>(q.max_int())) * scale;
        }
      add(module + ".weight", {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cols)},
          values);
    }
  out.nbytes = all.size();
  TensorCache result;
  result.param_size = out.records.size();
  result.shards = {out};
  std::filesystem::create_directories(folder);
  write_file_atomically(folder + "/params_shard_0.bin", all);
  write_file_atomically(folder + "/tensor-cache.json", write_tensor_cache(result));
  LoadedModel plain = model;
  plain.quantization = find_quantization("q0f32");
  plain.folder = folder;
  return plain;
}

TEST_F(EngineKjv, GroupsAreWhatTheirFormatSays) {
  std::vector<std::uint32_t> ids =
      ids_of(*reference_.find("prompts")->items("prompts")[0].find("ids"));
  std::vector<RowInput> rows = rows_of(ids);
  for (const char* scheme :
       {"q4f16_0", "q4f16_1", "q4f16_2", "q3f16_0", "q3f16_1", "q4f32_1", "q4bf16_0", "q4bf16_1"}) {
    LoadedModel model = converted(scheme);
    LoadedModel plain = multiplied_out(model, (root_ / (std::string(scheme) + "-plain")).string());
    std::unique_ptr<Device> reference = open_cpu_device();
    std::vector<float> expected =
        copy(open(*reference, plain, exact(384))->forward(rows, all_of(rows.size())));
    auto [least, most] = std::minmax_element(expected.begin(), expected.end());
    double range = double{*most} - double{*least};
    for (const char* name : {"cpu-reference", "cpu"}) {
      std::unique_ptr<Device> device = open_cpu_device(name);
      std::unique_ptr<Engine> engine = open(*device, model, exact(384));
      EXPECT_LE(worst(engine->forward(rows, all_of(rows.size())), expected) / range, 1e-5)
          << scheme << " on " << name;
      // The cache in float16 costs no more than its rounding, 2^-11, makes of logits.
      EngineOptions half;
      half.context = 384;
      EXPECT_LE(
          worst(open(*device, model, half)->forward(rows, all_of(rows.size())), expected) / range,
          2e-3)
          << scheme << " on " << name;
    }
  }
}

}  // namespace
