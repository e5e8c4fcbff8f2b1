// The level *kernels*: devices that are right pass, and each way in which a kernel or a device can
// be wrong is found and named. Kernels are made wrong by editing their sources: OpenCL as text,
// GLSL compiled here, the CPU's by functions in their place.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime-min/cpu/cpu_device.h"
#include "runtime-min/cpu/weights.h"
#include "runtime-min/kernels/kernel_modules.h"
#include "verify/kernel_cases/wrong_pattern.h"
#include "verify/kernels.h"

namespace mlc {
namespace {

const LoadedModel& kjv() {
  static const LoadedModel kModel = [] {
    const std::string path = MLC_TEST_DATA "/data/kjv-llama/config.json";
    return synthetic_model(read_file(path, 1 << 20), path, "q4f16_1");
  }();
  return kModel;
}

struct Outcome {
  KernelsResult result;
  Findings findings;

  // "K01 where: found", one a line.
  std::string text() const {
    std::string lines;
    for (const Finding& finding : findings.all())
      lines += fmt::format("{} {}: {}\n", finding.rule->id, finding.where, finding.found);
    return lines;
  }
  // The finding of this id; empty, and a failure, without one.
  std::string of(std::string_view id) const {
    for (const Finding& finding : findings.all())
      if (finding.rule->id == id) return finding.where + ": " + finding.found;
    ADD_FAILURE() << id << " was not found, but:\n" << text();
    return {};
  }
};

void check(const KernelCheck& options, Outcome& outcome) {
  SilentReporter silent;
  check_kernels(options, outcome.result, outcome.findings, silent);
}

// Matrices with the numbers that break kernels.
bool is_matrix_data(const KernelCase& c) {
  return c.kernel == Kernel::kMatmul && c.format == "q4f16" && !c.data.empty();
}

KernelCheck matrices_on(std::function<std::unique_ptr<Device>()> open) {
  KernelCheck options;
  options.open = std::move(open);
  options.model = &kjv();
  options.takes = is_matrix_data;
  options.device_too = false;
  return options;
}

std::unique_ptr<Device> open_named(const std::string& name,
                                   std::shared_ptr<const KernelModules> kernels = {}) {
  DeviceOptions options;
  options.device = name;
  options.threads = 2;
  options.kernels = std::move(kernels);
  return open_device(options);
}

// Says why not.
bool available(const std::string& name) {
  try {
    open_named(name);
    return true;
  } catch (const Error& error) {
    std::printf("skipped: %s\n", error.what());
    return false;
  }
}

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
}

class RightDevices : public testing::TestWithParam<const char*> {};

TEST_P(RightDevices, Pass) {
  const std::string name = GetParam();
  if (!available(name)) return;
  KernelCheck options;
  options.open = [&] { return open_named(name); };
  options.model = &kjv();
  Outcome outcome;
  check(options, outcome);
  EXPECT_EQ(outcome.text(), "");
  std::set<std::string> kernels, timed;
  for (const KernelNumbers& kernel : outcome.result.kernels) {
    kernels.insert(kernel.kernel);
    EXPECT_GT(kernel.cases, 0u);
    EXPECT_EQ(kernel.wrong_cases, 0u);
    EXPECT_LE(kernel.worst, 1) << kernel.worst_case;
    if (kernel.nanoseconds > 0 && kernel.bytes > 0) timed.insert(kernel.kernel);
  }
  EXPECT_EQ(timed, kernels);
  EXPECT_EQ(kernels.size(), kKernels.size());
  EXPECT_GT(outcome.result.copy_bytes_per_second, 1e6);
  EXPECT_NE(outcome.result.device_name, "");
}

INSTANTIATE_TEST_SUITE_P(Devices, RightDevices, testing::Values("cpu", "opencl", "vulkan"));

// Edits of a source, each of which has to fit once.
struct Edit {
  std::string file, from, to;
};

std::string edited(std::string text, const Edit& edit) {
  const std::size_t at = text.find(edit.from);
  EXPECT_NE(at, std::string::npos) << edit.file << " has no " << edit.from;
  if (at == std::string::npos) return text;
  EXPECT_EQ(text.find(edit.from, at + 1), std::string::npos) << edit.from << " is there twice";
  return text.replace(at, edit.from.size(), edit.to);
}

void check_opencl_with(const Edit& edit, Outcome& outcome) {
  auto modules = std::make_shared<KernelModules>(own_kernel_modules());
  modules->name = "a test";
  std::string& text = modules->opencl.at(edit.file);
  text = edited(text, edit);
  KernelCheck options = matrices_on([=] { return open_named("opencl", modules); });
  options.takes = [](const KernelCase& c) {
    return is_matrix_data(c) && c.name.find("1 row,") != std::string::npos;
  };
  check(options, outcome);
}

TEST(OpenClSabotage, OneLaneIsFound) {
  if (!available("opencl")) return;
  Outcome outcome;
  check_opencl_with({"matmul_wide.cl", "first + r, sum16(sums[r][c])",
                     "first + r, sum16(sums[r][c]) * (r == 1 ? 1.25f : 1.0f)"},
                    outcome);
  expect_has(outcome.of("K01"),
             {"kernel matmul, version matmul_wide4x1", "opencl", "matmul/q4f16 1 row,", "expected",
              "every 4th element of a row, from 1"});
}

TEST(OpenClSabotage, TheLostSignOfScalesIsFound) {
  if (!available("opencl")) return;
  Outcome outcome;
  check_opencl_with(
      {"matmul_wide.cl", "scale = (float16)(s[r].xxxx, s[r].yyyy, s[r].zzzz, s[r].wwww)",
       "scale = fabs((float16)(s[r].xxxx, s[r].yyyy, s[r].zzzz, s[r].wwww))"},
      outcome);
  expect_has(outcome.of("K01"), {"version matmul_wide4x1", "always wrong with", "negative scales",
                                 "always right with", "positive scales"});
}

TEST(OpenClSabotage, TheSkippedTailIsFound) {
  if (!available("opencl")) return;
  Outcome of_k, of_n;
  check_opencl_with(
      {"matmul_wide.cl", "#define BLOCKS ((GROUPS + 3) / 4)", "#define BLOCKS (GROUPS / 4)"}, of_k);
  expect_has(of_k.of("K01"), {"version matmul_wide4x1"});
  check_opencl_with({"matmul_wide.cl", "if (first_column + c < COLUMNS && first + r < n)",
                     "if (first_column + c < COLUMNS && first + ROWS <= n)"},
                    of_n);
  expect_has(of_n.of("K01"), {"version matmul_wide4x1", "the last 2 of 38 elements of a row"});
}

TEST(OpenClSabotage, WritingBehindTheRowIsFound) {
  if (!available("opencl")) return;
  Outcome outcome;
  check_opencl_with({"matmul_wide.cl", "if (first_column + c < COLUMNS && first + r < n)",
                     "if (first_column + c < COLUMNS)"},
                    outcome);
  expect_has(outcome.of("K02"), {"version matmul_wide4x1", "opencl"});
  EXPECT_FALSE(outcome.findings.has("K01")) << outcome.text();
}

TEST(OpenClSabotage, WhatDoesNotCompileIsFound) {
  if (!available("opencl")) return;
  Outcome outcome;
  check_opencl_with({"matmul_wide.cl", "#include \"matmul.clh\"", "#error edited"}, outcome);
  expect_has(outcome.of("K03"), {"version matmul_wide4x1", "opencl"});
  EXPECT_FALSE(outcome.findings.has("K01")) << outcome.text();
  Outcome endless;
  check_opencl_with({"matmul.clh", "#include \"weights.clh\"", "#include \"matmul.clh\""}, endless);
  expect_has(endless.of("K03"), {"matmul.clh is included from within itself"});
}

// Compiles an edited copy of a shader; the others are the program's own.
std::shared_ptr<const KernelModules> with_shader(const std::string& shader,
                                                 const std::string& source,
                                                 const std::string& options, const Edit& edit) {
  namespace fs = std::filesystem;
  const fs::path folder =
      testing::TempDir() + "verify_kernels_" + shader + std::to_string(::getpid());
  fs::remove_all(folder);
  fs::create_directory(folder);
  for (const auto& entry : fs::directory_iterator(MLC_KERNEL_SOURCES))
    if (entry.path().extension() == ".glsl" || entry.path().filename() == source)
      fs::copy(entry.path(), folder);
  const std::string changed = edited(read_file((folder / edit.file).string(), 1 << 20), edit);
  std::ofstream((folder / edit.file).string(), std::ios::trunc) << changed;
  const std::string out = (folder / "out.spv").string();
  const std::string command =
      fmt::format("{} --quiet -V --target-env vulkan1.1 {} -I{} {} -o {}", MLC_GLSLANG, options,
                  folder.string(), (folder / source).string(), out);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  const std::string bytes = read_file(out, 1 << 20);
  std::vector<std::uint32_t> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), words.size() * 4);
  auto modules = std::make_shared<KernelModules>(own_kernel_modules());
  modules->spirv.at(shader) = std::move(words);
  return modules;
}

