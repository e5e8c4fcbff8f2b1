// Reference vectors: what a model stores of itself, and which devices, files and configs it
// refuses.
#include "verify/reference.h"

#include <cmath>
#include <cstring>
#include <random>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/tensor_cache.h"
#include "runtime-min/engine/engine.h"
#include "runtime-min/engine/written.h"
#include "tests/unit/model_folder.h"

namespace mlc {
namespace {

using testing::HasSubstr;

Reference small_reference() {
  Reference r;
  r.version = "0.1.0";
  r.device = "cpu-reference";
  r.model_type = "llama";
  r.quantization = "q4f16_1";
  r.layers = 2;
  r.hidden = 8;
  r.vocab = 16;
  r.files = {{"mlc-chat-config.json", 12, std::string(64, 'a')},
             {"params_shard_0.bin", 34, std::string(64, '0')}};
  ReferencePosition position{.position = 1, .least = -1.5F, .greatest = 0.1F};
  position.top = {{3, 0.1F}, {1, 1.17549435e-38F}, {2, 1.17549435e-38F}};
  r.prompts = {{{1, 15, 0}, {position}}};
  r.parts = {{"layer 0", {16, 1.25, {-0.5, 3e-7, 16777216}}, 0.001}};
  return r;
}

std::string code_and_message(const std::string& text) {
  try {
    parse_reference(text, "REF");
  } catch (const Error& error) {
    return fmt::format("{} {}", static_cast<int>(error.code()), error.what());
  }
  return "taken";
}

TEST(ReferenceFile, KeepsEveryFloatExactly) {
  Reference r = small_reference();
  std::mt19937 random(3);
  ReferencePrompt& prompt = r.prompts.emplace_back();
  prompt.tokens.assign(200, 7);
  for (std::uint32_t i = 0; i < 200; i++) {
    float value;
    std::uint32_t bits = random() & 0x7F7FFFFF;  // finite, of any size
    if ((bits & 0x7F800000) == 0) bits |= 0x00800000;
    std::memcpy(&value, &bits, sizeof value);
    prompt.positions.push_back({i, -value, value, {{i % 16, value}}});
  }
  Reference read = parse_reference(write_reference(r), "REF");
  ASSERT_EQ(read.prompts[1].positions.size(), 200U);
  for (std::size_t i = 0; i < 200; i++) {
    EXPECT_EQ(read.prompts[1].positions[i].top[0].logit, prompt.positions[i].top[0].logit);
    EXPECT_EQ(read.prompts[1].positions[i].least, prompt.positions[i].least);
  }
  EXPECT_EQ(write_reference(read), write_reference(r));
  EXPECT_EQ(read.parts[0].sum.projections[2], 16777216);
  EXPECT_EQ(read.model_hash(), r.model_hash());
}

TEST(ReferenceFile, IsReadStrictly) {
  const std::string good = write_reference(small_reference());
  EXPECT_EQ(code_and_message(good), "taken");
  auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return code_and_message(text.replace(at, from.size(), to));
  };
  EXPECT_THAT(with("\"schema\": 1", "\"schema\": 2"), HasSubstr("7 REF: has schema 2"));
  const std::vector<std::array<const char*, 3>> cases = {
      {"\"device\": ", "\"devize\": ", "unknown member devize"},
      {"\"version\": \"0.1.0\", ", "", "version is missing"},
      {"\"layers\": 2", "\"layers\": 0", "expected 1 to"},
      {"\"vocab\": 16", "\"vocab\": 15", "expected 0 to 14, found 15"},
      {"aaaa", "aaAa", "lower-case hex"},
      {"aaaa", "bbbb", "model.sha256 is not that of its files"},
      {"params_shard_0.bin", "../params", "name ../params"},
      {"params_shard_0.bin", "mlc-chat-config.json", "is there twice"},
      {"\"position\": 1", "\"position\": 3", "expected 0 to 2"},
      {"\"greatest\": 0.1", "\"greatest\": 0.2", "do not fit"},
      {"\"least\": -1.5", "\"least\": 1.5", "do not fit"},
      {"[3, 1, 2]", "[3, 2, 1]", "must descend"},
      {"[3, 1, 2]", "[3, 1, 3]", "is there twice"},
      {"[3, 1, 2]", "[3, 1]", "expected 2 to 2 entries, found 3"},
      {"\"top_logits\": [0.1", "\"top_logits\": [1e39", "is no float32"},
      {"\"tolerance\": 0.001", "\"tolerance\": 0", "impossible"},
      {"\"rms\": 1.25", "\"rms\": -1.25", "impossible"},
      {"\"label\": \"layer 0\"", "\"label\": \"\"", "1 to 200 bytes"},
      {"\"prompts\": [{", "\"prompts\": [{}, {", "tokens is missing"},
  };
  for (const auto& [from, to, message] : cases) {
    std::string found = with(from, to);
    EXPECT_THAT(found, HasSubstr(message)) << from;
    EXPECT_EQ(found.substr(0, 2), "3 ");
  }
  for (std::size_t size = 0; size < good.size() - 1; size += 7)
    EXPECT_EQ(code_and_message(good.substr(0, size)).substr(0, 2), "3 ");
}

TEST(Checksums, ChangeWithEachValueAndEachPlaceButNotWithRounding) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(1000);
  for (float& value : values)
    value = normal(random);
  Checksum sum = checksum_of(values.data(), values.size());
  double squares = 0;
  for (float value : values)
    squares += double{value} * double{value};
  EXPECT_DOUBLE_EQ(sum.rms, std::sqrt(squares / 1000));
  EXPECT_EQ(checksum_error(sum, sum), 0);
  auto error_with = [&](auto change) {
    std::vector<float> changed = values;
    change(changed);
    return checksum_error(sum, checksum_of(changed.data(), changed.size()));
  };
  EXPECT_LT(error_with([](auto& v) {
              for (float& value : v)
                value *= 1 + 1e-6F;
            }),
            1e-5);
  EXPECT_GT(error_with([](auto& v) { std::swap(v[4], v[5]); }), 1e-3);
  EXPECT_GT(error_with([](auto& v) { v[999] = -v[999]; }), 1e-3);
  EXPECT_GT(error_with([](auto& v) { std::rotate(v.begin(), v.begin() + 1, v.end()); }), 1e-1);
  EXPECT_TRUE(std::isinf(error_with([](auto& v) { v[7] = NAN; })));
  EXPECT_TRUE(std::isinf(error_with([](auto& v) { v.pop_back(); })));
  // No two projections have the same signs.
  EXPECT_NE(sum.projections[0], sum.projections[1]);
  EXPECT_NE(sum.projections[1], sum.projections[2]);
  std::vector<float> nothing(10);
  Checksum zero = checksum_of(nothing.data(), nothing.size());
  EXPECT_EQ(checksum_error(zero, zero), 0);
  EXPECT_TRUE(std::isinf(checksum_error(zero, checksum_of(values.data(), 10))));
}

