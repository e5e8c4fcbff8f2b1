#include "base/md5_lanes.h"

#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "base/md5_lanes.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

// Everything every target shares, once.
#ifndef MLC_BASE_MD5_LANES_CC
#define MLC_BASE_MD5_LANES_CC

namespace mlc {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kBlock = 64;  // bytes
constexpr std::size_t kWords = 16;

// RFC 1321, 3.4: T[i] = floor(2^32 * |sin(i)|), i = 1..64 in radians.
constexpr std::array<std::uint32_t, 64> kSine = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

// Round r (0..3), step i (0..15): which message word it takes, and its constant.
constexpr std::size_t word_of(int round, std::size_t i) {
  constexpr std::array<std::size_t, 4> kFactor = {1, 5, 3, 7};
  constexpr std::array<std::size_t, 4> kStart = {0, 1, 5, 0};
  auto r = static_cast<std::size_t>(round);
  return (kFactor[r] * i + kStart[r]) % kWords;
}
constexpr std::uint32_t sine_of(int round, std::size_t i) {
  return kSine[kWords * static_cast<std::size_t>(round) + i];
}
constexpr std::array<std::array<int, 4>, 4> kShift = {
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

template <int kRound>
std::uint32_t mix_plain(std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  if constexpr (kRound == 0) return d ^ (b & (c ^ d));
  // The two terms share no bit, so their sum is their union, and the compiler can add the one
  // without b, which is the last to be known, early.
  if constexpr (kRound == 1) return (b & d) + (c & ~d);
  if constexpr (kRound == 2) return b ^ c ^ d;
  return c ^ (b | ~d);
}

template <int kRound>
void round_plain(const std::array<std::uint32_t, kWords>& m, std::array<std::uint32_t, 4>& s) {
  auto step = [&](std::uint32_t& a, std::uint32_t b, std::uint32_t c, std::uint32_t d,
                  std::size_t i) {
    std::uint32_t early = a + m[word_of(kRound, i)] + sine_of(kRound, i);
    a = b + std::rotl(early + mix_plain<kRound>(b, c, d), kShift[kRound][i % 4]);
  };
  for (std::size_t i = 0; i < kWords; i += 4) {
    step(s[0], s[1], s[2], s[3], i);
    step(s[3], s[0], s[1], s[2], i + 1);
    step(s[2], s[3], s[0], s[1], i + 2);
    step(s[1], s[2], s[3], s[0], i + 3);
  }
}

}  // namespace
}  // namespace mlc

#endif  // MLC_BASE_MD5_LANES_CC

