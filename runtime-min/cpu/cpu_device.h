// The CPU as a device: `cpu`, with SIMD, and `cpu-reference`, plain C++ and the meaning of the
// kernels. Both give the same bits at any number of threads; the SIMD level (AVX-512, AVX2, ...)
// decides the order of sums, and so the last bits.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-min/cpu/cpu_kernel.h"
#include "runtime-min/device.h"

namespace mlc {

// Which function runs a dispatch, and the second half of its variant's name.
struct CpuChoice {
  const CpuKernel* kernel;
  std::string_view variant;
};
using ChooseCpuKernel = CpuChoice (*)(const Dispatch& dispatch);
CpuChoice choose_fast_kernel(const Dispatch& dispatch);
// The CPU with other functions; for tests of those that find wrong ones.
std::unique_ptr<Device> open_cpu_as(ChooseCpuKernel choose, const DeviceOptions& options);

std::unique_ptr<Device> open_cpu(const DeviceOptions& options);
std::unique_ptr<Device> open_cpu_reference(const DeviceOptions& options);
FoundDevice describe_cpu();

}  // namespace mlc
