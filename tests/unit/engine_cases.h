// What the tests of the engine share: golden checkpoints, rows, differences, and devices with less
// room than the one below them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "runtime-min/engine/engine.h"
#include "tests/unit/float32_folder.h"

namespace mlc {

// Logits that transformers computed for a small random checkpoint: tests/golden/logits/README.md.
struct GoldenLogits {
  std::string folder;
  std::vector<std::vector<std::uint32_t>> prompts = {};
  std::vector<std::vector<float>> logits = {};  // [tokens, vocab] of each prompt
  double noise = 0;                             // of float32, as transformers computes it
};

// A .npy file of float32 in C order; the header is text.
inline std::vector<float> read_npy(const std::string& path) {
  std::string bytes = read_file(path, 1 << 24);
  std::size_t header = 10 + static_cast<unsigned char>(bytes.at(8)) +
                       256 * std::size_t{static_cast<unsigned char>(bytes.at(9))};
  EXPECT_NE(bytes.substr(0, header).find("'<f4', 'fortran_order': False"), std::string::npos);
  std::vector<float> values((bytes.size() - header) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(float));
  return values;
}

// The case of this name, in the project or shared; none (and a line that says so) elsewhere.
inline std::optional<GoldenLogits> find_golden_logits(const std::string& name) {
  GoldenLogits found;
  for (std::string root : {MLC_TEST_SHARED "/golden/logits/", MLC_TEST_DATA "/golden/logits/"})
    if (std::filesystem::exists(root + name)) found.folder = root + name;
  if (found.folder.empty()) {
    std::printf("skipped: no shared data (%s)\n", name.c_str());
    return std::nullopt;
  }
  Json prompts = read_json_file(found.folder + "/ids.json");
  for (const Json& prompt : prompts.items("ids.json")) {
    std::vector<std::uint32_t> ids;
    for (const Json& id : prompt.items("ids.json"))
      ids.push_back(static_cast<std::uint32_t>(id.as_size("id")));
    found.logits.push_back(
        read_npy(found.folder + "/logits_len" + std::to_string(ids.size()) + ".npy"));
    found.prompts.push_back(std::move(ids));
  }
  Json meta = read_json_file(found.folder + "/meta.json");
  for (const auto& [rule, values] : meta.find("max_abs_f32_vs_f64")->members("meta.json"))
    for (const Json& value : values.items("meta.json"))
      found.noise = std::max(found.noise, value.as_double("meta.json"));
  return found;
}

inline std::vector<RowInput> rows_of(std::span<const std::uint32_t> ids, std::uint32_t slot = 0) {
  std::vector<RowInput> rows;
  for (std::uint32_t id : ids)
    rows.push_back({.slot = slot, .token = id});
  return rows;
}

inline std::vector<std::uint32_t> all_of(std::size_t count) {
  std::vector<std::uint32_t> wanted(count);
  for (std::size_t i = 0; i < count; i++)
    wanted[i] = static_cast<std::uint32_t>(i);
  return wanted;
}

inline std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// The largest difference; NaN if there is one.
inline double worst(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); i++) {
    double difference = std::abs(double{a[i]} - double{b[i]});
    if (!(difference <= most)) most = difference;
  }
  return most;
}

// A device with smaller limits: splits what would not have to be split, and checks that it is.
class LimitedDevice : public Device {
 public:
  LimitedDevice(std::unique_ptr<Device> inner, std::uint64_t binding, std::uint64_t buffer,
                std::uint64_t memory)
      : inner_(std::move(inner)), info_(inner_->info()) {
    info_.max_binding_bytes = binding;
    info_.max_buffer_bytes = buffer;
    info_.memory_bytes = memory;
  }
  const DeviceInfo& info() const override { return info_; }
  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    EXPECT_LE(bytes, info_.max_buffer_bytes);
    made += bytes;
    return inner_->make_buffer(bytes, use);
  }
  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    inner_->write(buffer, offset, bytes);
  }
  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    inner_->read(buffer, offset, bytes);
  }
  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    for (const Dispatch& dispatch : dispatches)
      for (const Slice& slice : dispatch.buffers) {
        EXPECT_LE(slice.bytes, info_.max_binding_bytes) << dispatch.label;
        EXPECT_EQ(slice.offset % info_.slice_alignment, 0U) << dispatch.label;
      }
    return inner_->record(std::move(dispatches));
  }
  void run(Program& program, std::vector<std::uint64_t>* nanoseconds) override {
    inner_->run(program, nanoseconds);
  }
  std::string variant_of(const Dispatch& dispatch) override { return inner_->variant_of(dispatch); }

  std::uint64_t made = 0;  // bytes

 private:
  std::unique_ptr<Device> inner_;
  DeviceInfo info_;
};

// A folder of its own for each test, gone afterwards.
class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("mlc-engine-" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static std::unique_ptr<Device> open_cpu_device(const std::string& name = "cpu-reference") {
    DeviceOptions options;
    options.device = name;
    return open_device(options);
  }

  // The case's params in float32, in a folder made for it.
  LoadedModel float32_model(const GoldenLogits& golden) {
    LoadedModel model;
    model.config = load_model_config(golden.folder, "auto");
    model.quantization = find_quantization("q0f32");
    model.folder = (root_ / std::filesystem::path(golden.folder).filename()).string();
    if (!std::filesystem::exists(model.folder)) write_float32_folder(golden.folder, model.folder);
    return model;
  }

  static std::unique_ptr<Engine> open(Device& device, const LoadedModel& model,
                                      EngineOptions options = {}) {
    SilentReporter reporter;
    return Engine::open(device, model, options, reporter);
  }

  // For comparisons of float32 with float32.
  static EngineOptions exact(std::uint32_t context = 64) {
    EngineOptions options;
    options.context = context;
    options.kv_format = KvFormat::kF32;
    return options;
  }

  std::filesystem::path root_;
};

}  // namespace mlc