void check_vulkan_with(const Edit& edit, Outcome& outcome) {
  const auto modules = with_shader("matmul_lanes", "matmul_lanes.comp", "", edit);
  KernelCheck options = matrices_on([=] { return open_named("vulkan", modules); });
  options.takes = [](const KernelCase& c) {
    return is_matrix_data(c) && c.name.find("5 rows") != std::string::npos;
  };
  check(options, outcome);
}

// On a device that is a CPU: GPUs take other versions for these shapes.
bool lanes_are_taken() {
  if (!available("vulkan")) return false;
  if (open_named("vulkan")->info().is_cpu) return true;
  std::printf("skipped: no Vulkan device that is a CPU\n");
  return false;
}

TEST(VulkanSabotage, OneLaneIsFound) {
  if (!lanes_are_taken()) return;
  Outcome outcome;
  check_vulkan_with({"matmul_lanes.comp", "first_row + r, sums[r * COLUMNS + c]);",
                     "first_row + r, sums[r * COLUMNS + c] * (r == 3u ? 1.25 : 1.0));"},
                    outcome);
  expect_has(outcome.of("K01"), {"kernel matmul, version matmul_lanes4", "vulkan",
                                 "matmul/q4f16 5 rows", "every 8th element of a row, from 3"});
}

TEST(VulkanSabotage, TheLostSignOfScalesIsFound) {
  if (!lanes_are_taken()) return;
  Outcome outcome;
  check_vulkan_with(
      {"weights.glsl", "return SCALE_FORMAT == 1u ? half_of(word, i) : bf16_of(word, i);",
       "return abs(SCALE_FORMAT == 1u ? half_of(word, i) : bf16_of(word, i));"},
      outcome);
  expect_has(outcome.of("K01"),
             {"version matmul_lanes4", "negative scales", "always right with", "positive scales"});
}

