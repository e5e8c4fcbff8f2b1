#include <algorithm>

#include "base/error.h"
#include "runtime-min/kernels/check_dispatch.h"
#include "verify/kernel_cases/case_data.h"
#include "verify/kernel_cases/dispatch_case.h"

namespace mlc {
namespace {

std::uint64_t row_bytes(WeightFormat format, std::uint64_t k) {
  switch (format) {
    case WeightFormat::kF32:
      return 4 * k;
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      return 2 * k;
    default:
      return (k + (format == WeightFormat::kQ4 ? 31 : 39)) /
             (format == WeightFormat::kQ4 ? 32 : 40) * 20;
  }
}

// Lowers word `count`, of things of so many bytes.
void shrink(Instance& t, std::size_t count, std::uint64_t bytes, std::uint64_t max_bytes) {
  const std::uint64_t most =
      std::max<std::uint64_t>(max_bytes / std::max<std::uint64_t>(bytes, 1), 1);
  t.words[count] = static_cast<std::uint32_t>(std::min<std::uint64_t>(t.words[count], most));
}

void shrink_weights(Instance& t, std::uint64_t max_bytes) {
  const auto format = WeightFormat{t.words[0]};
  const std::uint64_t bytes = row_bytes(format, t.words[2]);
  if (t.kernel == Kernel::kMatmul) shrink(t, 3, bytes, max_bytes);
  if (t.kernel == Kernel::kEmbed) shrink(t, 6, bytes, max_bytes);
  if (t.kernel == Kernel::kMoeMatmul) shrink(t, 10, bytes * t.words[3], max_bytes);
}

// Which of the words is the number of rows; kernels whose first buffer is the rows' states.
std::size_t rows_word(Kernel kernel) {
  switch (kernel) {
    case Kernel::kEmbed:
    case Kernel::kAttention:
      return 4;
    case Kernel::kKvStore:
      return 3;
    case Kernel::kTokenShift:
      return 1;
    case Kernel::kWkv5:
    case Kernel::kWkv6:
      return 2;
    default:
      return kMaxWords;
  }
}

std::vector<std::uint32_t> states_of(const Instance& t, std::size_t rows, std::uint32_t position,
                                     Random& random) {
  std::vector<RowState> states_of_rows;
  for (std::uint32_t r = 0; r < rows; r++) {
    RowState state{7, 0, position + r, 0};
    if (t.kernel == Kernel::kEmbed) {
      const std::uint32_t index = t.words[5] + random.below(std::max(t.words[6], 1u));
      (t.words[3] != 0 ? state.position : state.token) = index;
    }
    states_of_rows.push_back(state);
  }
  return states(states_of_rows);
}

// What buffer i holds.
std::vector<std::uint32_t> contents(const Instance& t, std::size_t i, std::size_t n,
                                    std::uint32_t position, Random& random) {
  const bool weights =
      t.kernel == Kernel::kEmbed || t.kernel == Kernel::kMatmul || t.kernel == Kernel::kMoeMatmul;
  if (i == 0 && rows_word(t.kernel) != kMaxWords)
    return states_of(t, t.size(rows_word(t.kernel)), position, random);
  if (weights && (i == 1 || i == 2)) {
    const std::size_t rows = t.kernel == Kernel::kMatmul  ? t.size(3)
                             : t.kernel == Kernel::kEmbed ? t.size(6)
                                                          : t.size(3) * t.size(10);
    const auto format = WeightFormat{t.words[0]};
    return i == 1 ? random_weight(random, format, rows, t.size(2))
                  : random_scale(random, format, ScaleFormat{t.words[1]}, rows, t.size(2));
  }
  if (t.kernel == Kernel::kMoeMatmul && i == 4) {
    std::vector<std::uint32_t> experts(n);
    for (auto& expert : experts)
      expert = t.words[9] + random.below(std::max(t.words[10], 1u));
    return experts;
  }
  const bool caches = t.kernel == Kernel::kAttention || t.kernel == Kernel::kKvStore;
  if (caches && (i == 2 || i == 3) && t.words[0] == 0)
    return random_halves(random, 2 * n, Values::kUnit);
  const bool decay = (t.kernel == Kernel::kWkv5 || t.kernel == Kernel::kWkv6) && i == 4;
  return random_vector(random, n, decay ? Values::kPositive : Values::kUnit);
}

}  // namespace

Instance instance_of(const Dispatch& dispatch, std::uint32_t position, std::uint64_t max_bytes) {
  Instance t;
  t.kernel = dispatch.kernel;
  t.words = dispatch.words;
  t.sampled = true;
  shrink_weights(t, max_bytes);
  const KernelInfo& info = info_of(t.kernel);
  Extents extents = extents_of(t.kernel, t.words);
  for (std::size_t i = 0; i < info.buffers; i++)
    for (std::size_t j = 0; j < i; j++)
      if (extents[i] > 0 && extents[j] > 0 && t.same_as[j] == j &&
          dispatch.buffers[i].buffer != nullptr &&
          dispatch.buffers[i].buffer == dispatch.buffers[j].buffer &&
          dispatch.buffers[i].offset == dispatch.buffers[j].offset) {
        t.same_as[i] = j;
        extents[j] = std::max(extents[i], extents[j]);
      }
  Random random(fmt::format("{} {}", info.name, fmt::join(t.words, " ")));
  for (std::size_t i = 0; i < info.buffers; i++)
    if (t.same_as[i] == i && extents[i] > 0)
      t.buffers[i] = contents(t, i, (extents[i] + 3) / 4, position, random);
  return t;
}

}  // namespace mlc
