// Where each record lies: mlc_llm's packing of records into shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlc {

// 32 MiB; tvm/contrib/tvmjs.py, dump_tensor_cache, shard_cap_mb.
inline constexpr std::uint64_t kShardCap = std::uint64_t{32} << 20;

struct Placement {
  std::size_t shard = 0;
  std::uint64_t offset = 0;
};

// Placements of records of the given sizes, in order. Pending records are flushed as the next shard
// when a record would bring them to kShardCap or beyond; but a record of at least half the cap is
// written alone, at once, and the pending ones stay pending: so an earlier record can lie in a
// later shard. An empty trailing shard is not written.
std::vector<Placement> pack_shards(const std::vector<std::uint64_t>& sizes,
                                   std::vector<std::uint64_t>& shard_sizes);

}  // namespace mlc