// A device one kernel of which is wrong, in dispatches whose label contains `where`.
class WrongDevice : public Device {
 public:
  using Change = void (*)(std::vector<float>& values);
  WrongDevice(std::unique_ptr<Device> inner, Kernel kernel, std::string where, Change change)
      : inner_(std::move(inner)), kernel_(kernel), where_(std::move(where)), change_(change) {}

  const DeviceInfo& info() const override { return inner_->info(); }
  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    return inner_->make_buffer(bytes, use);
  }
  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    inner_->write(buffer, offset, bytes);
  }
  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    inner_->read(buffer, offset, bytes);
  }
  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    auto steps = std::make_unique<Steps>();
    for (const Dispatch& dispatch : dispatches)
      steps->all.emplace_back(inner_->record({dispatch}), dispatch);
    return steps;
  }
  void run(Program& program, std::vector<std::uint64_t>*) override {
    for (auto& [step, dispatch] : dynamic_cast<Steps&>(program).all) {
      inner_->run(*step);
      if (dispatch.kernel != kernel_ || dispatch.label.find(where_) == std::string::npos) continue;
      for (const WrittenSlice& written : written_by(dispatch)) {
        std::vector<float> values = read_written(*inner_, written);
        change_(values);
        write_written(*inner_, written, values);
      }
    }
  }
  std::string variant_of(const Dispatch& dispatch) override { return inner_->variant_of(dispatch); }

 private:
  struct Steps : Program {
    std::vector<std::pair<std::unique_ptr<Program>, Dispatch>> all;
  };
  std::unique_ptr<Device> inner_;
  Kernel kernel_;
  std::string where_;
  Change change_;
};

