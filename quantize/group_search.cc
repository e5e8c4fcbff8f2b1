#include "quantize/group_search.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace mlc {
namespace {

using search::BatchErrors;
using search::kBatch;
using search::kWordsPerGroup;

// Groups outside the searched range keep rtn's values; the reference measures them, so that the
// sums mean the same for both methods.
void add_error_of_rtn(const Quantization& q, const NumericRule& rule, const GroupQuantBlock& block,
                      const search::GroupPlace& place, QuantCounts& counts) {
  std::array<std::uint32_t, kWordsPerGroup> words{};
  float scale = 0;
  GroupQuantBlock group = block;
  group.src = static_cast<const std::byte*>(block.src) + place.offset * size_of(block.src_dtype);
  group.rows = 1;
  group.cols = place.size;
  group.q_weight = words.data();
  group.q_scale = &scale;
  QuantCounts alone;
  group_quantize_reference(q, rule, group, true, alone);
  counts.square_error += alone.square_error;
  counts.rtn_square_error += alone.square_error;
  counts.square_weight += alone.square_weight;
}

void search_with(GroupQuantFn rtn, search::ImproveFn improve, const Quantization& q,
                 const NumericRule& rule, const GroupQuantBlock& block, bool want_error,
                 QuantCounts& counts) {
  if ((q.bits != 3 && q.bits != 4) ||
      q.group_size != static_cast<int>(kWordsPerGroup) * q.codes_per_word()) {
    fail(ExitCode::kBug,
         "search of {} with {} bits in groups of {}, expected 3 or 4 bits in 4 words", q.name,
         q.bits, q.group_size);
  }
  rtn(q, rule, block, false, counts);
  // From here on the block is valid as it is; batches only replace groups by better ones.
  const std::size_t groups_in_row = groups_per_row(q, block.cols);
  const std::size_t groups = block.rows * groups_in_row;
  BatchErrors errors;
  for (std::size_t first = 0; first < groups; first += kBatch) {
    const std::size_t count = std::min(kBatch, groups - first);
    improve(q, block, first, count, errors);
    if (!want_error) continue;
    for (std::size_t i = 0; i < count; ++i) {
      if (!errors.searched[i]) {
        add_error_of_rtn(q, rule, block, search::place_of(q, block.cols, groups_in_row, first + i),
                         counts);
        continue;
      }
      counts.square_error += static_cast<double>(errors.kept[i]);
      counts.rtn_square_error += static_cast<double>(errors.rtn[i]);
      counts.square_weight += static_cast<double>(errors.weight[i]);
    }
  }
}

}  // namespace

void group_quantize_search(const Quantization& q, const NumericRule& rule,
                           const GroupQuantBlock& block, bool want_error, QuantCounts& counts) {
  search_with(group_quantize, search::improve_batch_fast, q, rule, block, want_error, counts);
}

void search::group_quantize_search_reference(const Quantization& q, const NumericRule& rule,
                                             const GroupQuantBlock& block, bool want_error,
                                             QuantCounts& counts) {
  search_with(group_quantize_reference, improve_batch_reference, q, rule, block, want_error,
              counts);
}

}  // namespace mlc