TEST(VulkanSabotage, TheSkippedTailIsFound) {
  if (!lanes_are_taken()) return;
  Outcome of_k, of_n;
  check_vulkan_with(
      {"matmul_lanes.comp", "BLOCKS = (K + BLOCK - 1u) / BLOCK", "BLOCKS = K / BLOCK"}, of_k);
  expect_has(of_k.of("K01"), {"version matmul_lanes4"});
  check_vulkan_with(
      {"matmul_lanes.comp", "r < ROWS && first_row + r < N", "r < ROWS && first_row + ROWS <= N"},
      of_n);
  expect_has(of_n.of("K01"), {"version matmul_lanes4", "the last 6 of 38 elements of a row"});
}

TEST(VulkanSabotage, WhatIsNoModuleIsFound) {
  if (!lanes_are_taken()) return;
  auto modules = std::make_shared<KernelModules>(own_kernel_modules());
  modules->name = "bundle.bin";
  modules->spirv.at("matmul_lanes") = {1, 2, 3};
  Outcome outcome;
  check(matrices_on([=] { return open_named("vulkan", modules); }), outcome);
  expect_has(outcome.of("K03"), {"version matmul_lanes4", "kernels of bundle.bin", "matmul_lanes"});
  EXPECT_EQ(outcome.findings.all().size(), 1u) << outcome.text();
}

