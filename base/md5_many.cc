#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace mlc {

std::vector<Md5Digest> md5_many(std::span<const Md5Source> streams, Md5Read read, void* context,
                                std::size_t block_size) {
  std::vector<Md5Digest> digests;
  std::vector<std::byte> block(block_size);
  for (std::size_t i = 0; i < streams.size(); i++) {
    Md5 md5;
    for (std::uint64_t at = 0; at < streams[i].size; at += block_size) {
      auto n = static_cast<std::size_t>(std::min<std::uint64_t>(block_size, streams[i].size - at));
      std::span<std::byte> part = std::span(block).first(n);
      read(context, i, at, part);
      md5.update(part);
    }
    digests.push_back(md5.finish());
  }
  return digests;
}

std::vector<Md5Digest> md5_many(std::span<const std::span<const std::byte>> buffers) {
  std::vector<Md5Source> streams;
  for (auto buffer : buffers)
    streams.push_back({buffer.size()});
  auto copy = [](void* context, std::size_t stream, std::uint64_t offset,
                 std::span<std::byte> out) {
    auto& all = *static_cast<std::span<const std::span<const std::byte>>*>(context);
    std::memcpy(out.data(), all[stream].data() + offset, out.size());
  };
  return md5_many(streams, copy, &buffers);
}

}  // namespace mlc
