// Every OpenCL kernel, in all its versions, against float64 within derived bounds; and what the
// device itself has to do. Needs a driver (Debian: pocl-opencl-icd); without one it is skipped.
#include <set>

#include <gtest/gtest.h>

#include "runtime-min/opencl/opencl_device.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {
namespace {

class OpenCl : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> missing;
    if (list_opencl(&missing).empty()) GTEST_SKIP() << "skipped: " << missing.front();
  }
};

// The cases that get a version for `device_class`; with `own`, those that are for it alone.
void check_cases(OpenClClass device_class, bool own) {
  const auto device = open_opencl_as(device_class, std::nullopt, {});
  std::set<std::string> versions;
  for (const KernelCase& c : all_cases()) {
    Dispatch dispatch{c.kernel};
    dispatch.words = c.make().words;
    const OpenClVariant& variant = choose_opencl_variant(device_class, dispatch);
    if (own && variant.device_class != device_class) continue;
    const CaseResult result = run_case(*device, c);
    EXPECT_EQ(result.wrong, "") << c.name << ", " << result.variant;
    versions.insert(result.variant);
  }
  for (const OpenClVariant& v : opencl_variants()) {
    const bool tested =
        v.device_class == device_class || (!own && v.device_class == OpenClClass::kAny);
    if (tested) {
      EXPECT_EQ(versions.count(std::string(v.name)), 1u) << v.name;
    }
  }
}

TEST_F(OpenCl, KernelsForCpus) { check_cases(OpenClClass::kCpu, false); }

TEST_F(OpenCl, KernelsForGpus) { check_cases(OpenClClass::kGpu, true); }

TEST_F(OpenCl, Device) {
  const auto device = open_opencl(std::nullopt, {});
  for (const DeviceCheck& check : device_checks())
    EXPECT_EQ(check.run(*device), "") << check.name;
}

}  // namespace
}  // namespace mlc