// What a set lacks is not asked for: other versions take its place, while there are any.
TEST(VulkanSabotage, OtherVersionsTakeThePlaceOfWhatIsNotThere) {
  if (!lanes_are_taken()) return;
  auto modules = std::make_shared<KernelModules>(own_kernel_modules());
  modules->name = "bundle.bin";
  modules->spirv.erase("matmul_lanes");
  Outcome outcome;
  check(matrices_on([=] { return open_named("vulkan", modules); }), outcome);
  EXPECT_EQ(outcome.findings.all().size(), 0u) << outcome.text();
  for (const char* shader :
       {"matmul_rows", "matmul_rows_subgroup", "matmul_tiled", "matmul_uniform"})
    modules->spirv.erase(shader);
  Outcome none;
  check(matrices_on([=] { return open_named("vulkan", modules); }), none);
  expect_has(none.of("K03"), {"kernels of bundle.bin: no module is kernel matmul"});
}

// A plain matmul, wrong as `Sabotage` says.
enum class Sabotage : std::uint8_t { kNone, kLane, kSign, kTail };

template <Sabotage kSabotage>
void run_wrong(const Arguments& a, std::size_t begin, std::size_t end) {
  const WeightMatrix w{a.data[1], a.data[2], WeightFormat{a.words[0]}, ScaleFormat{a.words[1]},
                       a.size(2)};
  const std::size_t k = kSabotage == Sabotage::kTail ? a.size(2) / 32 * 32 : a.size(2);
  for (std::size_t i = begin; i < end; i++)
    for (std::size_t r = 0; r < a.size(6); r++) {
      float sum = 0;
      for (std::size_t c = 0; c < k; c++) {
        float value = weight_value(w, i, c);
        const float scale =
            scale_value(w.scale, w.scale_format, i * ((a.size(2) + 31) / 32) + c / 32);
        if (kSabotage == Sabotage::kSign && scale < 0) value = -value;
        sum += a.f32(0)[r * a.size(7) + a.size(8) + c] * value;
      }
      if (kSabotage == Sabotage::kLane && i % 16 == 5) sum *= 1.25f;
      a.f32(5)[r * a.size(9) + a.size(10) + i] = sum;
    }
}

template <Sabotage kSabotage>
CpuChoice choose_wrong(const Dispatch& dispatch) {
  static const CpuKernel kKernel = {[](const Arguments& a) { return a.size(3); },
                                    run_wrong<kSabotage>,
                                    [](const Arguments& a) { return a.size(2); }};
  if (dispatch.kernel == Kernel::kMatmul) return {&kKernel, "edited"};
  return choose_fast_kernel(dispatch);
}

template <Sabotage kSabotage>
std::unique_ptr<Device> open_wrong() {
  DeviceOptions options;
  options.threads = 2;
  return open_cpu_as(choose_wrong<kSabotage>, options);
}

TEST(CpuSabotage, IsFound) {
  Outcome none, lane, sign, tail;
  check(matrices_on(open_wrong<Sabotage::kNone>), none);
  EXPECT_EQ(none.text(), "");
  check(matrices_on(open_wrong<Sabotage::kLane>), lane);
  expect_has(lane.of("K01"), {"kernel matmul, version matmul_edited", "cpu",
                              "every 16th element of a row, from 5"});
  check(matrices_on(open_wrong<Sabotage::kSign>), sign);
  expect_has(sign.of("K01"), {"version matmul_edited", "always right with", "positive scales"});
  check(matrices_on(open_wrong<Sabotage::kTail>), tail);
  expect_has(tail.of("K01"), {"version matmul_edited", "of 38 elements"});
  ASSERT_EQ(lane.result.kernels.size(), 1u);
  const KernelNumbers& numbers = lane.result.kernels[0];
  EXPECT_GT(numbers.worst, 1);
  EXPECT_GT(numbers.wrong_cases, 10u);
  EXPECT_NE(numbers.first_wrong, "");
}

