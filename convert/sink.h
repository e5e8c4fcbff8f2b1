// Where the bytes of records go: into the shards of a conversion, or into a comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mlc {

class Sink {
 public:
  virtual ~Sink() = default;
  // The shard has all its bytes: units that write nothing else need not run.
  virtual bool is_done(std::size_t shard) const = 0;
  // Bytes of the shard, as the plan places them. True when these were its last missing ones.
  virtual bool write(std::size_t shard, std::uint64_t offset, std::span<const std::byte> data) = 0;
  // The same for runs of `run` bytes that lie `stride` bytes apart in the shard.
  virtual bool write_runs(std::size_t shard, std::uint64_t offset, std::uint64_t stride,
                          std::span<const std::byte> data, std::size_t run) = 0;
};

}  // namespace mlc
