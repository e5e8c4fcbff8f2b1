// Architectures without golden logits: small random checkpoints, converted with q0f32, against the
// published formulas as loops in float64 (plain_decoder.h, plain_rwkv.h).
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "convert/convert.h"
#include "models/models.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/engine/forward_plan.h"
#include "tests/unit/plain_cases.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// Of the range of the logits; what float32 arithmetic costs here is a quarter of it.
constexpr double kTolerance = 2e-6;

using Ids = std::vector<std::uint32_t>;

std::vector<RowInput> rows_of(const Ids& ids, std::uint32_t slot = 0) {
  std::vector<RowInput> rows;
  for (std::uint32_t id : ids)
    rows.push_back({.slot = slot, .token = id});
  return rows;
}

std::vector<std::uint32_t> all_of(std::size_t count) {
  std::vector<std::uint32_t> wanted(count);
  for (std::size_t i = 0; i < count; i++)
    wanted[i] = static_cast<std::uint32_t>(i);
  return wanted;
}

class EnginePlain : public testing::TestWithParam<plain::Case> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mlc-plain-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::mt19937 random(7);
    for (std::size_t length : {1U, 7U, 24U}) {
      Ids ids;
      for (std::size_t i = 0; i < length; i++)
        ids.push_back(static_cast<std::uint32_t>(random() % GetParam().vocab));
      // The loops ask for the tensors, which are the checkpoint then.
      expected_.push_back(GetParam().logits(checkpoint_, ids));
      prompts_.push_back(std::move(ids));
    }
    double least = 0;
    double most = 0;
    for (const plain::Row& row : expected_.back())
      for (double value : row) {
        least = std::min(least, value);
        most = std::max(most, value);
      }
    bound_ = kTolerance * (most - least);
    checkpoint_.write((folder_ / "model.safetensors").string());
    std::ofstream(folder_ / "config.json") << GetParam().config;
    model_ = converted("q0f32");
  }
  void TearDown() override { fs::remove_all(folder_); }

  LoadedModel converted(const std::string& quantization) const {
    ConvertOptions options;
    options.config = folder_.string();
    options.quantization = quantization;
    options.output = (folder_ / quantization).string();
    options.threads = 1;
    SilentReporter reporter;
    // Refuses tensors that no param uses, and params without one.
    run_conversion(options, prepare_conversion(options, reporter), reporter);
    LoadedModel model;
    model.config = load_model_config(folder_.string(), "auto");
    model.quantization = find_quantization(quantization);
    model.folder = options.output;
    return model;
  }

  std::unique_ptr<Engine> open(Device& device, std::uint32_t slots = 1) const {
    EngineOptions options;
    options.slots = slots;
    options.kv_format = KvFormat::kF32;
    options.prefill_rows = 16;
    SilentReporter reporter;
    return Engine::open(device, model_, options, reporter);
  }

  static std::unique_ptr<Device> device_named(const std::string& name) {
    DeviceOptions options;
    options.device = name;
    return open_device(options);
  }

  // The largest difference of these logits to rows [first, ...) of prompt `index`.
  double error(std::span<const float> logits, std::size_t index, std::size_t first = 0) const {
    std::size_t vocab = GetParam().vocab;
    double worst = 0;
    for (std::size_t i = 0; i < logits.size(); i++) {
      double difference =
          std::abs(double{logits[i]} - expected_[index][first + i / vocab][i % vocab]);
      // Not max(): NaN has to show.
      if (!(difference <= worst)) worst = difference;
    }
    return worst;
  }

  fs::path folder_;
  plain::Checkpoint checkpoint_;
  std::vector<Ids> prompts_;
  std::vector<plain::Rows> expected_;
  double bound_ = 0;
  LoadedModel model_;
};

