// Widths and bytes of a case.
#include <algorithm>
#include <set>

#include "runtime-min/kernels/check_dispatch.h"
#include "verify/kernel_cases/instance.h"

namespace mlc {
namespace {

// Bytes of one row of the weights and scales of buffers 1 and 2.
std::uint64_t weight_row_bytes(const Instance& t, std::size_t k) {
  const auto format = WeightFormat{t.words[0]};
  if (format == WeightFormat::kF32) return 4 * k;
  if (format == WeightFormat::kF16 || format == WeightFormat::kBF16) return 2 * k;
  const std::size_t group = format == WeightFormat::kQ4 ? 32 : 40;
  const std::uint64_t scale = ScaleFormat{t.words[1]} == ScaleFormat::kF32 ? 4 : 2;
  return (k + group - 1) / group * (16 + scale);
}

// Keys and values that a call sees or stores: of each sequence as many as its furthest row sees.
std::uint64_t cache_bytes(const Instance& t, std::size_t rows, bool stores) {
  const std::uint64_t position_bytes = t.size(1) * t.size(2) * (t.words[0] == 0 ? 4u : 8u);
  std::uint64_t positions = 0, furthest = 0;
  for (std::size_t r = 0; r < rows; r++) {
    const RowState state = t.row(r);
    if (state.slot == kInactive) continue;
    positions++;
    furthest = std::max<std::uint64_t>(furthest, std::uint64_t{state.position} + 1);
  }
  if (stores) return positions * position_bytes;
  const std::uint64_t window = t.words[11];
  return (window == 0 ? furthest : std::min(furthest, window)) * position_bytes;
}

}  // namespace

std::size_t row_width(const Instance& t) {
  // The word that says it, in the order of the enum.
  static constexpr std::array<std::size_t, kKernels.size()> kWords = {2, 1, 3, 3, 2, 1, 1, 3, 3,
                                                                      1, 3, 1, 0, 1, 0, 0, 0, 1};
  return std::max<std::size_t>(1, t.size(kWords[static_cast<std::size_t>(t.kernel)]));
}

std::uint64_t bytes_moved(const Instance& t) {
  const Extents extents = extents_of(t.kernel, t.words);
  std::array<std::uint64_t, kMaxBuffers> bytes = extents;
  if (t.kernel == Kernel::kEmbed) {
    bytes[1] = t.size(4) * weight_row_bytes(t, t.size(2));
    bytes[2] = 0;
  } else if (t.kernel == Kernel::kMoeMatmul) {
    const std::set<std::uint32_t> experts(t.buffers[4].begin(), t.buffers[4].end());
    bytes[1] = experts.size() * t.size(3) * weight_row_bytes(t, t.size(2));
    bytes[2] = 0;
  } else if (t.kernel == Kernel::kKvStore || t.kernel == Kernel::kAttention) {
    const bool stores = t.kernel == Kernel::kKvStore;
    bytes[2] = cache_bytes(t, t.size(stores ? 3 : 4), stores);
    bytes[3] = 0;
    if (!stores) bytes[4] = extents[4];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t count : bytes)
    sum += count;
  return sum;
}

}  // namespace mlc
