#include <set>

#include <gtest/gtest.h>

#include "runtime-min/cpu/cpu_device.h"
#include "tests/kernels/kernel_cases.h"

namespace mlc {
namespace {

std::unique_ptr<Device> open(const std::string& name, unsigned threads) {
  DeviceOptions options;
  options.device = name;
  options.threads = threads;
  return open_device(options);
}

TEST(CpuKernels, ReferenceIsWithinTheBounds) {
  auto device = open("cpu-reference", 2);
  for (const KernelCase& c : all_cases())
    EXPECT_EQ(run_case(*device, c).wrong, "") << c.name;
}

TEST(CpuKernels, EveryKernelHasCasesWithNamesOfTheirOwn) {
  std::set<Kernel> kernels;
  std::set<std::string> names;
  for (const KernelCase& c : all_cases()) {
    kernels.insert(c.kernel);
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
  }
  EXPECT_EQ(kernels.size(), kKernels.size());
}

TEST(CpuKernels, ThreadsDontChangeBits) {
  auto one = open("cpu-reference", 1), three = open("cpu-reference", 3);
  for (const KernelCase& c : all_cases()) {
    if (c.large) continue;
    EXPECT_EQ(run_bits(*one, c), run_bits(*three, c)) << c.name;
  }
}

TEST(CpuKernels, DeviceChecks) {
  for (const unsigned threads : {1u, 2u, 5u}) {
    auto device = open("cpu-reference", threads);
    for (const DeviceCheck& c : device_checks())
      EXPECT_EQ(c.run(*device), "") << c.name;
  }
}

}  // namespace
}  // namespace mlc