HWY_BEFORE_NAMESPACE();
namespace mlc {
namespace HWY_NAMESPACE {

// Without vectors, or with emulated ones (0.4 GB/s), the plain loop is the fastest.
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || HWY_HAVE_SCALABLE

std::size_t most_lanes() { return 1; }
void advance(std::span<Md5Lane* const> lanes, std::size_t blocks) {
  for (Md5Lane* lane : lanes)
    md5_advance_plain(*lane, blocks);
}

#else

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<std::uint32_t>;
using D64 = hn::Repartition<std::uint64_t, D>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = HWY_LANES(std::uint32_t);

// Every step waits for the one before it (add, mix, add, rotate), so one set of vectors leaves the
// pipelines three quarters idle: four sets run 3 times as fast as one (18.4 against 6.2 GB/s with
// AVX-512). Limited to 32 lanes, as no caller has more shards at hand.
constexpr std::size_t kMostSets = kLanes >= 16 ? 2 : 4;

// Bytes to ask for in advance: 32 streams are more than the hardware's prefetcher follows (9.9
// against 5.9 GB/s from memory).
constexpr std::size_t kAhead = 256;

HWY_INLINE V load(const std::byte* data) {
  return hn::BitCast(D(), hn::LoadU(hn::Repartition<std::uint8_t, D>(),
                                    reinterpret_cast<const std::uint8_t*>(data)));
}

// In every 128-bit block: row p holds four words of stream p; after it, row w holds word w of four
// streams.
HWY_INLINE void transpose_words(V& r0, V& r1, V& r2, V& r3) {
  const D d;
  const D64 d64;
  const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(d64, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(d64, hn::InterleaveUpper(d, r2, r3));
  r0 = hn::BitCast(d, hn::InterleaveLower(d64, low01, low23));
  r1 = hn::BitCast(d, hn::InterleaveUpper(d64, low01, low23));
  r2 = hn::BitCast(d, hn::InterleaveLower(d64, high01, high23));
  r3 = hn::BitCast(d, hn::InterleaveUpper(d64, high01, high23));
}

// Words 4 * group .. 4 * group + 3 of kLanes streams: words[w] holds word w, lane i stream i.
HWY_INLINE void store_group(V r0, V r1, V r2, V r3, std::size_t group, std::uint32_t* words) {
  const D d;
  transpose_words(r0, r1, r2, r3);
  std::uint32_t* out = words + group * 4 * kLanes;
  hn::Store(r0, d, out);
  hn::Store(r1, d, out + kLanes);
  hn::Store(r2, d, out + 2 * kLanes);
  hn::Store(r3, d, out + 3 * kLanes);
}

// The next block of kLanes streams, by whole-vector loads and transposition in registers: gather
// instructions cost one load per lane and word.
HWY_INLINE void load_words(const std::byte* const* data, std::size_t at, std::uint32_t* words) {
#if HWY_MAX_BYTES == 16
  for (std::size_t group = 0; group < 4; group++) {
    const std::size_t from = at + 16 * group;
    store_group(load(data[0] + from), load(data[1] + from), load(data[2] + from),
                load(data[3] + from), group, words);
  }
#elif HWY_MAX_BYTES == 32
  const D d;
  for (std::size_t half = 0; half < 2; half++) {
    V low[4];
    V high[4];
    for (std::size_t p = 0; p < 4; p++) {
      const V first = load(data[p] + at + 32 * half);
      const V second = load(data[p + 4] + at + 32 * half);
      low[p] = hn::ConcatLowerLower(d, second, first);
      high[p] = hn::ConcatUpperUpper(d, second, first);
    }
    store_group(low[0], low[1], low[2], low[3], 2 * half, words);
    store_group(high[0], high[1], high[2], high[3], 2 * half + 1, words);
  }
#else
  const D d;
  // Blocks of streams p, p + 4, p + 8, p + 12, transposed as 4 by 4 blocks of 128 bits.
  V group[4][4];
  for (std::size_t p = 0; p < 4; p++) {
    const V s0 = load(data[p] + at);
    const V s1 = load(data[p + 4] + at);
    const V s2 = load(data[p + 8] + at);
    const V s3 = load(data[p + 12] + at);
    const V low02 = hn::ConcatLowerLower(d, s2, s0);
    const V low13 = hn::ConcatLowerLower(d, s3, s1);
    const V high02 = hn::ConcatUpperUpper(d, s2, s0);
    const V high13 = hn::ConcatUpperUpper(d, s3, s1);
    group[0][p] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(low13), low02);
    group[1][p] = hn::OddEvenBlocks(low13, hn::SwapAdjacentBlocks(low02));
    group[2][p] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(high13), high02);
    group[3][p] = hn::OddEvenBlocks(high13, hn::SwapAdjacentBlocks(high02));
  }
  for (std::size_t g = 0; g < 4; g++)
    store_group(group[g][0], group[g][1], group[g][2], group[g][3], g, words);
#endif
}

// early + mix_plain(b, c, d), with what does not wait for b first. (hn::IfVecThenElse selects by
// bit on some targets only; compilers make these into AVX-512's three-way instructions themselves.)
template <int kRound>
HWY_INLINE V add_mix(V early, V b, V c, V d) {
  if constexpr (kRound == 0) return hn::Add(early, hn::Xor(d, hn::And(b, hn::Xor(c, d))));
  if constexpr (kRound == 1) return hn::Add(hn::Add(early, hn::AndNot(d, c)), hn::And(b, d));
  if constexpr (kRound == 2) return hn::Add(early, hn::Xor(hn::Xor(c, d), b));
  return hn::Add(early, hn::Xor(c, hn::Or(b, hn::Not(d))));
}

template <int kRound, int kColumn, std::size_t kSets>
HWY_INLINE void step(const std::uint32_t* words, std::size_t i, V* a, const V* b, const V* c,
                     const V* d) {
  const V sine = hn::Set(D(), sine_of(kRound, i));
  const std::uint32_t* word = words + word_of(kRound, i) * kLanes;
  for (std::size_t set = 0; set < kSets; set++) {
    const V message = hn::Load(D(), word + set * kWords * kLanes);
    const V early = hn::Add(hn::Add(a[set], sine), message);
    const V sum = add_mix<kRound>(early, b[set], c[set], d[set]);
    a[set] = hn::Add(b[set], hn::RotateRight<32 - kShift[kRound][kColumn]>(sum));
  }
}

template <int kRound, std::size_t kSets>
HWY_INLINE void round(const std::uint32_t* words, V* a, V* b, V* c, V* d) {
  for (std::size_t i = 0; i < kWords; i += 4) {
    step<kRound, 0, kSets>(words, i, a, b, c, d);
    step<kRound, 1, kSets>(words, i + 1, d, a, b, c);
    step<kRound, 2, kSets>(words, i + 2, c, d, a, b);
    step<kRound, 3, kSets>(words, i + 3, b, c, d, a);
  }
}

// kSets * kLanes streams; idle lanes repeat the first stream and are thrown away.
template <std::size_t kSets>
void advance_sets(std::span<Md5Lane* const> lanes, std::size_t blocks) {
  const D d;
  constexpr std::size_t kAll = kSets * kLanes;
  const std::byte* data[kAll];
  HWY_ALIGN std::uint32_t words[kSets * kWords * kLanes];
  HWY_ALIGN std::uint32_t state[4][kAll];
  for (std::size_t lane = 0; lane < kAll; lane++) {
    const Md5Lane& from = *lanes[lane < lanes.size() ? lane : 0];
    data[lane] = from.data;
    for (std::size_t k = 0; k < 4; k++)
      state[k][lane] = from.state[k];
  }
  V s[4][kSets];
  for (std::size_t k = 0; k < 4; k++)
    for (std::size_t set = 0; set < kSets; set++)
      s[k][set] = hn::Load(d, state[k] + set * kLanes);
  for (std::size_t at = 0; at < blocks * kBlock; at += kBlock) {
    if (at + kAhead < blocks * kBlock)
      for (const std::byte* stream : data)
        hwy::Prefetch(stream + at + kAhead);
    for (std::size_t set = 0; set < kSets; set++)
      load_words(data + set * kLanes, at, words + set * kWords * kLanes);
    V before[4][kSets];
    for (std::size_t k = 0; k < 4; k++)
      for (std::size_t set = 0; set < kSets; set++)
        before[k][set] = s[k][set];
    round<0, kSets>(words, s[0], s[1], s[2], s[3]);
    round<1, kSets>(words, s[0], s[1], s[2], s[3]);
    round<2, kSets>(words, s[0], s[1], s[2], s[3]);
    round<3, kSets>(words, s[0], s[1], s[2], s[3]);
    for (std::size_t k = 0; k < 4; k++)
      for (std::size_t set = 0; set < kSets; set++)
        s[k][set] = hn::Add(s[k][set], before[k][set]);
  }
  for (std::size_t k = 0; k < 4; k++)
    for (std::size_t set = 0; set < kSets; set++)
      hn::Store(s[k][set], d, state[k] + set * kLanes);
  for (std::size_t lane = 0; lane < lanes.size(); lane++) {
    for (std::size_t k = 0; k < 4; k++)
      lanes[lane]->state[k] = state[k][lane];
    lanes[lane]->data += blocks * kBlock;
  }
}

std::size_t most_lanes() { return kMostSets * kLanes; }
template <std::size_t kSets>
void advance_with(std::span<Md5Lane* const> lanes, std::size_t blocks) {
  if (lanes.size() <= kSets * kLanes) return advance_sets<kSets>(lanes, blocks);
  if constexpr (kSets < kMostSets) advance_with<kSets + 1>(lanes, blocks);
}
void advance(std::span<Md5Lane* const> lanes, std::size_t blocks) {
  advance_with<1>(lanes, blocks);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mlc
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {

HWY_EXPORT(most_lanes);
HWY_EXPORT(advance);

std::size_t md5_lanes() { return HWY_DYNAMIC_DISPATCH(most_lanes)(); }

void md5_advance(std::span<Md5Lane* const> lanes, std::size_t blocks) {
  HWY_DYNAMIC_DISPATCH(advance)(lanes, blocks);
}

void md5_advance_plain(Md5Lane& lane, std::size_t blocks) {
  for (; blocks > 0; blocks--, lane.data += kBlock) {
    std::array<std::uint32_t, kWords> m;
    std::memcpy(m.data(), lane.data, kBlock);
    std::array<std::uint32_t, 4> s = lane.state;
    round_plain<0>(m, s);
    round_plain<1>(m, s);
    round_plain<2>(m, s);
    round_plain<3>(m, s);
    for (std::size_t k = 0; k < 4; k++)
      lane.state[k] += s[k];
  }
}

}  // namespace mlc
#endif  // HWY_ONCE
