// Level *model*: a clean model passes on every device, what quantization costs is what it is known
// to cost, and what is wrong is found under its own id, a wrong kernel with its name.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/half.h"
#include "base/tensor_cache.h"
#include "tests/unit/engine_cases.h"
#include "tests/unit/faulty_device.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/verify_folder.h"
#include "verify/levels.h"
#include "verify/model.h"
#include "verify/source_params.h"

using namespace mlc;

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string kText = kKjv + "/reference/held_out.txt";

class VerifyModel : public VerifyTest {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    options_.device.device.device = "cpu";
    options_.against = "cpu";
  }

  // kjv-llama, converted once for all tests of a scheme.
  static std::string converted(const std::string& scheme, const std::string& method = "rtn") {
    static std::map<std::string, std::string> made;
    std::string& folder = made[scheme + "-" + method];
    if (folder.empty()) {
      folder = (shared_root() / (scheme + "-" + method)).string();
      write_model(kKjv, scheme, "LM", folder, method);
    }
    return folder;
  }
  static std::filesystem::path shared_root() {
    return std::filesystem::temp_directory_path() /
           ("mlc-verify-models-" + std::to_string(::getpid()));
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(shared_root()); }

  std::vector<std::string> check() { return verify({Level::kModel}); }
  const ModelResult& result() const { return report_->model_run.value(); }

  // The level on a device of the test's; the ids of what it found.
  std::vector<std::string> check_on(Device& device) {
    options_.model = model_;
    report_ = std::make_unique<VerifyReport>();
    SilentReporter reporter;
    verify_model_on(device, "faulty", options_, *report_, reporter);
    report_->findings.order();
    std::vector<std::string> ids;
    for (const Finding& found : report_->findings.all())
      if (ids.empty() || ids.back() != found.rule->id) ids.emplace_back(found.rule->id);
    return ids;
  }
  static std::unique_ptr<Device> cpu() {
    DeviceOptions options;
    options.device = "cpu";
    return open_device(options);
  }

  // Bytes of a record in the one shard.
  template <class Change>
  void change(const std::string& name, Change change) {
    std::string shard = text("params_shard_0.bin");
    TensorCache cache = read_tensor_cache(path("tensor-cache.json"));
    for (const Record& record : cache.shards.at(0).records)
      if (record.name == name) {
        std::string bytes = shard.substr(record.byte_offset, record.nbytes);
        change(bytes);
        shard.replace(record.byte_offset, record.nbytes, bytes);
      }
    write("params_shard_0.bin", shard);
  }
  std::string bytes_of(const std::string& name) {
    std::string found;
    change(name, [&](const std::string& bytes) { found = bytes; });
    return found;
  }
  void replace_in(const std::string& file, const std::string& from, const std::string& to) {
    std::string all = text(file);
    std::size_t at = all.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write(file, all.replace(at, from.size(), to));
  }
};

