// Which dispatches must wait for those before them.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime-min/device.h"

namespace mlc {

// Keeps the slices that were touched since the last barrier.
class Hazards {
 public:
  // Whether a barrier has to stand before this dispatch: it touches what was written since the last
  // one, or writes what was read. Then remembers what it touches.
  bool must_wait(const Dispatch& dispatch);

 private:
  struct Range {
    const Buffer* buffer;
    std::uint64_t begin, end;
    bool written;
  };
  std::vector<Range> touched_;
};

}  // namespace mlc
