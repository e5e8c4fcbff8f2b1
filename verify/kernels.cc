#include "verify/kernels.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "runtime-min/bandwidth.h"
#include "verify/kernel_cases/dispatch_case.h"
#include "verify/kernel_choice.h"
#include "verify/kernel_tally.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, kKernelRules> kRules = {{
    {"K01", "kernel-wrong", Severity::kError,
     "a kernel gives other results on this device than it must",
     "use another device (--device), and update its driver; report it with this finding"},
    {"K02", "kernel-overwrites", Severity::kError,
     "a kernel writes where it has nothing to write on this device",
     "use another device (--device), and update its driver; report it with this finding"},
    {"K03", "kernel-not-built", Severity::kError, "the device's driver does not compile a kernel",
     "use another device (--device), or update its driver"},
    {"K04", "kernel-hangs", Severity::kError,
     "a kernel did not end within --timeout on this device",
     "use another device (--device); give a slow one more time (--timeout)"},
    {"K05", "device-lost", Severity::kError,
     "the device failed while a kernel ran, and what followed could not be checked",
     "see to the system's log, update the driver, or use another device (--device)"},
    {"K06", "device-unavailable", Severity::kError, "the device can't be opened",
     "see mlc devices for those that can"},
    {"K07", "device-misbehaves", Severity::kError,
     "the device breaks the order of kernels, or loses what is copied",
     "use another device (--device), and update its driver; report it with this finding"},
    {"K08", "cases-not-run", Severity::kWarning,
     "cases could not be run, so that nothing is known of their kernels",
     "free memory of the device, or use another one (--device)"},
    {"K09", "model-shapes-unknown", Severity::kNote,
     "what the model runs is not known, so that its own shapes were not checked",
     "give a folder that mlc run can run; the general cases were checked"},
}};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of a version that is not built; others of its shapes may be.
constexpr int kMostBuilds = 3;

class Checker {
 public:
  Checker(const KernelCheck& check, KernelsResult& result, Findings& findings, Reporter& reporter)
      : check_(check), result_(result), findings_(findings), reporter_(reporter) {}

  void run() {
    if (!open()) return;
    const DeviceInfo& info = device_->info();
    result_.device_name = info.name;
    result_.driver = info.driver;
    result_.bundle = info.kernels;
    where_ = fmt::format("{} \"{}\", driver {}", info.backend, info.name, info.driver);
    if (!info.kernels.empty()) where_ += fmt::format(", kernels of {}", printable(info.kernels));
    reporter_.begin("check kernels", 0);
    std::vector<ChosenCase> cases =
        choose_cases(*device_, check_.model, check_.all_cases, check_.max_bytes, model_unknown_);
    if (!model_unknown_.empty())
      add(KernelRule::kModelUnknown, printable(check_.model->folder), model_unknown_);
    if (check_.takes)
      std::erase_if(cases, [&](const ChosenCase& c) { return !check_.takes(*c.test); });
    for (std::size_t i = 0; i < cases.size() && device_ != nullptr; i++) {
      throw_if_cancelled();
      run_one(cases[i]);
      if (device_ == nullptr) left_ = cases.size() - i - 1;
    }
    if (device_ != nullptr && check_.device_too) {
      check_device();
      measure();
    }
    report();
    reporter_.end();
  }

 private:
  void add(KernelRule rule, std::string where, std::string found, std::string expected = {}) {
    findings_.add(rule_of(rule), std::move(where), std::move(found), std::move(expected));
  }