// Figures of an independent computation on the whole text are in docs/measurements.md; on a part of
// it the order is the same, and `search` is better than `rtn` in all of them.
TEST_F(VerifyModel, PassesOnEveryDeviceAndSaysWhatQuantizationCosts) {
  if (kSanitized) GTEST_SKIP() << "skipped: slow with sanitizers; the Release tests have it";
  options_.source = kKjv;
  options_.text = kText;
  options_.max_tokens = 510;
  std::vector<std::string> missing;
  std::vector<FoundDevice> devices = list_devices(&missing);
  for (const std::string& reason : missing)
    std::printf("skipped: %s\n", reason.c_str());
  struct Case {
    const char* scheme;
    const char* method;
    double most_kl, least_top1, most_ratio;
  };
  std::map<std::string, double> kl;
  for (const Case& c :
       {Case{"q4f16_1", "rtn", 0.017, 0.91, 1.02}, Case{"q4f16_1", "search", 0.012, 0.92, 1.015},
        Case{"q3f16_1", "rtn", 0.1, 0.79, 1.1}, Case{"q3f16_1", "search", 0.055, 0.85, 1.05}}) {
    model_ = converted(c.scheme, c.method);
    for (const FoundDevice& device : devices) {
      // lavapipe and the plain reference, which the CPU is held against, are slow; one method is
      // enough for what does not depend on it.
      bool rtn = std::string(c.method) == "rtn";
      if (device.info.backend == "vulkan" && !rtn) continue;
      options_.device.device.device = device.id;
      options_.against = rtn ? "auto" : "cpu";
      EXPECT_THAT(check(), IsEmpty()) << c.scheme << " " << device.id << report_text(*report_);
      const Divergence& d = result().device_error;
      std::printf("%s %s on %s: device KL %.1e, logits %.1e", c.scheme, c.method, device.id.c_str(),
                  d.kl_mean, d.max_logit_error / d.logit_range);
      EXPECT_LT(d.kl_mean, 1e-6);
      EXPECT_EQ(d.unexplained_top1, 0U);
      EXPECT_GT(d.positions, 50U);
      const Divergence& q = result().quantization_error.value();
      std::printf("; source KL %.4f, top-1 %.3f, ratio %.4f +- %.4f\n", q.kl_mean, q.top1,
                  q.perplexity_ratio, q.perplexity_ratio_error);
      EXPECT_EQ(q.positions, 510U);
      EXPECT_EQ(q.perplexity_positions, 510U);
      EXPECT_NEAR(q.perplexity_reference, 19.3770, 0.001);
      EXPECT_LT(q.kl_mean, c.most_kl);
      EXPECT_GT(q.top1, c.least_top1);
      EXPECT_LT(q.perplexity_ratio, c.most_ratio);
      EXPECT_NEAR(q.perplexity / q.perplexity_reference, q.perplexity_ratio, 1e-9);
      EXPECT_THAT(q.kl_curve, testing::SizeIs(256));
      kl[std::string(c.scheme) + c.method] = q.kl_mean;
    }
  }
  EXPECT_LT(kl["q4f16_1search"], 0.75 * kl["q4f16_1rtn"]);
  EXPECT_LT(kl["q3f16_1search"], 0.6 * kl["q3f16_1rtn"]);
}

TEST_F(VerifyModel, HalvesCostNothing) {
  if (kSanitized) GTEST_SKIP() << "skipped: slow with sanitizers; the Release tests have it";
  options_.source = kKjv;
  options_.text = kText;
  options_.max_tokens = 500;
  model_ = converted("q0f16");
  EXPECT_THAT(check(), IsEmpty());
  const Divergence& q = result().quantization_error.value();
  EXPECT_NEAR(q.perplexity_ratio, 1, 1e-3);
  EXPECT_LT(q.kl_mean, 1e-6);
  EXPECT_EQ(result().text, "8 prompts and 500 tokens of held_out.txt");
  // A second run gives the same numbers, whatever the threads.
  options_.threads = 1;
  Divergence before = q;
  check();
  EXPECT_EQ(result().quantization_error->kl_curve, before.kl_curve);
  EXPECT_EQ(result().quantization_error->perplexity, before.perplexity);
}

// Without text and source: prompts, of which texts are scored.
TEST_F(VerifyModel, PromptsAlone) {
  model_ = converted("q4f16_1");
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(result().text, "8 prompts");
  EXPECT_EQ(result().device_error.kl_max, 0);  // the CPU against itself
  EXPECT_GT(result().device_error.perplexity_positions, 300U);
  EXPECT_FALSE(result().quantization_error);
  EXPECT_THAT(result().layers, IsEmpty());
}

