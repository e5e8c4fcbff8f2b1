// Every kernel x shape class x data class, for any device: a test of a backend is
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
#include <string_view>
#include <vector>

#include "runtime-min/device.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {

struct KernelCase {
  std::string name;  // "matmul/q4f16 3x100x17"
  Kernel kernel;
  bool large = false;                   // binds slices behind the first 128 MiB of a buffer
  std::function<Instance()> make = {};  // without what is wanted
  // Of matrices: a name of kFormats.
  std::string_view format = {};
  // What is special about the numbers: "negative scales". Cases of one kernel and format that have
  // data have one shape, so that a device compiles once for all of them.
  std::string_view data = {};
  // One of the few that each kernel has for checks that may not take long.
  bool core = false;
};

const std::vector<KernelCase>& all_cases();

enum class CaseFault : std::uint8_t {
  kNone,
  kValue,    // an output is outside of its bound
  kOutside,  // something was written that is no output
};

struct CaseResult {
  CaseFault fault = CaseFault::kNone;
  std::string wrong;    // empty: all is right. Else the first wrong element, and how many are wrong
  std::string pattern;  // which elements are wrong: "every 8th element, from 3 on"
  std::string variant;  // Device::variant_of
  double worst = 0;     // the largest error, as a share of its bound
  std::uint64_t nanoseconds = 0;  // of the fastest of several runs, if they were asked for
};

// How far a run came: says what an Error out of it means.
enum class CaseStage : std::uint8_t {
  kMemory,  // buffers are made and filled
  kBuild,   // the kernel is compiled
  kRun,
};

CaseResult run_case(Device& device, const KernelCase& c);
// The same of an instance, whose wanted values it computes. With `timed` it is run a few times
// more.
CaseResult run_instance(Device& device, Instance t, bool timed, CaseStage& stage);

// The contents of the case's slices after it ran, in their order: for comparing devices by bits.
std::vector<std::vector<std::uint32_t>> run_bits(Device& device, const KernelCase& c);

// What a device does besides computing: order of dependent dispatches, replay, copies, checks.
struct DeviceCheck {
  std::string name;
  std::function<std::string(Device&)> run;  // empty: all is right
};
const std::vector<DeviceCheck>& device_checks();

}  // namespace mlc