class ReferenceTest : public ModelFolderTest {
 protected:
  static std::unique_ptr<Device> device_of(const std::string& name) {
    DeviceOptions options;
    options.device = name;
    options.threads = 2;
    return open_device(options);
  }

  std::string small_model(unsigned seed = 1) {
    make_checkpoint(small_llama(), *find_quantization("q4f16_1"), DType::kF32, seed);
    return make_model("q4f16_1");
  }

  // The trained model, converted; faster for the vector kernels than for the plain ones.
  std::string kjv_model(const std::string& quantization) {
    ConvertOptions options =
        options_for(quantization, std::string(MLC_TEST_DATA) + "/data/kjv-llama");
    options.output = root_ + "/kjv-" + quantization;
    return make_model(options);
  }

  static VerifyOptions verify_options(const std::string& model) {
    VerifyOptions options;
    options.model = model;
    options.levels = {Level::kFile};
    options.device.device.device = "cpu-reference";
    return options;
  }

  static void write_reference_of(const std::string& model) {
    VerifyReport report;
    report.version = "1.2.3";
    SilentReporter reporter;
    write_model_reference(verify_options(model), report, reporter);
  }

  // The files, and the model on this device.
  struct Found {
    std::string ids;      // of all errors and warnings
    std::string first;    // where R06 is
    VerifyReport report;  // not copied: Findings has a mutex
  };
  static void check(const std::string& model, Device& device, Found& found) {
    SilentReporter reporter;
    VerifyOptions options = verify_options(model);
    run_verify(options, found.report, reporter);
    VerifyReport unused;
    if (std::optional<Reference> reference = read_model_reference(options, unused))
      check_reference(*reference, device, options, found.report, reporter);
    found.report.findings.order();
    for (const Finding& finding : found.report.findings.all()) {
      if (finding.rule->severity == Severity::kNote) continue;
      if (finding.rule->id == "R06") found.first = finding.where;
      if (found.ids.find(finding.rule->id) != std::string::npos) continue;
      found.ids += found.ids.empty() ? "" : " ";
      found.ids += finding.rule->id;
    }
  }
  static std::string ids_of(const std::string& model) {
    Found found;
    check(model, *device_of("cpu"), found);
    return found.ids;
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) { return read_file(path, 1 << 24); }

  static void replace_in(const std::string& path, const std::string& from, const std::string& to) {
    std::string text = read(path);
    std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write(path, text.replace(at, from.size(), to));
  }
  static std::string path_of(const std::string& model) {
    return model + "/" + std::string(kReferenceName);
  }
};

TEST_F(ReferenceTest, EveryDeviceFindsTheModelItIsOf) {
  std::vector<std::string> missing;
  for (const char* scheme : {"q4f16_1", "q3f16_1"}) {
    std::string model = kjv_model(scheme);
    write_reference_of(model);
    std::uint64_t size = std::filesystem::file_size(path_of(model));
    std::printf("%s: %llu bytes\n", scheme, static_cast<unsigned long long>(size));
    EXPECT_LT(size, 8192U);
    missing.clear();
    for (const FoundDevice& found_device : list_devices(&missing)) {
      Found found;
      check(model, *device_of(found_device.id), found);
      EXPECT_EQ(found.ids, "") << found_device.id;
      const std::optional<ReferenceResult>& result = found.report.reference;
      ASSERT_TRUE(result) << found_device.id;
      EXPECT_EQ(result->prompts, 4U);
      EXPECT_EQ(result->positions, 8U);
      EXPECT_EQ(result->layers, 9U);
      double worst = 0;
      for (const ReferencePartNumbers& part : result->parts)
        worst = std::max(worst, part.error / part.tolerance);
      std::printf("%s on %s: logits within %.1e of their range, parts at %.3f of their bounds\n",
                  scheme, found_device.id.c_str(), result->max_logit_share, worst);
      // Far from the bounds, so that no other device is refused by chance.
      EXPECT_LT(worst, 0.25);
      EXPECT_LT(result->max_logit_share, 1e-5);
    }
  }
  for (const std::string& reason : missing)
    std::printf("skipped: %s\n", reason.c_str());
}