// The CPU, but for what a test makes of it.
class ChangedDevice : public Device {
 public:
  ChangedDevice() : below_(open_named("cpu")) {}

  const DeviceInfo& info() const override { return below_->info(); }
  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    if (bytes > most_bytes) fail(ExitCode::kUnsupported, "cpu: out of device memory");
    return below_->make_buffer(bytes, use);
  }
  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    below_->write(buffer, offset, bytes);
  }
  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    below_->read(buffer, offset, bytes);
  }
  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    if (backwards) std::reverse(dispatches.begin(), dispatches.end());
    return below_->record(std::move(dispatches));
  }
  void run(Program& program, std::vector<std::uint64_t>* nanoseconds) override {
    if (runs-- == 0) fail(ExitCode::kUnsupported, "cpu: device lost");
    below_->run(program, nanoseconds);
  }
  std::string variant_of(const Dispatch& dispatch) override { return below_->variant_of(dispatch); }

  std::uint64_t most_bytes = UINT64_MAX;
  bool backwards = false;
  std::size_t runs = SIZE_MAX;

 private:
  std::unique_ptr<Device> below_;
};

TEST(Kernels, OneThatHangsIsFoundAndTheOthersRun) {
  int opened = 0;
  KernelCheck options = matrices_on([&] {
    auto device = open_named("cpu");
    // The first device does not wait.
    if (opened++ == 0) device->set_timeout(std::chrono::seconds(0));
    return device;
  });
  options.takes = {};
  Outcome outcome;
  check(options, outcome);
  expect_has(outcome.of("K04"),
             {"kernel embed, version embed_reference", "cpu", "no result after 0 s"});
  EXPECT_EQ(outcome.findings.count("K04"), 1u) << outcome.text();
  EXPECT_EQ(opened, 2);
  EXPECT_GT(outcome.result.kernels.size(), 15u);
}

TEST(Kernels, ADeviceThatIsLostIsFound) {
  int opened = 0;
  KernelCheck options = matrices_on([&]() -> std::unique_ptr<Device> {
    if (opened++ > 0) fail(ExitCode::kUnsupported, "cpu: gone");
    auto device = std::make_unique<ChangedDevice>();
    device->runs = 3;
    return device;
  });
  Outcome outcome;
  check(options, outcome);
  EXPECT_EQ(outcome.findings.count("K05"), 2u) << outcome.text();
  expect_has(outcome.text(),
             {"kernel matmul", "cpu: device lost", "cpu: gone", "cases were not run"});
}

TEST(Kernels, ADeviceThatCannotBeOpenedIsFound) {
  Outcome outcome;
  outcome.result.device = "vulkan:99";
  check(matrices_on([] { return open_named("vulkan:99"); }), outcome);
  expect_has(outcome.of("K06"), {"vulkan:99", "available: "});
  // A name that is none is a mistake on the command line.
  EXPECT_THROW(check(matrices_on([] { return open_named("gpu"); }), outcome), Error);
}

TEST(Kernels, ADeviceThatBreaksTheOrderIsFound) {
  KernelCheck options = matrices_on([] {
    auto device = std::make_unique<ChangedDevice>();
    device->backwards = true;
    return device;
  });
  options.device_too = true;
  Outcome outcome;
  check(options, outcome);
  expect_has(outcome.of("K07"), {"cpu", "check \"chain\"", "wrong after dispatch"});
  EXPECT_FALSE(outcome.findings.has("K01")) << outcome.text();
}

