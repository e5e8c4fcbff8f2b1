// How fast a device copies its own memory: the measure of every kernel that only moves data.
#pragma once

#include <cstdint>

#include "runtime-min/device.h"

namespace mlc {

struct CopyBandwidth {
  double bytes_per_second = 0;  // read and written bytes together; the best of the runs
  std::uint64_t buffer_bytes = 0;
  unsigned runs = 0;
};

// Copies one buffer to another with the kernel "copy", for about half a second. Buffers are far
// larger than caches, as far as the device's limits allow.
CopyBandwidth measure_copy(Device& device);

}  // namespace mlc
