// What the engine promises beside right logits: that cutting calls, batches and buffers changes
// nothing, and that what can't be is said.
#include "base/error.h"
#include "base/half.h"
#include "convert/quant_rules.h"
#include "models/presets.h"
#include "runtime-min/engine/param_store.h"
#include "tests/unit/engine_cases.h"

namespace fs = std::filesystem;
using namespace mlc;

namespace {

std::string error_of(const std::function<void()>& action, ExitCode code) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

void expect_in(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(EngineTest, ChunksAndBatchesGiveTheSame) {
  for (const char* name : {"llama_tied_llama3rope", "mistral_sw8", "qwen2_moe", "gpt2"}) {
    std::optional<GoldenLogits> golden = find_golden_logits(name);
    ASSERT_TRUE(golden);
    LoadedModel model = float32_model(*golden);
    std::unique_ptr<Device> device = open_cpu_device();
    double bound = 20 * golden->noise;
    const std::vector<std::uint32_t>& ids = golden->prompts[2];
    const std::vector<float>& expected = golden->logits[2];
    std::size_t vocab = expected.size() / ids.size();

    // In passes of 5 rows, token by token, and in calls of different lengths.
    EngineOptions options = exact(std::string(name) == "mistral_sw8" ? 0 : 64);
    options.prefill_rows = 5;
    options.slots = 3;
    std::unique_ptr<Engine> engine = open(*device, model, options);
    EXPECT_LE(worst(engine->forward(rows_of(ids), all_of(ids.size())), expected), bound) << name;
    for (std::size_t begin = 0, step = 1; begin < ids.size(); begin += step, step = step % 7 + 1) {
      std::size_t count = std::min(step, ids.size() - begin);
      std::vector<RowInput> rows = rows_of(std::span(ids).subspan(begin, count), 1);
      EXPECT_LE(worst(engine->forward(rows, all_of(count)),
                      std::span(expected).subspan(begin * vocab, count * vocab)),
                bound)
          << name << " from " << begin;
    }
    EXPECT_EQ(engine->position(1), ids.size());

    // Three sequences of different length in one call, some rows wanted of each.
    for (std::uint32_t slot = 0; slot < 3; slot++)
      engine->reset(slot);
    std::vector<RowInput> rows;
    std::vector<std::uint32_t> wanted;
    std::vector<std::span<const float>> parts;
    for (std::uint32_t slot : {2U, 0U, 1U}) {
      std::vector<RowInput> more = rows_of(golden->prompts[slot], slot);
      rows.insert(rows.end(), more.begin(), more.end());
      wanted.push_back(static_cast<std::uint32_t>(rows.size() - 1));
      parts.push_back(std::span<const float>(golden->logits[slot]).last(vocab));
    }
    std::span<const float> logits = engine->forward(rows, wanted);
    for (std::size_t i = 0; i < parts.size(); i++)
      EXPECT_LE(worst(logits.subspan(i * vocab, vocab), parts[i]), bound) << name << " " << i;
    // Then one more token of each: what the 24 tokens of one were followed by, from its 7th on.
    if (engine->info().context == 64) {
      engine->truncate(2, 7);
    } else {  // a ring, which has forgotten the first tokens
      engine->reset(2);
      engine->forward(rows_of(std::span(ids).first(7), 2), {});
    }
    std::vector<RowInput> next = {{.slot = 2, .token = ids[7]}, {.slot = 0, .token = 1}};
    EXPECT_LE(worst(engine->forward(next, std::vector<std::uint32_t>{0}),
                    std::span(expected).subspan(7 * vocab, vocab)),
              bound)
        << name;
    EXPECT_EQ(engine->position(0), 2U);
    EXPECT_TRUE(engine->forward(next, {}).empty());
  }
}

// Sixty tokens through a window of 8: the ring turns several times, and logits are those of an
// engine whose cache holds everything.
TEST_F(EngineTest, RingsHoldWindowsAndSinks) {
  std::optional<GoldenLogits> golden = find_golden_logits("mistral_sw8");
  ASSERT_TRUE(golden);
  std::unique_ptr<Device> device = open_cpu_device();
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 60; i++)
    ids.push_back((i * 37 + 11) % 320);
  for (std::uint32_t sinks : {0U, 4U}) {
    EngineOptions wide = exact();
    wide.prefill_rows = 64;
    wide.sinks = sinks;
    EngineOptions ring = exact(0);
    ring.prefill_rows = 3;
    ring.sinks = sinks;
    std::unique_ptr<Engine> whole = open(*device, float32_model(*golden), wide);
    std::unique_ptr<Engine> turning = open(*device, float32_model(*golden), ring);
    EXPECT_EQ(whole->info().context, 64U);
    EXPECT_EQ(turning->info().context, std::numeric_limits<std::uint32_t>::max());
    // 8 and two more tokens, of 2 layers with 2 heads of 16 keys and values.
    EXPECT_EQ(turning->info().cache_bytes, (10 + sinks) * 2 * 2 * 16 * 2 * sizeof(float));
    std::vector<float> expected = copy(whole->forward(rows_of(ids), all_of(ids.size())));
    std::vector<float> found = copy(turning->forward(rows_of(ids), all_of(ids.size())));
    EXPECT_LE(worst(found, expected), 20 * golden->noise) << sinks << " sinks";
    // The ring still has what two tokens less need, and no more.
    turning->truncate(0, 58);
    std::vector<std::uint32_t> end = {ids[58], ids[59]};
    EXPECT_LE(worst(turning->forward(rows_of(end), all_of(2)), std::span(expected).last(640)),
              20 * golden->noise);
    expect_in(error_of([&] { turning->truncate(0, 50); }, ExitCode::kUnsupported), "moved on");
    turning->reset(0);
    EXPECT_EQ(turning->position(0), 0U);
  }
  // A window larger than the default context is not cut by it.
  LoadedModel large = float32_model(*golden);
  large.config.fields.set("sliding_window_size", 5000);
  EXPECT_EQ(open(*device, large, exact(0))->info().cache_bytes,
            (5000 + 63) * 2 * 2 * 16 * 2 * sizeof(float));
  // A model without windows may be given one.
  std::optional<GoldenLogits> llama = find_golden_logits("llama_tied_llama3rope");
  EngineOptions endless = exact(0);
  endless.window = 16;
  endless.sinks = 2;
  std::unique_ptr<Engine> engine = open(*device, float32_model(*llama), endless);
  for (int i = 0; i < 5; i++)
    for (float value : engine->forward(rows_of(ids), last_row_of(rows_of(ids))))
      ASSERT_TRUE(std::isfinite(value));
  EXPECT_EQ(engine->position(0), 300U);
}

// Matrices by rows, experts by ranges, caches by heads, the embedding by ranges of tokens.
TEST_F(EngineTest, SplitsWhatAKernelCannotSee) {
  for (const char* name : {"llama_tied_llama3rope", "qwen2_moe", "gpt2", "gptj"}) {
    std::optional<GoldenLogits> golden = find_golden_logits(name);
    ASSERT_TRUE(golden);
    // Less than any matrix has, and 16 rows of its widest one (64 bytes of a bias); or one expert
    // of qwen2_moe. One head of a cache of 4 slots.
    std::uint64_t binding = std::string(name) == "qwen2_moe" ? 33000 : 16 * 256 * 4;
    LimitedDevice device(open_cpu_device(), binding, 2 * binding, std::uint64_t{1} << 30);
    EngineOptions options = exact(48);
    options.slots = 4;
    std::unique_ptr<Engine> engine = open(device, float32_model(*golden), options);
    std::vector<RowInput> rows = rows_of(golden->prompts[2], 1);
    EXPECT_LE(worst(engine->forward(rows, all_of(rows.size())), golden->logits[2]),
              20 * golden->noise)
        << name;
  }
}

TEST_F(EngineTest, ProfilesEachDispatch) {
  std::optional<GoldenLogits> golden = find_golden_logits("llama_tied_llama3rope");
  ASSERT_TRUE(golden);
  std::unique_ptr<Device> device = open_cpu_device();
  std::unique_ptr<Engine> engine = open(*device, float32_model(*golden), exact());
  engine->forward(rows_of(golden->prompts[1]), {});
  EXPECT_TRUE(engine->profile().empty());
  engine->set_profiling(true);
  std::vector<RowInput> row = {{.slot = 0, .token = 5}};
  engine->forward(row, last_row_of(row));
  std::uint64_t weights = 0;
  std::vector<std::string> labels;
  for (const KernelTime& time : engine->profile()) {
    labels.push_back(time.label);
    EXPECT_FALSE(time.variant.empty());
    if (time.kernel == Kernel::kMatmul) weights += time.bytes;
    if (time.kernel == Kernel::kAttention) {
      // 8 tokens of 2 heads of 16, keys and values; queries and results of 4 heads.
      EXPECT_EQ(time.bytes, 8U * 2 * 16 * 4 * 2 + 2 * 4 * 16 * 4);
    }
  }
  EXPECT_EQ(labels.front(), "embedding");
  EXPECT_EQ(labels[2], "layer 0 self_attn.qkv_proj");
  // All weights but the norms, and less than a tenth for activations.
  std::uint64_t all = engine->info().weight_bytes - 5 * 64 * 4;
  EXPECT_GE(weights, all);
  EXPECT_LE(weights, all + all / 10);
}

TEST_F(EngineTest, NamesTheFirstKernelThatGivesNaN) {
  std::optional<GoldenLogits> golden = find_golden_logits("llama_tied_llama3rope");
  ASSERT_TRUE(golden);
  LoadedModel model = float32_model(*golden);
  EngineOptions options = exact();
  options.check_values = true;
  std::unique_ptr<Device> device = open_cpu_device();
  std::vector<RowInput> rows = rows_of(golden->prompts[1]);
  EXPECT_LE(
      worst(open(*device, model, options)->forward(rows, all_of(rows.size())), golden->logits[1]),
      20 * golden->noise);
  // One weight of the second layer's down_proj.
  TensorCache cache = read_tensor_cache(model.folder + "/tensor-cache.json");
  std::string shard = model.folder + "/params_shard_0.bin";
  std::string bytes = read_file(shard, 1 << 24);
  for (const Record& record : cache.shards[0].records)
    if (record.name == "model.layers.1.mlp.down_proj.weight")
      bytes.replace(record.byte_offset + 40, 4, std::string("\x00\x00\xc0\x7f", 4));
  write_file_atomically(shard, bytes);
  std::unique_ptr<Engine> engine = open(*device, model, options);
  std::string message =
      error_of([&] { engine->forward(rows, last_row_of(rows)); }, ExitCode::kVerify);
  expect_in(message, "matmul");
  expect_in(message, "layer 1 mlp.down_proj gave nan as element 0");
}

// Step by step the same logits; what a step wrote is what the hook sees, halves and indices too,
// and what the hook puts in its place is what the next step reads.
TEST_F(EngineTest, CanBeTraced) {
  for (const char* name : {"llama_tied_llama3rope", "qwen2_moe"}) {
    std::optional<GoldenLogits> golden = find_golden_logits(name);
    ASSERT_TRUE(golden);
    std::unique_ptr<Device> device = open_cpu_device();
    EngineOptions options = exact();
    options.kv_format = KvFormat::kF16;
    std::unique_ptr<Engine> engine = open(*device, float32_model(*golden), options);
    std::vector<RowInput> rows = rows_of(golden->prompts[1]);
    std::vector<float> expected = copy(engine->forward(rows, all_of(rows.size())));
    std::vector<TraceStep> steps;
    auto again = [&](const Trace& trace) {
      engine->reset(0);
      engine->set_trace(trace);
      return copy(engine->forward(rows, all_of(rows.size())));
    };
    EXPECT_EQ(again([&](const TraceStep& step) {
                steps.push_back(step);
                return false;
              }),
              expected);
    EXPECT_EQ(steps.front().label, "embedding");
    EXPECT_EQ(steps.back().written[0], expected);
    EXPECT_TRUE(steps.back().last);
    EXPECT_FALSE(steps.back().variant.empty());
    // The same values put back change nothing; a zeroed norm at the end makes all logits 0.
    EXPECT_EQ(again([](const TraceStep&) { return true; }), expected);
    std::vector<float> zeros = again([](TraceStep& step) {
      if (step.label == "final_norm")
        std::fill(step.written[0].begin(), step.written[0].end(), 0.0f);
      return step.label == "final_norm";
    });
    EXPECT_EQ(worst(zeros, std::vector<float>(expected.size())), 0);
    EXPECT_EQ(again({}), expected);
    for (const TraceStep& step : steps) {
      if (step.kernel == Kernel::kKvStore) {
        // Keys and values of every position that the cache has.
        ASSERT_EQ(step.written.size(), 2U);
        EXPECT_NE(step.written[0], step.written[1]);
        EXPECT_GT(worst(step.written[1], std::vector<float>(step.written[1].size())), 0);
      }
      if (step.kernel != Kernel::kTopExperts) continue;
      for (float index : step.written[0])
        EXPECT_TRUE(index >= 0 && index < 64 && index == std::floor(index));
    }
  }
}

// The params of a folder, by way of a store of the test's.
TEST_F(EngineTest, TakesParamsFromElsewhere) {
  std::optional<GoldenLogits> golden = find_golden_logits("llama_tied_llama3rope");
  ASSERT_TRUE(golden);
  LoadedModel model = float32_model(*golden);
  std::unique_ptr<ParamStore> store = open_folder(model.folder);
  model.folder = "nowhere";
  std::unique_ptr<Device> device = open_cpu_device();
  SilentReporter reporter;
  std::unique_ptr<Engine> engine =
      Engine::open(*device, model, std::move(store), exact(), reporter);
  std::vector<RowInput> rows = rows_of(golden->prompts[1]);
  EXPECT_LE(worst(engine->forward(rows, all_of(rows.size())), golden->logits[1]),
            20 * golden->noise);
}

TEST_F(EngineTest, RefusesWrongCalls) {
  std::optional<GoldenLogits> golden = find_golden_logits("gpt2");
  ASSERT_TRUE(golden);
  LoadedModel model = float32_model(*golden);
  std::unique_ptr<Device> device = open_cpu_device();
  EngineOptions options = exact(20);
  options.slots = 2;
  std::unique_ptr<Engine> engine = open(*device, model, options);
  std::vector<RowInput> rows = rows_of(golden->prompts[2]);
  expect_in(error_of([&] { engine->forward(rows, {}); }, ExitCode::kUsage),
            "given 24 more; the context is 20 tokens");
  EXPECT_EQ(engine->position(0), 0U);
  auto refused = [&](std::vector<RowInput> given, std::vector<std::uint32_t> wanted) {
    return error_of([&] { engine->forward(given, wanted); }, ExitCode::kUsage);
  };
  expect_in(refused({{.slot = 2, .token = 0}}, {}), "there is no slot 2");
  expect_in(refused({{.slot = 0, .token = 320}}, {}), "outside the vocabulary of 320");
  expect_in(
      refused({{.slot = 0, .token = 0}, {.slot = 1, .token = 0}, {.slot = 0, .token = 0}}, {}),
      "don't stand together");
  expect_in(refused({{.slot = 0, .token = 0}}, {1}), "wanted row 1");
  expect_in(error_of([&] { engine->truncate(0, 3); }, ExitCode::kUsage), "holds 0 tokens");
  // Learned positions end somewhere.
  options.context = 4000;
  EXPECT_EQ(open(*device, model, options)->info().context, 512U);
}

TEST_F(EngineTest, SaysWhatIsWrongWithAFolder) {
  std::optional<GoldenLogits> golden = find_golden_logits("qwen3_tied");
  ASSERT_TRUE(golden);
  LoadedModel model = float32_model(*golden);
  std::unique_ptr<Device> device = open_cpu_device();
  auto refused = [&](ExitCode code) {
    return error_of([&] { open(*device, model, exact()); }, code);
  };
  std::string index = model.folder + "/tensor-cache.json";
  std::string shard = model.folder + "/params_shard_0.bin";
  std::string index_text = read_file(index, 1 << 24);
  std::string bytes = read_file(shard, 1 << 24);

  write_file_atomically(shard, bytes.substr(0, bytes.size() - 4));
  expect_in(refused(ExitCode::kBadInput), "params_shard_0.bin: the shard has");
  fs::remove(shard);
  expect_in(refused(ExitCode::kBadInput), "params_shard_0.bin: the shard is missing");
  write_file_atomically(shard, bytes);
  std::string renamed = index_text;
  std::size_t at = renamed.find("layers.1.self_attn.k_norm");
  renamed.replace(at, 8, "layers.7");
  write_file_atomically(index, renamed);
  expect_in(refused(ExitCode::kBadInput),
            "1 of the params of qwen3 is missing: model.layers.1.self_attn.k_norm.weight");
  fs::remove(index);
  expect_in(refused(ExitCode::kBadInput), "no tensor-cache.json");
  write_file_atomically(index, index_text);

  model.config.fields.set("intermediate_size", 128);
  expect_in(refused(ExitCode::kBadInput),
            "model.layers.0.mlp.gate_up_proj.weight has the shape [320, 64], expected [256, 64]");
  model.config = load_model_config(golden->folder, "auto");

  // A hostile number of layers ends in an error, not in memory.
  model.config.fields.set("num_hidden_layers", std::int64_t{1} << 30);
  expect_in(refused(ExitCode::kBadInput), "num_hidden_layers");
  model.config = load_model_config(golden->folder, "auto");

  // Before anything is uploaded.
  LimitedDevice small(open_cpu_device(), 1 << 30, 1 << 30, 400000);
  std::string message = error_of([&] { open(small, model, exact()); }, ExitCode::kUnsupported);
  expect_in(message, "the device has 400000");
  EXPECT_EQ(small.made, 0U);

  model.config.architecture = nullptr;
  for (const char* type : {"bert", "llava"}) {
    Json config = read_json_file(golden->folder + "/config.json");
    model.config = load_model_config(golden->folder, "auto");
    Architecture other = *model.config.architecture;
    other.model_type = type;
    other.forward = nullptr;
    model.config.architecture = &other;
    expect_in(refused(ExitCode::kUnsupported),
              std::string("the engine does not run ") + type + "; it runs");
  }
}

TEST_F(EngineTest, LoadsFoldersWithTheirConfig) {
  std::optional<GoldenLogits> golden = find_golden_logits("cohere");
  ASSERT_TRUE(golden);
  LoadedModel made = float32_model(*golden);
  // What gen_config writes has no logit_scale; the checkpoint's own config has.
  Json chat = Json::object();
  chat.set("model_type", "cohere").set("quantization", "q0f32");
  chat.set("model_config", made.config.fields).set("context_window_size", 48);
  std::string path = made.folder + "/mlc-chat-config.json";
  write_file_atomically(path, dump_json(chat));
  std::unique_ptr<Device> device = open_cpu_device();
  std::vector<RowInput> rows = rows_of(golden->prompts[2]);
  EngineOptions options = exact(0);
  std::unique_ptr<Engine> without = open(*device, load_model(made.folder), options);
  EXPECT_EQ(without->info().context, 48U);
  EXPECT_EQ(without->info().notes.size(), 1U);
  EXPECT_GT(worst(without->forward(rows, all_of(rows.size())), golden->logits[2]), 0.01);
  std::unique_ptr<Engine> with =
      open(*device, load_model(made.folder, golden->folder + "/config.json"), options);
  EXPECT_LE(worst(with->forward(rows, all_of(rows.size())), golden->logits[2]), 20 * golden->noise);
  fs::copy_file(golden->folder + "/config.json", made.folder + "/config.json");
  std::unique_ptr<Engine> beside = open(*device, load_model(made.folder), options);
  EXPECT_LE(worst(beside->forward(rows, all_of(rows.size())), golden->logits[2]),
            20 * golden->noise);

  for (const char* scheme : {"q4f16_ft", "q4f16_autoawq", "e4m3_e4m3_f16", "q9"}) {
    chat.set("quantization", scheme);
    write_file_atomically(path, dump_json(chat));
    expect_in(error_of([&] { load_model(made.folder); }, ExitCode::kUnsupported), scheme);
  }
  fs::remove(path);
  expect_in(error_of([&] { load_model(made.folder); }, ExitCode::kBadInput),
            "no mlc-chat-config.json");
}

TEST_F(EngineTest, MakesSyntheticModels) {
  std::unique_ptr<Device> device = open_cpu_device();
  const char* config =
      R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
          "num_hidden_layers": 2, "rms_norm_eps": 1e-5, "vocab_size": 100, "num_key_value_heads": 2,
          "max_position_embeddings": 128, "rope_theta": 10000})";
  for (const char* scheme : {"q4f16_1", "q4f16_0", "q3f16_1", "q3f16_0", "q4f16_2", "q4f32_1",
                             "q4bf16_0", "q0f16", "q0f32", "q0bf16"}) {
    LoadedModel model = synthetic_model(config, "tiny", scheme);
    std::unique_ptr<Engine> engine = open(*device, model);
    EXPECT_EQ(engine->info().context, 128U);
    std::vector<std::uint32_t> ids = {1, 2, 3};
    std::vector<float> logits = copy(engine->forward(rows_of(ids), all_of(3)));
    double square = 0;
    for (float value : logits)
      square += double{value} * value;
    EXPECT_TRUE(square > 1e-4 && square < 1e6) << scheme << " " << square;
    // The same for the same seed.
    std::unique_ptr<Engine> again = open(*device, model);
    EXPECT_EQ(copy(again->forward(rows_of(ids), all_of(3))), logits) << scheme;
  }
  // Every preset that the engine runs has traits that fit its config.
  std::size_t runnable = 0;
  for (const Preset& preset : presets()) {
    LoadedModel model;
    try {
      model = synthetic_model(preset.text, std::string(preset.name), "q4f16_1");
    } catch (const Error&) {
      continue;  // a config that MLC itself refuses is the business of other tests
    }
    if (model.config.architecture->forward == nullptr) continue;
    // Nothing has that little room, so that planning is all that happens.
    LimitedDevice none(open_cpu_device(), std::uint64_t{1} << 40, std::uint64_t{1} << 40, 1);
    std::string message = error_of([&] { open(none, model); }, ExitCode::kUnsupported);
    if (preset.name == "baichuan") {
      expect_in(message, "vocab_size != 125696");  // version 2, whose head is normed
      continue;
    }
    expect_in(message, "the device has 1");
    runnable++;
  }
  EXPECT_GE(runnable, 30U);
}

}  // namespace
