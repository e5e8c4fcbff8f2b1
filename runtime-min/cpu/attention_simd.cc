// attention: up to four query heads share each key and value that is read.
//
// Scores of all visible positions first, then their softmax, then the sum of the values: the order
// of every sum is that of the positions, so that heads may be grouped in any way.
#include <algorithm>
#include <array>
#include <limits>

#include "runtime-min/cpu/fast.h"
#include "runtime-min/cpu/kv_cache.h"
#include "runtime-min/cpu/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime-min/cpu/attention_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "runtime-min/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

constexpr std::size_t kHeadsAtOnce = 4;
// Vectors of a head whose sums stay in registers while the values pass by.
constexpr std::size_t kSlab = 4;

struct CacheF32 {
  using T = float;
  static HWY_INLINE VF load(const T* from) { return hn::LoadU(F(), from); }
};
struct CacheF16 {
  using T = hwy::float16_t;
  static HWY_INLINE VF load(const T* from) {
    return hn::PromoteTo(F(), hn::LoadU(hn::Rebind<T, F>(), from));
  }
};

template <class Cache>
HWY_INLINE VF load_part(const typename Cache::T* from, std::size_t count) {
  alignas(64) typename Cache::T part[16] = {};
  std::memcpy(part, from, count * sizeof(part[0]));
  return Cache::load(part);
}

// Places of the cache that are seen, in the order of their positions.
struct Places {
  struct Part {
    std::size_t first, count;
  };
  std::array<Part, 5> parts{};
  std::size_t size = 0, count = 0;

  void add(std::size_t first, std::size_t n) {
    if (n == 0) return;
    parts[size++] = {first, n};
    count += n;
  }
};

// Positions [begin, end) behind the sinks, which turn in a ring of `ring` places.
void add_ring(Places& places, std::size_t begin, std::size_t end, std::size_t sink,
              std::size_t ring) {
  while (begin < end) {
    const std::size_t at = (begin - sink) % ring, n = std::min(end - begin, ring - at);
    places.add(sink + at, n);
    begin += n;
  }
}

Places seen_places(std::size_t position, std::size_t capacity, std::size_t sink,
                   std::size_t window) {
  Places places;
  const std::size_t end = position + 1;
  std::size_t begin = window == 0 || end <= window ? 0 : end - window;
  const std::size_t sinks = std::min(sink, end);
  if (begin <= sink) begin = sinks;
  places.add(0, sinks);
  if (begin < end) {
    // More than the ring holds is not there any more; the newest is.
    const std::size_t ring = capacity - sink;
    add_ring(places, std::max(begin, end - std::min(end - begin, ring)), end, sink, ring);
  }
  return places;
}

