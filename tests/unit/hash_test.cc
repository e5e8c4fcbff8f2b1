#include "base/hash.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "base/md5_lanes.h"

namespace mlc {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class Hash>
std::string digest(std::string_view text, std::size_t step) {
  Hash hash;
  for (std::size_t at = 0; at < text.size(); at += step)
    hash.update(bytes(text.substr(at, step)));
  return hex(hash.finish());
}

// RFC 1321, appendix A.5.
TEST(Hash, Md5KnownAnswers) {
  EXPECT_EQ(digest<Md5>("", 1), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(digest<Md5>("abc", 1), "900150983cd24fb0d6963f7d28e17f72");
  std::string long_text;
  for (int i = 0; i < 8; i++)
    long_text += "1234567890";
  for (std::size_t step : {1u, 7u, 64u, 80u})
    EXPECT_EQ(digest<Md5>(long_text, step), "57edf4a22be3c955ac49da2e2107b67a");
}

// FIPS 180-2, appendix B.
TEST(Hash, Sha256KnownAnswers) {
  EXPECT_EQ(digest<Sha256>("abc", 2),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest<Sha256>("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// Runs `check` at every dispatch level that this build and this CPU have; prints them.
void at_every_level(const std::function<void()>& check) {
  hwy::SetSupportedTargetsForTest(0);
  std::int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  for (int bit = 0; bit < 63; bit++) {
    std::int64_t target = std::int64_t{1} << bit;
    if ((usable & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    SCOPED_TRACE(hwy::TargetName(target));
    std::printf("level %s: %zu lanes\n", hwy::TargetName(target), md5_lanes());
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Bytes to hash, and what OpenSSL says of any part of them.
class Md5Many : public testing::Test {
 protected:
  Md5Many() : data_(1 << 20) {
    std::mt19937 random(1);
    for (auto& byte : data_)
      byte = static_cast<std::byte>(random());
  }
  std::span<const std::byte> part(std::size_t at, std::size_t size) const {
    return std::span(data_).subspan(at, size);
  }
  static Md5Digest reference(std::span<const std::byte> bytes) {
    Md5 md5;
    md5.update(bytes);
    return md5.finish();
  }
  using Streams = std::vector<std::span<const std::byte>>;
  static void expect_equal(const Streams& streams, const std::vector<Md5Digest>& digests) {
    ASSERT_EQ(digests.size(), streams.size());
    for (std::size_t i = 0; i < streams.size(); i++)
      ASSERT_EQ(hex(digests[i]), hex(reference(streams[i])))
          << "stream " << i << " of " << streams.size() << ", " << streams[i].size() << " bytes";
  }
  // From memory, and through a reader that checks what it is asked for.
  static void check(const Streams& streams, std::size_t block_size = 1024) {
    expect_equal(streams, md5_many(streams));
    struct Context {
      const Streams& streams;
      std::size_t block_size;
      std::vector<std::uint64_t> at;
    } context{streams, block_size, std::vector<std::uint64_t>(streams.size())};
    std::vector<Md5Source> sizes;
    for (auto stream : streams)
      sizes.push_back({stream.size()});
    auto read = [](void* pointer, std::size_t stream, std::uint64_t offset,
                   std::span<std::byte> out) {
      auto& c = *static_cast<Context*>(pointer);
      ASSERT_EQ(offset, c.at[stream]);
      ASSERT_LE(out.size(), c.block_size);
      std::memcpy(out.data(), c.streams[stream].data() + offset, out.size());
      c.at[stream] += out.size();
    };
    expect_equal(streams, md5_many(sizes, read, &context, block_size));
    for (std::size_t i = 0; i < streams.size(); i++)
      EXPECT_EQ(context.at[i], streams[i].size());
  }

  std::vector<std::byte> data_;
};

TEST_F(Md5Many, EveryLengthAroundTheBlocks) {
  at_every_level([&] {
    Streams streams;
    for (std::size_t size = 0; size <= 300; size++)
      streams.push_back(part(size, size));
    for (std::size_t blocks : {15u, 16u, 17u, 32u, 255u, 1024u})
      for (std::size_t size = 64 * blocks - 10; size <= 64 * blocks + 2; size++)
        streams.push_back(part(7 * size % 1000, size));
    check(streams);
    for (auto stream : streams)
      check({stream});
  });
}

TEST_F(Md5Many, EveryNumberOfStreams) {
  at_every_level([&] {
    std::mt19937 random(2);
    for (std::size_t count = 0; count <= 70; count++) {
      Streams equal;
      Streams mixed;
      for (std::size_t i = 0; i < count; i++) {
        equal.push_back(part(i * 1000, 700));
        std::size_t size = random() % (i % 7 == 0 ? 100000 : 3000);
        mixed.push_back(part(random() % (data_.size() - size), size));
      }
      check(equal);
      check(mixed);
    }
  });
}

TEST_F(Md5Many, LongAndShortTogether) {
  at_every_level([&] {
    check({part(0, 1 << 20), part(1, 100), part(2, 1 << 19), part(3, 0), part(0, (1 << 20) - 1),
           part(64, 999999)},
          16384);
  });
}

TEST_F(Md5Many, AnyBlockSize) {
  Streams streams;
  for (std::size_t i = 0; i < 20; i++)
    streams.push_back(part(i, 5000 + 17 * i));
  for (std::size_t block_size : {64u, 65u, 127u, 128u, 1000u, 4096u, 1u << 20})
    check(streams, block_size);
  Streams one = {part(0, 10)};
  EXPECT_EQ(md5_many(one)[0], reference(one[0]));
}

// The length in bits needs more than 32 bits. The stream is made up as it is read, so this needs no
// memory; the digest is what md5sum says of it.
TEST_F(Md5Many, MoreThan512MiB) {
  std::vector<Md5Source> sizes = {{(std::uint64_t{1} << 29) + 100}};
  auto read = [](void*, std::size_t, std::uint64_t, std::span<std::byte> out) {
    std::memset(out.data(), 'Z', out.size());
  };
  EXPECT_EQ(hex(md5_many(sizes, read, nullptr, 1 << 16)[0]), "d3eeb933f5312b6eadbfd5c200962079");
}

TEST_F(Md5Many, AFailingReaderIsHeard) {
  std::vector<Md5Source> sizes(5, {1000});
  auto read = [](void*, std::size_t stream, std::uint64_t, std::span<std::byte>) {
    if (stream == 3) throw std::runtime_error("no");
  };
  EXPECT_THROW(md5_many(sizes, read, nullptr), std::runtime_error);
}

TEST_F(Md5Many, TwoThreads) {
  Streams streams;
  for (std::size_t i = 0; i < 40; i++)
    streams.push_back(part(i, 20000 + i));
  std::vector<Md5Digest> other;
  std::thread thread([&] { other = md5_many(streams); });
  std::vector<Md5Digest> mine = md5_many(streams);
  thread.join();
  EXPECT_EQ(mine, other);
  expect_equal(streams, mine);
}

TEST(Hash, Hex) { EXPECT_EQ(hex(std::vector<std::uint8_t>{0x00, 0x9f, 0xff}), "009fff"); }

}  // namespace
}  // namespace mlc