  bool open() {
    try {
      device_ = check_.open();
      return true;
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnsupported) throw;
      add(KernelRule::kDeviceUnavailable, printable(result_.device), error.what());
      return false;
    }
  }

  // After a kernel failed: whether the driver gives a device that works once more.
  void open_again() {
    device_.reset();
    try {
      device_ = check_.open();
      auto buffer = device_->make_buffer(64, BufferUse::kDevice);
      std::array<std::byte, 64> bytes = {};
      device_->write(*buffer, 0, bytes);
      device_->read(*buffer, 0, bytes);
    } catch (const Error& error) {
      device_.reset();
      lost_ = fmt::format("it can't be used any more: {}", error.what());
    }
  }

  void run_one(const ChosenCase& chosen) {
    const KernelCase& c = *chosen.test;
    Instance instance = c.make();
    Dispatch dispatch{c.kernel};
    dispatch.words = instance.words;
    std::string variant = "none", unable;
    try {
      variant = device_->variant_of(dispatch);
    } catch (const Error& error) {  // a bundle may lack what this shape needs
      if (error.code() != ExitCode::kUnsupported) throw;
      unable = error.what();
    }
    KernelTally& tally = tally_of(c.kernel, variant);
    if (!unable.empty()) {
      if (tally.not_built.empty()) tally.not_built = fmt::format("{}: {}", c.name, unable);
      return;
    }
    if (tally.given_up) return;
    const std::uint64_t bytes = chosen.timed ? bytes_moved(instance) : 0;
    CaseStage stage{};
    const auto start = std::chrono::steady_clock::now();
    try {
      tally.add(c, run_instance(*device_, std::move(instance), chosen.timed, stage), bytes);
    } catch (const Error& error) {
      // What a dispatch breaks of the contract is a mistake of this program.
      if (error.code() == ExitCode::kBug) throw;
      failed(c, tally, stage, error.what(),
             seconds_since(start) >= static_cast<double>(device_->timeout().count()));
    }
  }

  void failed(const KernelCase& c, KernelTally& tally, CaseStage stage, const std::string& message,
              bool late) {
    const std::string text = fmt::format("{}: {}", c.name, message);
    if (stage == CaseStage::kMemory) {
      if (not_run_++ == 0) first_not_run_ = text;
      return;
    }
    std::string& first = stage == CaseStage::kBuild ? tally.not_built
                         : late                     ? tally.hangs
                                                    : tally.lost;
    if (first.empty()) first = text;
    tally.given_up = stage != CaseStage::kBuild || ++tally.builds_failed == kMostBuilds;
    // A compiler that was left to itself keeps its driver busy.
    if (stage != CaseStage::kBuild || late) open_again();
  }

  KernelTally& tally_of(Kernel kernel, const std::string& variant) {
    auto found = std::find_if(tallies_.begin(), tallies_.end(), [&](const KernelTally& t) {
      return t.kernel == kernel && t.numbers.variant == variant;
    });
    if (found == tallies_.end()) {
      found = tallies_.insert(found, KernelTally(kernel, variant));
    }
    return *found;
  }

  // What a device does besides computing.
  void check_device() {
    for (const DeviceCheck& check : device_checks()) {
      throw_if_cancelled();
      std::string wrong;
      try {
        wrong = check.run(*device_);
      } catch (const Error& error) {
        wrong = error.what();
      }
      if (!wrong.empty())
        add(KernelRule::kDeviceMisbehaves, fmt::format("{}: check \"{}\"", where_, check.name),
            wrong);
    }
  }

  void measure() {
    try {
      result_.copy_bytes_per_second = measure_copy(*device_).bytes_per_second;
    } catch (const Error& error) {
      if (not_run_++ == 0) first_not_run_ = fmt::format("copies: {}", error.what());
    }
  }

  void report() {
    std::stable_sort(
        tallies_.begin(), tallies_.end(),
        [](const KernelTally& a, const KernelTally& b) { return a.kernel < b.kernel; });
    for (const KernelTally& tally : tallies_) {
      const std::string where = fmt::format("kernel {}, version {}, on {}", tally.numbers.kernel,
                                            tally.numbers.variant, where_);
      if (tally.values_wrong > 0)
        add(KernelRule::kWrong, where, tally.what_is_wrong(), "results within the derived bounds");
      if (!tally.overwrites.empty())
        add(KernelRule::kOverwrites, where, tally.overwrites, "only its outputs written");
      if (!tally.not_built.empty()) add(KernelRule::kNotBuilt, where, tally.not_built);
      if (!tally.hangs.empty()) add(KernelRule::kHangs, where, tally.hangs);
      if (!tally.lost.empty()) add(KernelRule::kDeviceLost, where, tally.lost);
      result_.kernels.push_back(tally.numbers);
    }
    if (!lost_.empty())
      add(KernelRule::kDeviceLost, where_, fmt::format("{}; {} cases were not run", lost_, left_));
    if (!first_not_run_.empty())
      add(KernelRule::kCaseNotRun, where_,
          fmt::format("{} cases; the first is {}", not_run_, first_not_run_));
  }

  const KernelCheck& check_;
  KernelsResult& result_;
  Findings& findings_;
  Reporter& reporter_;
  std::unique_ptr<Device> device_;
  std::string where_, model_unknown_, lost_, first_not_run_;
  std::size_t not_run_ = 0, left_ = 0;
  std::vector<KernelTally> tallies_;
};

}  // namespace

std::span<const FindingRule> kernel_rules() { return kRules; }
const FindingRule& rule_of(KernelRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

void check_kernels(const KernelCheck& check, KernelsResult& result, Findings& findings,
                   Reporter& reporter) {
  const auto start = std::chrono::steady_clock::now();
  Checker(check, result, findings, reporter).run();
  result.seconds = seconds_since(start);
}

std::string verify_kernels(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  KernelsResult& result = report.kernels.emplace();
  result.device = options.device.device.device;
  std::optional<LoadedModel> model;
  std::string unknown;
  try {
    model = load_model(options.model);
  } catch (const Error& error) {
    unknown = error.what();
    report.findings.add(rule_of(KernelRule::kModelUnknown), printable(options.model), unknown);
  }
  KernelCheck check;
  check.open = [&] {
    std::unique_ptr<Device> device = open_device(options.device);
    // What was meant by auto, or by a backend's name alone.
    if (result.device == "auto") result.device = device->info().backend;
    return device;
  };
  check.model = model.has_value() ? &*model : nullptr;
  check.all_cases = options.all_cases;
  check_kernels(check, result, report.findings, reporter);
  return {};
}

}  // namespace mlc