// Turns scores into weights of sum 1 before the division, which is returned.
HWY_INLINE float exponentials(float* scores, std::size_t count, float softcap) {
  const F d;
  VF top = hn::Set(d, -std::numeric_limits<float>::infinity());
  float largest = -std::numeric_limits<float>::infinity();
  if (softcap != 0) {
    const VF cap = hn::Set(d, softcap);
    for_vectors(0, count, [&](const auto& load, const auto& store) HWY_ATTR {
      store(hn::Mul(cap, hn::Tanh(d, hn::Div(load(scores), cap))), scores);
    });
  }
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    top = hn::Max(top, hn::LoadU(d, scores + i));
  largest = max_of_lanes(top);
  for (; i < count; i++)
    largest = std::max(largest, scores[i]);
  const VF shift = hn::Set(d, largest);
  for_vectors(0, count, [&](const auto& load, const auto& store) HWY_ATTR {
    store(exp_of(hn::Sub(load(scores), shift)), scores);
  });
  VF sum = hn::Zero(d);
  for_vectors(0, count,
              [&](const auto& load, const auto&) HWY_ATTR { sum = hn::Add(sum, load(scores)); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

struct Shape {
  std::size_t head_dim;
  float scale, softcap;
};

// kHeads heads from q on, the next one head_dim behind, against one head of the cache.
template <class Cache, std::size_t kHeads>
void attend(const Shape& shape, const float* q, const typename Cache::T* keys,
            const typename Cache::T* values, const Places& places, float* y) {
  static thread_local Scratch score_scratch;
  const F d;
  const std::size_t lanes = hn::Lanes(d), n = shape.head_dim, whole = n / lanes * lanes;
  float* scores = score_scratch.floats(kHeads * places.count);
  std::size_t t = 0;
  for (std::size_t part = 0; part < places.size; part++)
    for (std::size_t i = 0; i < places.parts[part].count; i++, t++) {
      const typename Cache::T* key = keys + (places.parts[part].first + i) * n;
      VF sum[kHeads];
      for (VF& s : sum)
        s = hn::Zero(d);
      for (std::size_t c = 0; c < whole; c += lanes) {
        const VF k = Cache::load(key + c);
        for (std::size_t h = 0; h < kHeads; h++)
          sum[h] = hn::MulAdd(k, hn::LoadU(d, q + h * n + c), sum[h]);
      }
      if (whole < n) {
        const VF k = load_part<Cache>(key + whole, n - whole);
        for (std::size_t h = 0; h < kHeads; h++)
          sum[h] = hn::MulAdd(k, load_part<CacheF32>(q + h * n + whole, n - whole), sum[h]);
      }
      for (std::size_t h = 0; h < kHeads; h++)
        scores[h * places.count + t] = shape.scale * hn::GetLane(hn::SumOfLanes(d, sum[h]));
    }
  std::array<float, kHeads> divisor{};
  for (std::size_t h = 0; h < kHeads; h++)
    divisor[h] = exponentials(scores + h * places.count, places.count, shape.softcap);

  auto add_values = [&](std::size_t c, auto vectors, const auto& load, const auto& store) HWY_ATTR {
    constexpr std::size_t kVectors = decltype(vectors)::value;
    VF sum[kHeads][kVectors];
    for (auto& row : sum)
      for (VF& s : row)
        s = hn::Zero(d);
    std::size_t at = 0;
    for (std::size_t part = 0; part < places.size; part++)
      for (std::size_t i = 0; i < places.parts[part].count; i++, at++) {
        const typename Cache::T* value = values + (places.parts[part].first + i) * n + c;
        for (std::size_t v = 0; v < kVectors; v++) {
          const VF x = load(value + v * lanes);
          for (std::size_t h = 0; h < kHeads; h++)
            sum[h][v] = hn::MulAdd(hn::Set(d, scores[h * places.count + at]), x, sum[h][v]);
        }
      }
    for (std::size_t h = 0; h < kHeads; h++)
      for (std::size_t v = 0; v < kVectors; v++)
        store(hn::Div(sum[h][v], hn::Set(d, divisor[h])), y + h * n + c + v * lanes);
  };
  auto load = [](const typename Cache::T* from) HWY_ATTR { return Cache::load(from); };
  auto store = [=](VF v, float* to) HWY_ATTR { hn::StoreU(v, d, to); };
  std::size_t c = 0;
  for (; c + kSlab * lanes <= n; c += kSlab * lanes)
    add_values(c, std::integral_constant<std::size_t, kSlab>(), load, store);
  for (; c + lanes <= n; c += lanes)
    add_values(c, std::integral_constant<std::size_t, 1>(), load, store);
  if (c < n)
    add_values(
        c, std::integral_constant<std::size_t, 1>(),
        [=](const typename Cache::T* from) HWY_ATTR { return load_part<Cache>(from, n - c); },
        [=](VF v, float* to) HWY_ATTR {
          alignas(64) float part[16];
          hn::Store(v, d, part);
          std::memcpy(to, part, (n - c) * sizeof(float));
        });
}

// Items are (row, query head).
template <class Cache>
void attention_as(const Arguments& a, std::size_t begin, std::size_t end) {
  const std::size_t head_dim = a.size(1), kv_heads = a.size(2), q_heads = a.size(3);
  const std::size_t capacity = a.size(9), shared = q_heads / kv_heads;
  const Shape shape{head_dim, a.real(12), a.real(13)};
  while (begin < end) {
    const std::size_t r = begin / q_heads, h = begin % q_heads;
    const std::size_t heads =
        std::min({kHeadsAtOnce, end - begin, shared - h % shared, q_heads - h});
    begin += heads;
    const RowState& state = a.rows(0)[r];
    float* y = a.f32(4) + r * a.size(7) + a.size(8) + h * head_dim;
    if (state.slot == kInactive) {
      std::fill_n(y, heads * head_dim, 0.0f);
      continue;
    }
    const float* q = a.f32(1) + r * a.size(5) + a.size(6) + h * head_dim;
    const std::size_t at = (state.slot * kv_heads + h / shared) * capacity * head_dim;
    const auto* keys = std::bit_cast<const typename Cache::T*>(a.data[2]) + at;
    const auto* values = std::bit_cast<const typename Cache::T*>(a.data[3]) + at;
    const Places places = seen_places(state.position, capacity, a.size(10), a.size(11));
    switch (heads) {
      case 1:
        attend<Cache, 1>(shape, q, keys, values, places, y);
        break;
      case 2:
        attend<Cache, 2>(shape, q, keys, values, places, y);
        break;
      case 3:
        attend<Cache, 3>(shape, q, keys, values, places, y);
        break;
      default:
        attend<Cache, 4>(shape, q, keys, values, places, y);
        break;
    }
  }
}

void attention(const Arguments& a, std::size_t begin, std::size_t end) {
  if (KvFormat{a.words[0]} == KvFormat::kF32)
    attention_as<CacheF32>(a, begin, end);
  else
    attention_as<CacheF16>(a, begin, end);
}

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {

HWY_EXPORT(attention);

void run_attention(const Arguments& a, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(attention)(a, begin, end);
}
std::size_t heads(const Arguments& a) { return a.size(4) * a.size(3); }
// Depends on the positions, which are not known here: as if they were a few hundred.
std::size_t head_cost(const Arguments& a) { return 10 * a.size(1); }

}  // namespace

constexpr CpuKernel kFastAttention = {heads, run_attention, head_cost, 4};

}  // namespace mlc
#endif  // HWY_ONCE