TEST(Kernels, CasesThatDoNotFitAreNamed) {
  Outcome outcome;
  check(matrices_on([] {
          auto device = std::make_unique<ChangedDevice>();
          device->most_bytes = 8000;
          return device;
        }),
        outcome);
  expect_has(outcome.of("K08"), {"cases; the first is matmul/q4f16", "out of device memory"});
  EXPECT_EQ(outcome.findings.count(Severity::kError), 0u) << outcome.text();
}

TEST(Kernels, AModelThatIsNotKnownLeavesTheGeneralCases) {
  const std::string folder =
      testing::TempDir() + "verify_kernels_no_model" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  VerifyOptions options;
  options.model = folder;
  options.device.device.device = "cpu";
  VerifyReport report;
  SilentReporter silent;
  EXPECT_EQ(verify_kernels(options, report, silent), "");
  ASSERT_TRUE(report.kernels.has_value());
  EXPECT_EQ(report.findings.count("K09"), 1u);
  EXPECT_EQ(report.findings.count(Severity::kError), 0u);
  std::uint64_t general = 0, all = 0;
  for (const KernelNumbers& kernel : report.kernels->kernels)
    general += kernel.cases;
  EXPECT_GT(general, 300u);
  KernelCheck every;
  every.open = [] { return open_named("cpu"); };
  every.all_cases = true;
  every.device_too = false;
  Outcome outcome;
  check(every, outcome);
  for (const KernelNumbers& kernel : outcome.result.kernels)
    all += kernel.cases;
  EXPECT_GT(all, 2 * general);
  EXPECT_EQ(outcome.text(), "");
}

TEST(WrongPattern, SaysLanesTailsAndRows) {
  const auto pattern = [](std::size_t rows, std::size_t width, auto is_wrong) {
    std::vector<bool> wrong(rows * width);
    for (std::size_t i = 0; i < wrong.size(); i++)
      wrong[i] = is_wrong(i / width, i % width);
    return wrong_pattern(wrong, width);
  };
  using N = std::size_t;
  EXPECT_EQ(pattern(3, 40, [](N, N) { return false; }), "");
  EXPECT_EQ(pattern(3, 40, [](N, N) { return true; }), "all 120 elements");
  EXPECT_EQ(pattern(3, 40, [](N, N i) { return i % 8 == 3; }),
            "every 8th element of a row, from 3 on");
  // One of them is right by chance.
  EXPECT_EQ(pattern(1, 64, [](N, N i) { return i % 8 == 3 && i != 11; }),
            "every 8th element of a row, from 3 on");
  EXPECT_EQ(pattern(2, 40, [](N, N i) { return i % 2 == 1; }),
            "every second element of a row, from 1 on");
  EXPECT_EQ(pattern(2, 37, [](N, N i) { return i >= 32; }), "the last 5 of 37 elements of a row");
  EXPECT_EQ(pattern(4, 10, [](N r, N i) { return r == 2 && i < 5; }),
            "5 of 10 elements of row 2 of 4");
  EXPECT_EQ(pattern(8, 10, [](N r, N i) { return r % 4 == 1 && i < 5; }),
            "every 4th row, from 1 on");
  EXPECT_EQ(
      pattern(3, 10, [](N r, N i) { return (r * 7 + i * 3) % 5 == 0; }).find("of 30 elements"), 2u);
}

TEST(KernelModules, AreTheProgramsOwn) {
  const KernelModules own = own_kernel_modules();
  EXPECT_TRUE(own.opencl.contains("weights.clh"));
  EXPECT_EQ(opencl_text(nullptr, "copy.cl"), opencl_text(&own, "copy.cl"));
  EXPECT_EQ(spirv_module(nullptr, "copy").size(), spirv_module(&own, "copy").size());
  EXPECT_THROW(spirv_module(nullptr, "nothing"), Error);
  EXPECT_THROW(opencl_text(&own, "nothing.cl"), Error);
}

TEST(KernelRules, HaveIdsInOrder) {
  std::size_t number = 0;
  for (const FindingRule& rule : kernel_rules())
    EXPECT_EQ(rule.id, fmt::format("K{:02}", ++number));
}

}  // namespace
}  // namespace mlc