// What is wrong in the folder and yet runs.
TEST_F(VerifyModel, FindsAnotherModelThanTheSource) {
  options_.source = kKjv;
  auto diverges = [&](const char* what, const char* step) {
    std::vector<std::string> ids = check();
    std::printf("%s: KL %.3f, top-1 %.3f, ratio %.2f\n", what, result().quantization_error->kl_mean,
                result().quantization_error->top1, result().quantization_error->perplexity_ratio);
    EXPECT_THAT(ids, Contains("M24")) << what;
    // Another base moves few predictions of so short a text.
    EXPECT_TRUE(std::string(what) == "rope base" || report_->findings.has("M21")) << what;
    EXPECT_THAT(ids, Not(Contains(StartsWith("M1")))) << what;
    EXPECT_EQ(result().device_error.kl_max, 0);
    EXPECT_EQ(finding("M24").where, step);
    std::printf("%s\n", finding("M24").found.c_str());
  };
  model_ = (root_ / "model").string();
  copy_model(converted("q4f16_1"));
  EXPECT_THAT(check(), IsEmpty());

  replace_in("mlc-chat-config.json", "\"position_embedding_base\": 10000.0",
             "\"position_embedding_base\": 500000.0");
  diverges("rope base", "layer 0 rope");

  copy_model(converted("q4f16_1"));
  replace_in("mlc-chat-config.json", "\"num_attention_heads\": 8", "\"num_attention_heads\": 4");
  EXPECT_THAT(check(), ElementsAre("M02")) << "head count";

  copy_model(converted("q4f16_1"));
  replace_in("mlc-chat-config.json", "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 0.5");
  diverges("epsilon", "layer 0 attention_norm");

  // The layers of the first half in the place of the second.
  copy_model(converted("q4f16_1"));
  for (int layer : {0, 1, 2})
    for (const char* name :
         {"mlp.down_proj.q_weight", "mlp.down_proj.q_scale", "mlp.gate_up_proj.q_weight",
          "mlp.gate_up_proj.q_scale", "self_attn.qkv_proj.q_weight", "self_attn.qkv_proj.q_scale",
          "self_attn.o_proj.q_weight", "self_attn.o_proj.q_scale"}) {
      auto full = [&](int l) { return "model.layers." + std::to_string(l) + "." + name; };
      std::string other = bytes_of(full(layer));
      change(full(layer + 3), [&](std::string& bytes) { bytes = other; });
    }
  diverges("half of the layers", "layer 3 self_attn.qkv_proj");

  // 128 rows of q and of k.
  copy_model(converted("q4f16_1"));
  for (int layer = 0; layer < 6; layer++)
    for (const char* end : {"q_weight", "q_scale"})
      change("model.layers." + std::to_string(layer) + ".self_attn.qkv_proj." + end,
             [](std::string& bytes) {
               std::size_t part = bytes.size() / 4;  // of 512 rows
               std::swap_ranges(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part),
                                bytes.begin() + static_cast<std::ptrdiff_t>(2 * part));
             });
  diverges("q and k", "layer 0 self_attn.qkv_proj");
  EXPECT_THAT(finding("M21").found, StartsWith("mean KL divergence"));
  EXPECT_EQ(finding("M21").expected, "at most 0.25");
}

// Every kernel of the pass, each wrong in one place.
TEST_F(VerifyModel, NamesTheWrongKernel) {
  model_ = converted("q4f16_1");
  options_.against = "cpu";
  struct Case {
    const char* label;
    const char* kernel;
  };
  auto lane = [](std::vector<float>& values) {
    for (std::size_t i = 3; i < values.size(); i += 8)
      values[i] = -values[i];
  };
  for (const Case& c :
       {Case{"layer 3 mlp.down_proj", "matmul"}, Case{"layer 0 self_attn.qkv_proj", "matmul"},
        Case{"layer 1 attention", "attention"}, Case{"layer 2 rope", "rope"},
        Case{"layer 4 kv_store", "kv_store"}, Case{"layer 5 activation", "activate"},
        Case{"embedding", "embed"}, Case{"final_norm", "norm"}, Case{"lm_head", "matmul"}}) {
    if (kSanitized && c.kernel == std::string("matmul") && c.label != std::string("lm_head"))
      continue;
    FaultyDevice device(
        cpu(), [&](const Dispatch& d) { return d.label == c.label; }, lane);
    EXPECT_THAT(check_on(device), testing::IsSupersetOf({"M12", "M13", "M14"})) << c.label;
    EXPECT_EQ(finding("M13").where, std::string(c.label) + " on faulty");
    EXPECT_THAT(finding("M13").found, StartsWith(std::string(c.kernel) + " ("));
    ASSERT_FALSE(result().layers.empty());
    // Nothing before it, and everything after it has what it did wrong.
    bool after = false;
    for (const LayerNumbers& step : result().layers) {
      after = after || step.label == c.label;
      EXPECT_EQ(step.own_error > 1e-4, step.label == c.label) << step.label;
      EXPECT_EQ(step.relative_error > 1e-4, after) << step.label;
    }
  }
  FaultyDevice fine(
      cpu(), [](const Dispatch& d) { return d.kernel == Kernel::kMatmul; },
      [](std::vector<float>&) {});
  EXPECT_THAT(check_on(fine), IsEmpty());
}

