// Level *kernels*: does this device, with this driver, compute what the kernels mean?
//
// Every kernel, in every version that the device selects, runs cases whose results are known from
// float64 within derived bounds (kernel_cases/): the general ones, numbers that break kernels, and
// what the model itself would run. A device or a driver that is wrong is so told from a conversion
// that is wrong: the weights of the model take no part in it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/engine/engine.h"
#include "verify/kernel_cases/kernel_cases.h"
#include "verify/verify.h"

namespace mlc {

enum class KernelRule : std::uint8_t {
  kWrong,
  kOverwrites,
  kNotBuilt,
  kHangs,
  kDeviceLost,
  kDeviceUnavailable,
  kDeviceMisbehaves,
  kCaseNotRun,
  kModelUnknown,
};
inline constexpr std::size_t kKernelRules = 9;

std::span<const FindingRule> kernel_rules();  // K01 to K09
const FindingRule& rule_of(KernelRule rule);

struct KernelCheck {
  // Opens the device; again, after it was lost.
  std::function<std::unique_ptr<Device>()> open;
  const LoadedModel* model = nullptr;  // null: not known
  bool all_cases = false;
  // Of the cases that would run, those that it takes; null: all.
  std::function<bool(const KernelCase&)> takes = {};
  // Order of dispatches, copies, and how fast they are.
  bool device_too = true;
  // Of the weights of one case.
  std::uint64_t max_bytes = std::uint64_t{32} << 20;
};

// What is wrong goes to `findings`. Cancelled on Ctrl-C.
void check_kernels(const KernelCheck& check, KernelsResult& result, Findings& findings,
                   Reporter& reporter);

// The level; see RunLevel.
std::string verify_kernels(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);

}  // namespace mlc