TEST_F(ReferenceTest, TheReferenceDevicesAgreeOnWhatIsWritten) {
  std::string model = small_model();
  write_reference_of(model);
  std::string first = read(path_of(model));
  Reference reference = parse_reference(first, "REF");
  EXPECT_EQ(reference.device, "cpu-reference");
  EXPECT_EQ(reference.version, "1.2.3");
  EXPECT_EQ(reference.prompts.size(), 2U);  // without a tokenizer
  EXPECT_EQ(reference.prompts[0].tokens.size(), 8U);
  EXPECT_EQ(reference.prompts[0].tokens.back(), 263U);
  // embedding, 4 layers, norm, head
  EXPECT_EQ(reference.parts.size(), 7U);
  // Again, over the first one: nothing in it depends on the run.
  write_reference_of(model);
  EXPECT_EQ(read(path_of(model)), first);
  EXPECT_EQ(ids_of(model), "");
}

TEST_F(ReferenceTest, NoReferenceIsNoFinding) { EXPECT_EQ(ids_of(small_model()), ""); }

TEST_F(ReferenceTest, IsNotWrittenOfAModelThatIsWrong) {
  std::string model = small_model();
  VerifyReport report;
  report.findings.add(reference_rules()[0], "x");
  SilentReporter reporter;
  try {
    write_model_reference(verify_options(model), report, reporter);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kVerify);
  }
  EXPECT_FALSE(std::filesystem::exists(path_of(model)));
}

TEST_F(ReferenceTest, AConfigThatIsWrongWithoutAnySource) {
  std::string model = kjv_model("q4f16_1");
  write_reference_of(model);
  std::string config = model + "/mlc-chat-config.json";
  const std::string good = read(config);
  struct Case {
    const char* from;
    const char* to;
    const char* ids;
    const char* first;
  };
  const std::vector<Case> cases = {
      {"\"position_embedding_base\": 10000.0", "\"position_embedding_base\": 500000.0",
       "F10 R05 R06", "layer 0"},
      // Too little to be seen in the logits, but not in the first layer, whose input is small.
      {"\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e-06", "F10 R06", "layer 0"},
      // Half as many heads, twice as wide: all shapes fit.
      {"\"num_attention_heads\": 8", "\"num_attention_heads\": 4", "F10 R04", ""},
      {"\"num_hidden_layers\": 6", "\"num_hidden_layers\": 5", "F10 R03", ""},
      {"\"name\": \"LM\"", "\"name\": \"chatml\"", "F10", ""},
  };
  for (const Case& c : cases) {
    replace_in(config, c.from, c.to);
    Found found;
    check(model, *device_of("cpu"), found);
    EXPECT_EQ(found.ids, c.ids) << c.to;
    EXPECT_EQ(found.first, c.first) << c.to;
    write(config, good);
  }
  EXPECT_EQ(ids_of(model), "");
}

TEST_F(ReferenceTest, ADeviceWithOneWrongKernelNamesTheFirstWrongLayer) {
  std::string model = kjv_model("q4f16_1");
  write_reference_of(model);
  struct Case {
    Kernel kernel;
    const char* where;
    WrongDevice::Change change;
    const char* ids;
    const char* first;
  };
  const WrongDevice::Change lane = [](std::vector<float>& v) {
    for (std::size_t i = 3; i < v.size(); i += 32)
      v[i] = 0;
  };
  const WrongDevice::Change tail = [](std::vector<float>& v) { v.back() += 1; };
  const WrongDevice::Change nan = [](std::vector<float>& v) { v[0] = NAN; };
  const WrongDevice::Change none = [](std::vector<float>&) {};
  const std::vector<Case> cases = {
      {Kernel::kMatmul, "layer 2 ", lane, "R05 R06", "layer 2"},
      {Kernel::kMatmul, "layer ", lane, "R05 R06", "layer 0"},
      {Kernel::kNorm, "layer 3 ", tail, "R05 R06", "layer 3"},
      {Kernel::kActivate, "layer 1 ", lane, "R05 R06", "layer 1"},
      {Kernel::kAttention, "layer 3 ", tail, "R05 R06", "layer 3"},
      {Kernel::kEmbed, "", lane, "R05 R06", "embedding"},
      {Kernel::kMatmul, "lm_head", lane, "R05 R06", "lm_head"},
      {Kernel::kMatmul, "layer 1 ", nan, "R05 R06", "layer 1"},
      {Kernel::kMatmul, "layer 1 ", none, "", ""},
  };
  for (const Case& c : cases) {
    WrongDevice device(device_of("cpu"), c.kernel, c.where, c.change);
    Found found;
    check(model, device, found);
    EXPECT_EQ(found.ids, c.ids) << c.where;
    EXPECT_EQ(found.first, c.first) << c.where;
    ASSERT_TRUE(found.report.reference);
    EXPECT_EQ(found.report.reference->first_wrong, c.first);
  }
}