// Decoding has kernels of its own.
TEST_F(VerifyModel, NamesAKernelThatIsWrongForOneRowOnly) {
  model_ = converted("q4f16_1");
  FaultyDevice device(
      cpu(),
      [](const Dispatch& d) {
        return d.kernel == Kernel::kMatmul && d.words[6] == 1 &&
               d.label == "layer 2 self_attn.o_proj";
      },
      [](std::vector<float>& values) { values.back() = 0; });
  EXPECT_THAT(check_on(device), Contains("M13"));
  EXPECT_THAT(finding("M13").where, StartsWith("layer 2 self_attn.o_proj"));
  EXPECT_THAT(finding("M13").found, HasSubstr("in prompt 2"));
}

TEST_F(VerifyModel, NamesTheKernelThatGivesNaN) {
  model_ = converted("q4f16_1");
  FaultyDevice device(
      cpu(), [](const Dispatch& d) { return d.label == "layer 4 mlp.gate_up_proj"; },
      [](std::vector<float>& values) { values[7] = std::numeric_limits<float>::quiet_NaN(); });
  EXPECT_THAT(check_on(device), ElementsAre("M11", "M13"));
  EXPECT_EQ(finding("M11").where, "layer 4 mlp.gate_up_proj on faulty");
  EXPECT_THAT(finding("M11").found, HasSubstr("the reference does not"));
}

TEST_F(VerifyModel, FindsNaNInAScale) {
  copy_model(converted("q4f16_1"));
  change("model.layers.2.mlp.down_proj.q_scale", [](std::string& bytes) {
    bytes[100] = '\x00';
    bytes[101] = '\x7e';
  });
  options_.source = kKjv;
  EXPECT_THAT(check(), ElementsAre("M11", "M21"));
  EXPECT_EQ(finding("M11").where, "layer 2 mlp.down_proj on cpu");
  EXPECT_THAT(finding("M11").found, HasSubstr("the reference does, too"));
  EXPECT_EQ(result().device_error.positions, 0U);
  EXPECT_GT(result().device_error.nonfinite_positions, 100U);
}

TEST_F(VerifyModel, SaysWhyAModelWasNotRun) {
  copy_model(converted("q4f16_1"));
  replace_in("mlc-chat-config.json", "\"quantization\": \"q4f16_1\"",
             "\"quantization\": \"q4f16_ft\"");
  EXPECT_THAT(check(), ElementsAre("M01"));
  EXPECT_EQ(finding("M01").rule->severity, Severity::kWarning);
  EXPECT_THAT(finding("M01").found, HasSubstr("does not run q4f16_ft"));
  EXPECT_FALSE(report_->model_run);

  copy_model(converted("q4f16_1"));
  replace_in("tensor-cache.json", "model.layers.1.self_attn.qkv_proj.q_weight",
             "model.layers.1.self_attn.abc_proj.q_weight");
  EXPECT_THAT(check(), ElementsAre("M02"));
  EXPECT_THAT(finding("M02").found, HasSubstr("self_attn.qkv_proj"));
}

TEST_F(VerifyModel, FindsALostDevice) {
  class Lost : public FaultyDevice {
   public:
    Lost() : FaultyDevice(cpu(), [](const Dispatch&) { return false; }, {}) {}
    void run(Program& program, std::vector<std::uint64_t>* times) override {
      if (++runs > 3) fail(ExitCode::kUnsupported, "device lost");
      FaultyDevice::run(program, times);
    }
    int runs = 0;
  };
  model_ = converted("q4f16_1");
  Lost device;
  EXPECT_THAT(check_on(device), ElementsAre("M03"));
  EXPECT_EQ(finding("M03").found, "device lost");
}

