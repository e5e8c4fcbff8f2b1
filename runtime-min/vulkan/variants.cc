#include "runtime-min/vulkan/variants.h"

#include <algorithm>
#include <bit>

#include "runtime-min/kernels/kernel_modules.h"

namespace mlc {
namespace {

using Traits = DeviceTraits;

std::uint64_t pieces(std::uint64_t count, std::uint64_t size) { return (count + size - 1) / size; }

// Word `index`, among all words of the dispatch.
std::uint32_t word(const Dispatch& d, std::size_t index) { return d.words[index]; }

// One invocation per item.
Launch per_item(const Traits& traits, std::uint64_t items) {
  // A work-group of a CPU device is a task of one thread: none is large.
  const std::uint32_t lanes = traits.is_cpu ? 32 : 64;
  return {{lanes}, pieces(items, lanes), 1};
}

template <std::size_t... kFactors>
Launch items_of(const Traits& traits, const Dispatch& d) {
  return per_item(traits, (std::uint64_t{1} * ... * d.words[kFactors]));
}

// Items are pairs of the rotated or stored elements.
Launch rope_launch(const Traits& t, const Dispatch& d) {
  return per_item(t, std::uint64_t{word(d, 3)} * word(d, 4) * (word(d, 2) / 2));
}
Launch kv_store_launch(const Traits& t, const Dispatch& d) {
  return per_item(t, std::uint64_t{word(d, 3)} * word(d, 2) * (word(d, 1) / 2));
}

// Four words at a time where everything allows it.
Launch copy_launch(const Traits& t, const Dispatch& d) {
  const std::uint32_t vectors =
      std::all_of(d.words.begin() + 1, d.words.begin() + 6, [](auto w) { return w % 4 == 0; });
  Launch launch =
      per_item(t, std::uint64_t{word(d, 0)} * (vectors != 0 ? word(d, 1) / 4 : word(d, 1)));
  launch.constants[1] = vectors;
  return launch;
}

// Work-groups that reduce: one subgroup without barriers, several subgroups, or a tree.
std::uint64_t reductions(const Dispatch& d) {
  switch (d.kernel) {
    case Kernel::kNorm:
      return std::uint64_t{word(d, 6)} * word(d, 7);
    case Kernel::kTopExperts:
      return word(d, 3);
    case Kernel::kTopK:
      return word(d, 2);
    default:  // argmax, softmax
      return word(d, 1);
  }
}
// What the lanes of a work-group share: iterations of loops, of one lane if it were alone.
std::uint64_t iterations(const Dispatch& d) {
  switch (d.kernel) {
    case Kernel::kNorm:
      return 3 * std::uint64_t{word(d, 1)};
    case Kernel::kTopExperts:
    case Kernel::kTopK:
      return std::uint64_t{word(d, 0)} * (word(d, 1) + 1);
    default:
      return 3 * std::uint64_t{word(d, 0)};
  }
}
// llvmpipe ends a shader's loops, without a word, after 65535 iterations in all.
constexpr std::uint64_t kMostIterations = 60000;

// As many lanes as have something to do; norms are up to 16384 wide.
std::uint32_t useful_lanes(const Traits& traits, const Dispatch& d) {
  const std::uint64_t wanted =
      traits.is_cpu ? std::max<std::uint64_t>(32, iterations(d) / (kMostIterations / 2))
                    : (d.kernel == Kernel::kNorm ? word(d, 1) : word(d, 0)) / 4;
  const std::uint64_t most = traits.is_cpu ? 1024 : 256;
  const std::uint64_t least = std::max<std::uint64_t>(32, traits.subgroup_size);
  return static_cast<std::uint32_t>(
      std::clamp(std::bit_ceil(std::max<std::uint64_t>(1, wanted)), least,
                 std::max(least, std::min<std::uint64_t>(most, traits.max_lanes))));
}
bool one_is_enough(const Traits& t, const Dispatch& d) {
  return iterations(d) / t.subgroup_size < kMostIterations;
}
Launch reduce_one(const Traits& t, const Dispatch& d) {
  return {{t.subgroup_size, 1}, reductions(d), 1};
}
Launch reduce_subgroups(const Traits& t, const Dispatch& d) {
  return {{useful_lanes(t, d), 0}, reductions(d), 1};
}
Launch reduce_tree(const Traits& t, const Dispatch& d) {
  return {{useful_lanes(t, d)}, reductions(d), 1};
}

// attention: a work-group per row and head.
std::uint64_t heads_of(const Dispatch& d) { return std::uint64_t{word(d, 4)} * word(d, 3); }
Launch attention_one(const Traits& t, const Dispatch& d) {
  return {{t.subgroup_size, t.subgroup_size, 2}, heads_of(d), 1};
}
std::uint32_t attention_subgroups(const Traits& t, const Dispatch& d) {
  // Values of all subgroups stand in shared memory.
  const std::uint32_t fit = (t.max_shared_bytes - 1024) / (word(d, 1) * 4);
  // A prompt has enough work-groups; for one row, more subgroups share its positions.
  const std::uint32_t wanted = heads_of(d) >= 1024 ? 4 : 16;
  return std::max<std::uint32_t>(1, std::min({wanted, fit, t.max_lanes / t.subgroup_size}));
}
Launch attention_many(const Traits& t, const Dispatch& d) {
  return {{attention_subgroups(t, d) * t.subgroup_size, t.subgroup_size, 4}, heads_of(d), 1};
}
Launch attention_lanes(const Traits& t, const Dispatch& d) {
  Launch launch = per_item(t, heads_of(d));
  // A head is much work: few per group.
  launch.constants[0] = 8;
  launch.groups = pieces(heads_of(d), 8);
  return launch;
}

// matmul and moe_matmul. A column is a row of x, or a slot.
bool is_moe(const Dispatch& d) { return d.kernel == Kernel::kMoeMatmul; }
std::uint32_t columns_of(const Dispatch& d) {
  return is_moe(d) ? word(d, 7) * word(d, 5) : word(d, 6);
}

std::uint32_t x_aligned(const Dispatch& d) {
  return is_moe(d) ? word(d, 8) % 4 == 0 : word(d, 7) % 4 == 0 && word(d, 8) % 4 == 0;
}

Launch lanes_launch(const Dispatch& d, std::uint32_t rows, std::uint32_t columns) {
  constexpr std::uint32_t kLanes = 8;
  return {{kLanes, rows, columns, x_aligned(d)},
          pieces(word(d, 3), std::uint64_t{kLanes} * rows),
          static_cast<std::uint32_t>(pieces(columns_of(d), columns))};
}
// Iterations for each row: blocks of 16 bytes, or words where rows don't begin at such.
std::uint64_t blocks_of(const Dispatch& d) {
  const std::uint64_t k = word(d, 2);
  switch (WeightFormat{word(d, 0)}) {
    case WeightFormat::kF32:
      return k % 4 == 0 ? k / 4 : k;
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      return k % 8 == 0 ? k / 8 : k / 2;
    default:
      return pieces(k, 32);
  }
}
bool eight_rows(const Traits&, const Dispatch& d) { return blocks_of(d) * 9 < kMostIterations; }
bool eight_by_four(const Traits&, const Dispatch& d) { return blocks_of(d) * 45 < kMostIterations; }
Launch one_column(const Traits& t, const Dispatch& d) {
  return lanes_launch(d, eight_rows(t, d) ? 8 : 1, 1);
}
Launch four_columns(const Traits&, const Dispatch& d) { return lanes_launch(d, 8, 4); }

// x as a uniform buffer: all of it must be within the range, and vectors must be aligned.
bool x_is_uniform(const Traits& t, const Dispatch& d) {
  const std::uint64_t offset = is_moe(d) ? 0 : word(d, 8);
  const std::uint64_t x_rows =
      is_moe(d) ? std::uint64_t{word(d, 7)} * (word(d, 6) != 0 ? word(d, 5) : 1) : word(d, 6);
  // The shader reads whole vectors of it only.
  const bool grouped = word(d, 0) >= static_cast<std::uint32_t>(WeightFormat::kQ4);
  const std::uint32_t unit = grouped || WeightFormat{word(d, 0)} == WeightFormat::kF32 ? 4 : 8;
  if (x_rows == 0 || x_aligned(d) == 0 || word(d, 2) % unit != 0 || !eight_rows(t, d)) return false;
  const std::uint64_t stride = is_moe(d) ? word(d, 8) : word(d, 7);
  return (offset + (x_rows - 1) * stride + word(d, 2)) * 4 <= t.max_uniform_bytes;
}
bool few_uniform_columns(const Traits& t, const Dispatch& d) {
  return columns_of(d) <= 2 && x_is_uniform(t, d);
}
bool up_to_8(const Traits&, const Dispatch& d) { return is_moe(d) || columns_of(d) <= 8; }

// About 15 KB of weights have to be on their way to each core of a large GPU. With few rows there
// are few subgroups, so each asks for more units of fewer rows (docs/design.md, "Kernels").
Launch rows_launch(const Traits& t, const Dispatch& d, std::uint32_t lanes, std::uint32_t teams) {
  const std::uint32_t columns = is_moe(d) ? 1 : std::min<std::uint32_t>(columns_of(d), 8);
  std::uint32_t rows = word(d, 3) >= 8192 ? 4 : word(d, 3) >= 1024 ? 2 : 1;
  std::uint32_t ahead = t.is_cpu || columns > 2 ? 1 : 8 / rows;
  if (columns > 4) rows = std::min<std::uint32_t>(rows, 2);
  return {{lanes, rows, columns, ahead, x_aligned(d)},
          pieces(word(d, 3), std::uint64_t{rows} * teams),
          is_moe(d) ? columns_of(d) : static_cast<std::uint32_t>(pieces(columns_of(d), columns))};
}
Launch subgroup_rows(const Traits& t, const Dispatch& d) {
  const std::uint32_t teams = std::max<std::uint32_t>(1, 128 / t.subgroup_size);
  return rows_launch(t, d, teams * t.subgroup_size, teams);
}
Launch tree_rows(const Traits& t, const Dispatch& d) {
  return rows_launch(t, d, t.is_cpu ? 8 : 64, 1);
}
Launch tiles(const Traits&, const Dispatch& d) {
  return {{128}, pieces(word(d, 3), 64), static_cast<std::uint32_t>(pieces(word(d, 6), 64))};
}
bool tiles_fit(const Traits& t, const Dispatch&) {
  return t.max_lanes >= 128 && t.max_shared_bytes >= 2 * 64 * 40 * 4;
}

constexpr std::uint32_t kX = 1;  // buffer 0

constexpr Variant kVariants[] = {
    {Kernel::kEmbed, "embed", "embed", Wants::kAny, false, 0, 1, nullptr, items_of<2, 4>},

    {Kernel::kNorm, "norm_one", "norm_subgroup", Wants::kCpu, true, 0, 2, one_is_enough,
     reduce_one},
    {Kernel::kNorm, "norm_subgroup", "norm_subgroup", Wants::kGpu, true, 0, 2, nullptr,
     reduce_subgroups},
    {Kernel::kNorm, "norm_tree", "norm", Wants::kAny, false, 0, 1, nullptr, reduce_tree},

    {Kernel::kMatmul, "matmul_uniform", "matmul_uniform", Wants::kCpu, false, kX, 4,
     few_uniform_columns, one_column},
    {Kernel::kMatmul, "matmul_lanes4", "matmul_lanes", Wants::kCpu, false, 0, 4, eight_by_four,
     four_columns},
    {Kernel::kMatmul, "matmul_subgroup", "matmul_rows_subgroup", Wants::kGpu, true, 0, 5, up_to_8,
     subgroup_rows},
    {Kernel::kMatmul, "matmul_tree", "matmul_rows", Wants::kGpu, false, 0, 5, up_to_8, tree_rows},
    {Kernel::kMatmul, "matmul_tiled", "matmul_tiled", Wants::kGpu, false, 0, 1, tiles_fit, tiles},
    {Kernel::kMatmul, "matmul_lanes", "matmul_lanes", Wants::kAny, false, 0, 4, nullptr,
     one_column},

    {Kernel::kMoeMatmul, "moe_matmul_uniform", "moe_matmul_uniform", Wants::kCpu, false, kX, 4,
     x_is_uniform, one_column},
    {Kernel::kMoeMatmul, "moe_matmul_subgroup", "moe_matmul_rows_subgroup", Wants::kGpu, true, 0, 5,
     nullptr, subgroup_rows},
    {Kernel::kMoeMatmul, "moe_matmul_tree", "moe_matmul_rows", Wants::kGpu, false, 0, 5, nullptr,
     tree_rows},
    {Kernel::kMoeMatmul, "moe_matmul_lanes", "moe_matmul_lanes", Wants::kAny, false, 0, 4, nullptr,
     one_column},

    {Kernel::kRope, "rope", "rope", Wants::kAny, false, 0, 1, nullptr, rope_launch},
    {Kernel::kKvStore, "kv_store", "kv_store", Wants::kAny, false, 0, 1, nullptr, kv_store_launch},

    {Kernel::kAttention, "attention_one", "attention", Wants::kCpu, true, 0, 3, nullptr,
     attention_one},
    {Kernel::kAttention, "attention_subgroup", "attention", Wants::kGpu, true, 0, 3, nullptr,
     attention_many},
    {Kernel::kAttention, "attention_lanes", "attention_lanes", Wants::kAny, false, 0, 1, nullptr,
     attention_lanes},

    {Kernel::kActivate, "activate", "activate", Wants::kAny, false, 0, 1, nullptr, items_of<2, 3>},
    {Kernel::kCombine, "combine", "combine", Wants::kAny, false, 0, 1, nullptr, items_of<2, 3>},

    {Kernel::kTopExperts, "top_experts_one", "top_experts_subgroup", Wants::kCpu, true, 0, 2,
     one_is_enough, reduce_one},
    {Kernel::kTopExperts, "top_experts_subgroup", "top_experts_subgroup", Wants::kGpu, true, 0, 2,
     nullptr, reduce_subgroups},
    {Kernel::kTopExperts, "top_experts_tree", "top_experts", Wants::kAny, false, 0, 1, nullptr,
     reduce_tree},

    {Kernel::kMoeSum, "moe_sum", "moe_sum", Wants::kAny, false, 0, 1, nullptr, items_of<2, 3>},

    {Kernel::kArgmax, "argmax_one", "argmax_subgroup", Wants::kCpu, true, 0, 2, one_is_enough,
     reduce_one},
    {Kernel::kArgmax, "argmax_subgroup", "argmax_subgroup", Wants::kGpu, true, 0, 2, nullptr,
     reduce_subgroups},
    {Kernel::kArgmax, "argmax_tree", "argmax", Wants::kAny, false, 0, 1, nullptr, reduce_tree},

    {Kernel::kSoftmax, "softmax_one", "softmax_subgroup", Wants::kCpu, true, 0, 2, one_is_enough,
     reduce_one},
    {Kernel::kSoftmax, "softmax_subgroup", "softmax_subgroup", Wants::kGpu, true, 0, 2, nullptr,
     reduce_subgroups},
    {Kernel::kSoftmax, "softmax_tree", "softmax", Wants::kAny, false, 0, 1, nullptr, reduce_tree},

    {Kernel::kTopK, "top_k_one", "top_k_subgroup", Wants::kCpu, true, 0, 2, one_is_enough,
     reduce_one},
    {Kernel::kTopK, "top_k_subgroup", "top_k_subgroup", Wants::kGpu, true, 0, 2, nullptr,
     reduce_subgroups},
    {Kernel::kTopK, "top_k_tree", "top_k", Wants::kAny, false, 0, 1, nullptr, reduce_tree},

    {Kernel::kTokenShift, "token_shift", "token_shift", Wants::kAny, false, 0, 1, nullptr,
     items_of<0>},
    {Kernel::kWkv5, "wkv5", "wkv5", Wants::kAny, false, 0, 1, nullptr, items_of<0, 1, 2>},
    {Kernel::kWkv6, "wkv6", "wkv6", Wants::kAny, false, 0, 1, nullptr, items_of<0, 1, 2>},
    {Kernel::kCopy, "copy", "copy", Wants::kAny, false, 0, 2, nullptr, copy_launch},
};

// Every kernel has a version that needs nothing of the device, behind all others.
constexpr bool kernels_are_covered() {
  for (const KernelInfo& info : kKernels) {
    const Variant* last = nullptr;
    for (const Variant& variant : kVariants)
      if (variant.kernel == info.kernel) last = &variant;
    if (last == nullptr || last->wants != Wants::kAny || last->subgroups ||
        last->applies != nullptr || last->uniforms != 0)
      return false;
  }
  return true;
}
static_assert(kernels_are_covered());

}  // namespace

std::span<const Variant> vulkan_variant_rows() { return kVariants; }

std::vector<const Variant*> variants_for(const DeviceTraits& traits, const Dispatch& dispatch,
                                         const KernelModules* modules) {
  std::vector<const Variant*> found;
  for (const Variant& variant : kVariants) {
    if (variant.kernel != dispatch.kernel) continue;
    if (variant.subgroups && !traits.subgroup_arithmetic) continue;
    if (modules != nullptr && modules->spirv.count(variant.shader) == 0) continue;
    if (variant.applies != nullptr && !variant.applies(traits, dispatch)) continue;
    found.push_back(&variant);
  }
  const Wants other = traits.is_cpu ? Wants::kGpu : Wants::kCpu;
  std::stable_partition(found.begin(), found.end(),
                        [&](const Variant* variant) { return variant->wants != other; });
  return found;
}

}  // namespace mlc