TEST_F(ReferenceTest, OfAnotherModelOrDamagedOrLater) {
  std::string model = small_model();
  write_reference_of(model);
  std::string good = read(path_of(model));
  std::filesystem::rename(model, root_ + "/first");
  // The same architecture, other weights.
  std::string other = small_model(2);
  write(path_of(other), good);
  EXPECT_EQ(ids_of(other), "F10 R05 R06");
  // Another scheme.
  std::string q3 = make_model(options_for("q3f16_1", checkpoint_path()));
  write(path_of(q3), good);
  EXPECT_EQ(ids_of(q3), "F10 R03");
  write(path_of(q3), good.substr(0, good.size() / 2));
  EXPECT_EQ(ids_of(q3), "F16 R01");
  std::string later = good;
  later.replace(later.find("\"schema\": 1"), 11, "\"schema\": 9");
  write(path_of(q3), later);
  EXPECT_EQ(ids_of(q3), "R02");
}

TEST_F(ReferenceTest, ADeviceThatCantRunTheModelIsAWarning) {
  // Enough memory for nothing.
  class Small : public WrongDevice {
   public:
    explicit Small(std::unique_ptr<Device> inner)
        : WrongDevice(std::move(inner), Kernel::kCopy, "", nullptr), info_(WrongDevice::info()) {
      info_.memory_bytes = 1000;
    }
    const DeviceInfo& info() const override { return info_; }

   private:
    DeviceInfo info_;
  };
  std::string model = small_model();
  write_reference_of(model);
  Small device(device_of("cpu"));
  Found found;
  check(model, device, found);
  EXPECT_EQ(found.ids, "R07");
  EXPECT_EQ(found.report.findings.count(Severity::kError), 0U);
}

// The pair of Wang and Yu (2004), 128 bytes of one md5: row TC-07 of what a check has to find.
TEST_F(ReferenceTest, TwoShardsOfOneMd5AreToldApartBySha256) {
  const std::string one =
      "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
      "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
      "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
      "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70";
  const std::string other =
      "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f89"
      "55ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5b"
      "d8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0"
      "e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70";
  auto bytes_of = [](const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
  };
  auto md5_of = [](const std::string& bytes) {
    Md5 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    return hex(hash.finish());
  };
  ASSERT_NE(one, other);
  ASSERT_EQ(md5_of(bytes_of(one)), md5_of(bytes_of(other)));

  std::string model = small_model();
  TensorCache cache = read_tensor_cache(model + "/tensor-cache.json");
  Record record{.name = "a.record.of.its.own",
                .shape = {32},
                .dtype = DType::kU32,
                .format = RecordFormat::kRaw,
                .nbytes = 128,
                .byte_offset = 0};
  cache.shards.push_back({"params_shard_1.bin", 128, {record}, md5_of(bytes_of(one))});
  cache.param_size++;
  write(model + "/params_shard_1.bin", bytes_of(one));
  for (const char* name : {"/tensor-cache.json", "/ndarray-cache.json"})
    write(model + name, write_tensor_cache(cache));
  write_reference_of(model);
  EXPECT_EQ(ids_of(model), "");
  write(model + "/params_shard_1.bin", bytes_of(other));
  EXPECT_EQ(ids_of(model), "F10");
}

}  // namespace
}  // namespace mlc