TEST_F(VerifyModel, WantsATokenizerThatFits) {
  copy_model(converted("q4f16_1"));
  options_.text = kText;
  std::string tokenizer = text("tokenizer.json");
  std::filesystem::remove(path("tokenizer.json"));
  EXPECT_THAT(check(), ElementsAre("M04"));
  EXPECT_EQ(result().text, "3 prompts");
  // " God", which every text of the test has.
  std::string with_large = tokenizer;
  std::size_t at = with_large.find("\"\xC4\xA0\":");
  ASSERT_NE(at, std::string::npos);
  std::size_t colon = with_large.find(':', at);
  std::size_t end = with_large.find(',', at);
  with_large.replace(colon + 1, end - colon - 1, "5000");
  write("tokenizer.json", with_large);
  EXPECT_THAT(check(), ElementsAre("M05"));
  EXPECT_THAT(finding("M05").found, HasSubstr("token 5000"));
  EXPECT_EQ(result().text, "3 prompts");
  // A text of nothing is the caller's mistake.
  write("tokenizer.json", tokenizer);
  write("empty.txt", "");
  options_.text = path("empty.txt");
  EXPECT_THROW(check(), Error);
}

TEST_F(VerifyModel, SaysWhyTheSourceWasNotRun) {
  model_ = converted("q4f16_1");
  std::string source = (root_ / "source").string();
  std::filesystem::copy(kKjv, source, std::filesystem::copy_options::recursive);
  std::string config = read_file(source + "/config.json", 1 << 20);
  std::size_t at = config.find("\"hidden_act\": \"silu\"");
  ASSERT_NE(at, std::string::npos);
  write_file_atomically(source + "/config.json",
                        config.substr(0, at) + "\"rope_scaling\": {\"rope_type\": \"unheard\"}, " +
                            config.substr(at));
  options_.source = source;
  EXPECT_THAT(check(), ElementsAre("M06"));
  EXPECT_THAT(finding("M06").found, HasSubstr("unheard"));
}

// Nobody expects a model of old English to go on with code: that three bits change its guesses
// there is no finding.
TEST_F(VerifyModel, JudgesByWhatTheSourceKnows) {
  if (kSanitized) GTEST_SKIP() << "skipped: slow with sanitizers; the Release tests have it";
  options_.source = kKjv;
  for (const char* method : {"rtn", "search"}) {
    model_ = converted("q3f16_1", method);
    EXPECT_THAT(check(), IsEmpty()) << report_text(*report_);
    EXPECT_GT(result().quantization_error->positions, 40U);
    EXPECT_LT(result().quantization_error->positions, 200U);
    EXPECT_LT(result().quantization_error->perplexity_reference, 45);
  }
}

// Thresholds of the user's.
TEST_F(VerifyModel, KeepsToThresholds) {
  if (kSanitized) GTEST_SKIP() << "skipped: slow with sanitizers; the Release tests have it";
  model_ = converted("q3f16_1");
  options_.source = kKjv;
  options_.text = kText;
  options_.max_tokens = 300;
  EXPECT_THAT(check(), IsEmpty());
  options_.thresholds.set("quantization-kl=0.01");
  options_.thresholds.set("quantization-top1=0.95");
  options_.thresholds.set("perplexity-ratio=1.001");
  EXPECT_THAT(check(), ElementsAre("M21", "M22", "M23"));
  EXPECT_EQ(finding("M22").expected, "at least 0.95");
}

// As transformers computes them, through every kind of transform that a conversion has.
TEST(SourceModels, GiveTheLogitsOfTheCheckpoint) {
  DeviceOptions plain;
  plain.device = "cpu-reference";
  std::unique_ptr<Device> device = open_device(plain);
  SilentReporter reporter;
  for (const char* name : {"llama_tied_llama3rope", "qwen2_moe", "gpt2", "gptj",
                           "phi3_longrope_short", "cohere", "olmo2"}) {
    std::optional<GoldenLogits> golden = find_golden_logits(name);
    if (!golden) continue;
    SourceModel source = open_source_model(golden->folder, "auto", "auto", reporter);
    EngineOptions options;
    options.context = 64;
    options.kv_format = KvFormat::kF32;
    std::unique_ptr<Engine> engine =
        Engine::open(*device, source.model, std::move(source.params), options, reporter);
    std::vector<RowInput> rows = rows_of(golden->prompts[2]);
    EXPECT_LE(worst(engine->forward(rows, all_of(rows.size())), golden->logits[2]),
              20 * golden->noise)
        << name;
  }
}

