// The CPU as a device: `cpu`, with SIMD, and `cpu-reference`, plain C++ and the meaning of the
// kernels. Both give the same bits at any number of threads; the SIMD level (AVX-512, AVX2, ...)
// decides the order of sums, and so the last bits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime-min/device.h"

namespace mlc {

std::unique_ptr<Device> open_cpu(const DeviceOptions& options);
std::unique_ptr<Device> open_cpu_reference(const DeviceOptions& options);
FoundDevice describe_cpu();

}  // namespace mlc