TEST_P(EnginePlain, LogitsAreThoseOfTheFormulas) {
  std::vector<std::string> missing;
  std::vector<std::string> names = {"cpu-reference"};
  for (const FoundDevice& found : list_devices(&missing))
    names.push_back(found.id);
  for (const std::string& reason : missing)
    std::printf("skipped: %s\n", reason.c_str());
  for (const std::string& name : names) {
    std::unique_ptr<Device> device = device_named(name);
    std::unique_ptr<Engine> engine = open(*device);
    for (std::size_t i = 0; i < prompts_.size(); i++) {
      engine->reset(0);
      std::vector<RowInput> rows = rows_of(prompts_[i]);
      double found = error(engine->forward(rows, all_of(rows.size())), i);
      EXPECT_LE(found, bound_) << name << ", " << rows.size() << " tokens";
      std::printf("%s: %s, %zu tokens: %.1e of the range\n", GetParam().name.c_str(), name.c_str(),
                  rows.size(), found / bound_ * kTolerance);
    }
  }
}

TEST_P(EnginePlain, CutsAndBatchesChangeNothing) {
  std::unique_ptr<Device> device = device_named("cpu-reference");
  std::unique_ptr<Engine> engine = open(*device, 3);
  // Token after token, and in pieces.
  for (std::size_t step : {1U, 5U}) {
    engine->reset(0);
    for (std::size_t t = 0; t < 24; t += step) {
      std::size_t count = std::min<std::size_t>(step, 24 - t);
      auto begin = prompts_[2].begin() + static_cast<std::ptrdiff_t>(t);
      std::vector<RowInput> rows = rows_of({begin, begin + static_cast<std::ptrdiff_t>(count)});
      EXPECT_LE(error(engine->forward(rows, all_of(count)), 2, t), bound_) << t;
    }
  }
  // Three sequences of different lengths in one call, twice: a slot that is reset begins anew.
  for (int round = 0; round < 2; round++) {
    std::vector<RowInput> rows;
    for (std::uint32_t slot : {2U, 0U, 1U}) {
      engine->reset(slot);
      std::vector<RowInput> more = rows_of(prompts_[slot], slot);
      rows.insert(rows.end(), more.begin(), more.end());
    }
    std::span<const float> logits = engine->forward(rows, all_of(rows.size()));
    std::size_t vocab = GetParam().vocab;
    EXPECT_LE(error(logits.first(24 * vocab), 2), bound_) << round;
    EXPECT_LE(error(logits.subspan(24 * vocab, vocab), 0), bound_) << round;
    EXPECT_LE(error(logits.subspan(25 * vocab), 1), bound_) << round;
  }
  // One sequence goes on while others stand still, then all go on together.
  Ids first(prompts_[2].begin(), prompts_[2].begin() + 10);
  engine->reset(0);
  engine->reset(2);
  engine->forward(rows_of(first, 0), {});
  engine->forward(rows_of(first, 2), {});
  for (std::size_t t = 10; t < 12; t++) {
    std::vector<RowInput> rows = {{.slot = 0, .token = prompts_[2][t]},
                                  {.slot = 2, .token = prompts_[2][t]}};
    std::span<const float> logits = engine->forward(rows, all_of(2));
    EXPECT_LE(error(logits.first(GetParam().vocab), 2, t), bound_);
    EXPECT_LE(error(logits.subspan(GetParam().vocab), 2, t), bound_);
  }
}

class EngineRecurrent : public EnginePlain {};

TEST_P(EngineRecurrent, StatesHaveNoLimitAndNoWayBack) {
  std::unique_ptr<Device> device = device_named("cpu-reference");
  std::unique_ptr<Engine> engine = open(*device);
  EXPECT_EQ(engine->info().context, UINT32_MAX);
  EXPECT_TRUE(engine->info().notes.size() == 1 && engine->info().notes[0].starts_with("the heads"));
  std::vector<RowInput> rows = rows_of(prompts_[1]);
  engine->forward(rows, {});
  engine->truncate(0, 7);
  try {
    engine->truncate(0, 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("layers keep a state"), std::string::npos);
  }
  engine->truncate(0, 0);
  EXPECT_LE(error(engine->forward(rows, all_of(rows.size())), 1), bound_);
}