// Pieces of rows, as uploads read them; halves stay halves.
TEST(SourceModels, ReadAnyPartOfAParam) {
  SilentReporter reporter;
  SourceModel source = open_source_model(kKjv, "auto", "auto", reporter);
  const Record* record = source.params->find("model.layers.0.mlp.down_proj.weight");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->dtype, DType::kBF16);
  EXPECT_EQ(record->nbytes, 256U * 704 * 2);
  std::vector<std::byte> whole(record->nbytes);
  source.params->read(*record, 0, whole);
  std::vector<std::byte> part(3000);
  source.params->read(*record, 1406, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 1406));
  EXPECT_EQ(source.params->find("nothing"), nullptr);
  EXPECT_EQ(source.params->names().size(), 39U);
}

TEST(ModelTokens, AreTheSameForEveryone) {
  TokenOptions options;
  options.vocab = 1000;
  options.context = 20;
  std::vector<TokenSequence> sequences = token_sequences(options);
  ASSERT_EQ(sequences.size(), 3U);
  EXPECT_EQ(sequences[0].inputs.size(), 5U);
  EXPECT_EQ(sequences[1].rows, 1U);
  EXPECT_EQ(sequences[2].inputs.size(), 20U);  // the context
  for (const TokenSequence& sequence : sequences) {
    EXPECT_TRUE(sequence.is_language);
    EXPECT_EQ(sequence.follows.size(), sequence.inputs.size());
    for (std::uint32_t id : sequence.inputs)
      EXPECT_LT(id, 1000U);
  }
  EXPECT_EQ(token_sequences(options)[2].inputs, sequences[2].inputs);
  EXPECT_EQ(describe(sequences, ""), "3 prompts");
}

TEST(ModelTokens, TextsAreCutAsTheReferenceIs) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kKjv);
  TokenOptions options;
  options.vocab = 2048;
  options.context = 384;
  options.tokenizer = tokenizer.get();
  options.text_name = "held_out.txt";
  options.text = read_file(kText, 1 << 20);
  std::vector<TokenSequence> sequences = token_sequences(options);
  std::size_t windows = 0;
  std::size_t tokens = 0;
  for (const TokenSequence& sequence : sequences) {
    if (!sequence.is_language) continue;
    windows++;
    tokens += sequence.inputs.size();
    EXPECT_EQ(sequence.inputs[0], 0U);
    // Each token is what follows the one before.
    for (std::size_t i = 1; i < sequence.inputs.size(); i++)
      EXPECT_EQ(sequence.inputs[i], sequence.follows[i - 1]);
  }
  EXPECT_EQ(tokens, 16498U);
  EXPECT_EQ(windows, 65U);
  options.max_tokens = 256;
  EXPECT_EQ(token_sequences(options).size(), 3U + 5 + 2);
}

TEST(ModelReference, IsThePlainOneWhereThatIsAffordable) {
  TokenOptions options;
  options.vocab = 1000;
  options.context = 255;
  std::vector<TokenSequence> sequences = token_sequences(options);
  DeviceInfo gpu;
  gpu.backend = "vulkan";
  DeviceInfo cpu;
  cpu.backend = "cpu";
  EXPECT_EQ(choose_reference(gpu, 1'000'000, sequences).device, "cpu-reference");
  EXPECT_EQ(choose_reference(gpu, 8'000'000'000, sequences).device, "cpu");
  EXPECT_EQ(choose_reference(gpu, 8'000'000'000, sequences).sequences, 3U);
  // The CPU has only the plain one; the shortest sequence is never too much.
  ReferenceChoice own = choose_reference(cpu, 8'000'000'000, sequences);
  EXPECT_EQ(own.device, "cpu-reference");
  EXPECT_EQ(own.sequences, 1U);
  EXPECT_EQ(choose_reference(cpu, 25'000'000, sequences).sequences, 2U);
}

}  // namespace
