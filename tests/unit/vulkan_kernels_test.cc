// Every Vulkan kernel, in all its versions, against float64 within derived bounds, on whatever
// drivers the machine has; CI has lavapipe. Compiling a pipeline takes a CPU driver 50 to 500 ms,
// so not every case is run with every version, unless MLC_VULKAN_CASES asks for other than
// run_plan.h's kKinds (kClasses with the sanitizers): classes, kinds, all.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "tests/unit/open_validated.h"
#include "tests/unit/run_plan.h"
#include "tests/unit/sanitized.h"

namespace mlc {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

Extent asked_extent() {
  const char* text = std::getenv("MLC_VULKAN_CASES");
  const std::string_view asked = text == nullptr ? kSanitized ? "classes" : "kinds" : text;
  if (asked == "all") return Extent::kAll;
  return asked == "classes" ? Extent::kClasses : Extent::kKinds;
}

class VulkanKernels : public testing::TestWithParam<KernelInfo> {};

TEST_P(VulkanKernels, EveryVariantIsWithinTheBounds) {
  auto device = open_validated();
  if (device == nullptr) return;
  const auto begun = Clock::now();
  const RunPlan plan(GetParam().kernel, asked_extent(),
                     [&](const Dispatch& dispatch) { return vulkan_variants(*device, dispatch); });
  for (const std::string& missing : plan.missing())
    ADD_FAILURE() << "no case for " << missing;
  device->set_timeout(std::chrono::minutes(15));  // to compile what the layer made of the shader
  for (const auto& [test, variant] : plan.runs()) {
    set_vulkan_hooks(*device, {variant, false});
    const auto run_begun = Clock::now();
    const CaseResult result = run_case(*device, *test);
    const Seconds took = Clock::now() - run_begun;
    if (took > std::chrono::seconds(10))
      std::cout << test->name << " with " << variant << ": " << took.count() << " s" << std::endl;
    EXPECT_EQ(result.wrong, "") << test->name << " with " << variant;
    EXPECT_EQ(result.variant, variant);
  }
  const Seconds took = Clock::now() - begun;
  std::printf("%s: %zu cases, %zu versions: %zu runs, %zu combinations, %.1f s\n",
              std::string(GetParam().name).c_str(), plan.cases(), plan.variants().size(),
              plan.runs().size(), plan.combinations(), took.count());
}

INSTANTIATE_TEST_SUITE_P(All, VulkanKernels, testing::ValuesIn(kKernels),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(VulkanChecks, DevicePasses) {
  auto device = open_validated();
  if (device == nullptr) return;
  for (const DeviceCheck& check : device_checks())
    EXPECT_EQ(check.run(*device), "") << check.name;
}

// Asked for by scripts/vulkan_validation.sh: that what it relies on is there. Nothing but the layer
// knows that the state of a row names a sequence that the cache has no room for.
TEST(VulkanChecks, GpuAssistedValidationReports) {
  if (std::getenv("MLC_VULKAN_GPU_ASSISTED") == nullptr)
    GTEST_SKIP() << "skipped: only under scripts/vulkan_validation.sh";
  auto device = open_validated();
  ASSERT_NE(device, nullptr);
  const auto good = std::find_if(all_cases().begin(), all_cases().end(),
                                 [](const KernelCase& c) { return c.kernel == Kernel::kKvStore; });
  KernelCase bad = *good;
  bad.make = [&] {
    Instance t = good->make();
    t.buffers[0][1] = 1000;  // the first row's slot
    return t;
  };
  std::string said;
  try {
    run_bits(*device, bad);
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("access out of bounds"), std::string::npos) << "found: " << said;
}

}  // namespace
}  // namespace mlc
