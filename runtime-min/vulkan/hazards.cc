#include "runtime-min/vulkan/hazards.h"

#include <algorithm>

namespace mlc {

bool Hazards::must_wait(const Dispatch& dispatch) {
  const KernelInfo& info = info_of(dispatch.kernel);
  std::vector<Range> mine;
  for (std::uint32_t i = 0; i < info.buffers; i++) {
    const Slice& slice = dispatch.buffers[i];
    if (slice.buffer == nullptr || slice.bytes == 0) continue;
    mine.push_back(
        {slice.buffer, slice.offset, slice.offset + slice.bytes, (info.written >> i & 1) != 0});
  }
  const bool wait = std::any_of(mine.begin(), mine.end(), [&](const Range& range) {
    return std::any_of(touched_.begin(), touched_.end(), [&](const Range& before) {
      return (range.written || before.written) && range.buffer == before.buffer &&
             range.begin < before.end && before.begin < range.end;
    });
  });
  if (wait) touched_.clear();
  touched_.insert(touched_.end(), mine.begin(), mine.end());
  return wait;
}

}  // namespace mlc
