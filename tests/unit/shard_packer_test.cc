#include "convert/shard_packer.h"

#include <gtest/gtest.h>

using namespace mlc;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

TEST(ShardPacker, RecordsFillAShardInOrder) {
  std::vector<std::uint64_t> shards;
  auto placed = pack_shards({10, 20, 30}, shards);
  EXPECT_EQ(shards, (std::vector<std::uint64_t>{60}));
  EXPECT_EQ(placed[2].offset, 30u);
}

TEST(ShardPacker, ReachingTheCapExactlyStartsANewShard) {
  std::vector<std::uint64_t> shards;
  auto placed = pack_shards({20 * kMiB, 12 * kMiB}, shards);
  EXPECT_EQ(shards, (std::vector<std::uint64_t>{20 * kMiB, 12 * kMiB}));
  EXPECT_EQ(placed[1].shard, 1u);
  EXPECT_EQ(placed[1].offset, 0u);
}

TEST(ShardPacker, ALargeRecordIsWrittenBeforeThePendingOnes) {
  std::vector<std::uint64_t> shards;
  auto placed = pack_shards({20 * kMiB, 40 * kMiB, 1 * kMiB}, shards);
  EXPECT_EQ(shards, (std::vector<std::uint64_t>{40 * kMiB, 21 * kMiB}));
  EXPECT_EQ(placed[0].shard, 1u);
  EXPECT_EQ(placed[1].shard, 0u);
  EXPECT_EQ(placed[2].offset, 20 * kMiB);
}

TEST(ShardPacker, ALargeRecordThatStillFitsBelowTheCapStaysInLine) {
  std::vector<std::uint64_t> shards;
  auto placed = pack_shards({8 * kMiB, 20 * kMiB}, shards);
  EXPECT_EQ(shards.size(), 1u);
  EXPECT_EQ(placed[1].offset, 8 * kMiB);
}

TEST(ShardPacker, NoRecordsGiveNoShards) {
  std::vector<std::uint64_t> shards = {1};
  EXPECT_TRUE(pack_shards({}, shards).empty());
  EXPECT_TRUE(shards.empty());
}

}  // namespace