// Halves are rounded, and groups of 4 bits far more so; each vector and each turned matrix has to
// be in its place all the same.
TEST_P(EngineRecurrent, HalvesAndGroupsRun) {
  std::unique_ptr<Device> device = device_named("cpu");
  for (const auto& [quantization, tolerance] : std::vector<std::pair<std::string, double>>{
           {"q0f16", 2e-3}, {"q4f16_1", 0.3}, {"q4f16_0", 0.3}}) {
    model_ = converted(quantization);
    std::unique_ptr<Engine> engine = open(*device);
    std::vector<RowInput> rows = rows_of(prompts_[2]);
    EXPECT_LE(error(engine->forward(rows, all_of(rows.size())), 2), bound_ / kTolerance * tolerance)
        << quantization;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, EngineRecurrent,
                         testing::ValuesIn(plain::recurrent_cases()),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Architectures, EnginePlain, testing::ValuesIn(plain::cases()),
                         [](const auto& test) { return test.param.name; });

// What the engine makes of configs as they were released.
TEST(ReleasedConfigs, ArePlanned) {
  std::size_t planned = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(MLC_TEST_DATA) / "data" / "checkpoints")) {
    if (entry.path().extension() != ".json") continue;
    std::string name = entry.path().stem().string();
    Json source = read_json_file(entry.path().string());
    if (name == "olmo-3-32b") source.set("layer_types", Json());  // which is cut short there
    ModelConfig model = read_model_config(source, name, "auto");
    if (model.architecture->forward == nullptr) continue;
    ForwardPlan plan = plan_forward(model);
    planned++;
    if (name == "granite-3.3-2b") {
      EXPECT_EQ(plan.embedding_scale, 12.0F);
      EXPECT_EQ(plan.layers[0].attention_scale, 0.015625F);
      EXPECT_EQ(plan.logit_scale, 0.125F);
    }
    if (name == "smollm3-3b") {
      EXPECT_EQ(plan.layers[3].rope, -1);
      EXPECT_EQ(plan.layers[4].rope, 0);
    }
    if (name == "olmo-3-32b") {
      EXPECT_EQ(plan.ropes.size(), 2U);
      EXPECT_EQ(plan.layers[2].window, 4096U);
      EXPECT_EQ(plan.layers[3].window, 0U);
    }
    if (name == "command-r7b") {
      EXPECT_EQ(plan.layers[3].rope, -1);
      EXPECT_EQ(plan.layers[4].window, 4096U);
    }
  }
  EXPECT_GE(planned, 10U);
}

TEST(ReleasedConfigs, Rwkv6With7BHasTwiceTheRank) {
  for (std::int64_t hidden : {2048, 4096}) {
    std::string text = fmt::format(R"({{"model_type": "rwkv6", "hidden_size": {},
        "num_hidden_layers": 1, "vocab_size": 96}})",
                                   hidden);
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const ParamSpec& spec :
         expand_params(read_model_config(parse_json(text, "text"), "text", "auto"), "no-quant"))
      shapes[spec.name] = spec.shape;
    std::int64_t times = hidden / 2048;
    std::string a = "model.blocks.0.attention.";
    using Sides = std::vector<std::int64_t>;
    EXPECT_EQ(shapes[a + "time_maa_w1"], (Sides{hidden, 160 * times}));
    EXPECT_EQ(shapes[a + "time_maa_w2"], (Sides{5, 32 * times, hidden}));
    EXPECT_EQ(shapes[a + "time_decay_w1"], (Sides{hidden, 64 * times}));
    EXPECT_EQ(shapes[a + "time_decay_w2"], (Sides{64 * times, hidden}));
  }
}

}  // namespace
}  // namespace mlc
