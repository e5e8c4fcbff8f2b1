#include "convert/shard_packer.h"

namespace mlc {

std::vector<Placement> pack_shards(const std::vector<std::uint64_t>& sizes,
                                   std::vector<std::uint64_t>& shard_sizes) {
  std::vector<Placement> placements(sizes.size());
  std::vector<std::size_t> pending;
  std::uint64_t pending_bytes = 0;
  shard_sizes.clear();
  auto flush = [&] {
    if (pending.empty()) return;
    for (std::size_t i : pending)
      placements[i].shard = shard_sizes.size();
    shard_sizes.push_back(pending_bytes);
    pending.clear();
    pending_bytes = 0;
  };
  for (std::size_t i = 0; i < sizes.size(); i++) {
    if (pending_bytes + sizes[i] >= kShardCap) {
      if (2 * sizes[i] >= kShardCap) {
        placements[i] = {shard_sizes.size(), 0};
        shard_sizes.push_back(sizes[i]);
        continue;
      }
      flush();
    }
    placements[i].offset = pending_bytes;
    pending.push_back(i);
    pending_bytes += sizes[i];
  }
  flush();
  return placements;
}

}  // namespace mlc
