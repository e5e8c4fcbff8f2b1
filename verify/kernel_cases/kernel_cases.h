// Every kernel x shape class, for any device: a test of a backend is
//
//   for (const KernelCase& c : all_cases()) EXPECT_EQ(run_case(*device, c).wrong, "") << c.name;
//   for (const DeviceCheck& c : device_checks()) EXPECT_EQ(c.run(*device), "") << c.name;
//
// What a case wants is computed here in float64 from the formulas of kernels.h (evaluate_*.cc), and
// compared within a derived bound (bounds.h). Data is seeded: a case is the same each time. Gaps
// between rows, and what lies around the slices, hold NaN, and must keep it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {

struct KernelCase {
  std::string name;  // "matmul/q4f16 3x100x17"
  Kernel kernel;
  bool large = false;              // binds slices behind the first 128 MiB of a buffer
  std::function<Instance()> make;  // without what is wanted
};

const std::vector<KernelCase>& all_cases();

struct CaseResult {
  std::string wrong;    // empty: all is right. Else the first wrong element, and how many are wrong
  std::string variant;  // Device::variant_of
  double worst = 0;     // the largest error, as a share of its bound
};

CaseResult run_case(Device& device, const KernelCase& c);

// The contents of the case's slices after it ran, in their order: for comparing devices by bits.
std::vector<std::vector<std::uint32_t>> run_bits(Device& device, const KernelCase& c);

// What a device does besides computing: order of dependent dispatches, replay, copies, checks.
struct DeviceCheck {
  std::string name;
  std::function<std::string(Device&)> run;  // empty: all is right
};
const std::vector<DeviceCheck>& device_checks();

}  // namespace mlc
