#include "runtime-min/opencl/variants.h"

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

// Words of one kernel as kernels.h numbers them.
enum Matmul : std::size_t { kFormat = 0, kK = 2, kN = 3, kRows = 6 };
enum Moe : std::size_t { kTopK = 5, kPerSlot = 6, kMoeRows = 7 };

constexpr bool always(const Words& /*w*/) { return true; }
constexpr bool grouped(const Words& w) {
  return w[kFormat] == std::uint32_t{3} || w[kFormat] == std::uint32_t{4};
}
template <std::uint32_t kMost>
constexpr bool few(const Words& w) {
  return w[kRows] <= kMost;
}
template <std::uint32_t kMost>
constexpr bool grouped_few(const Words& w) {
  return grouped(w) && few<kMost>(w);
}

// A work-item for each element of [rows, width]; the widths are products of words.
template <std::size_t kRowsWord, std::size_t... kWidthWords>
Groups elements(const OpenClVariant& v, const Words& w) {
  return {divide_up((std::size_t{w[kWidthWords]} * ...), v.local), w[kRowsWord]};
}
// The same for each `vec` elements.
template <std::size_t kRowsWord, std::size_t kWidthWord>
Groups vectors(const OpenClVariant& v, const Words& w) {
  return {divide_up(w[kWidthWord], std::size_t{v.local} * v.vec), w[kRowsWord]};
}
Groups rope_pairs(const OpenClVariant& v, const Words& w) {
  return {divide_up(std::size_t{w[2]} / 2 * w[4], v.local), w[3]};
}
// A work-item for each of so many, the rows in a loop.
template <std::size_t... kWidthWords>
Groups columns(const OpenClVariant& v, const Words& w) {
  return {divide_up((std::size_t{w[kWidthWords]} * ...), v.local), 1};
}
// A group for each row.
template <std::size_t kRowsWord>
Groups rows(const OpenClVariant& /*v*/, const Words& w) {
  return {1, w[kRowsWord]};
}
// A group for each row and head.
template <std::size_t kRowsWord, std::size_t kHeadsWord>
Groups heads(const OpenClVariant& /*v*/, const Words& w) {
  return {w[kHeadsWord], w[kRowsWord]};
}

// Of matmul and moe_matmul: blocks of the result. A variant with one work-item in a group gives
// each a block, the others each group.
std::size_t matmul_columns(const OpenClVariant& v, const Words& w) {
  return v.kernel == Kernel::kMatmul ? std::size_t{w[kRows]} : std::size_t{w[kMoeRows]} * w[kTopK];
}
Groups blocks(const OpenClVariant& v, const Words& w) {
  return {divide_up(w[kN], v.rows), divide_up(matmul_columns(v, w), v.cols)};
}

// matmul_wide.cl: blocks of four groups; 16 lanes for each code and one more.
std::size_t wide_blocks(const Words& w) {
  return divide_up(w[kK], w[kFormat] == 3 ? std::size_t{128} : std::size_t{160});
}
std::uint64_t wide_bytes(const Words& w, std::uint64_t columns) {
  const std::uint64_t codes = w[kFormat] == 3 ? 8 : 10;
  return columns * wide_blocks(w) * (codes + 1) * 16 * sizeof(float);
}
std::uint64_t moe_columns(const Words& w) {
  return w[kPerSlot] != 0 ? std::uint64_t{w[kMoeRows]} * w[kTopK] : w[kMoeRows];
}
std::uint64_t packed_matmul(const Words& w) { return wide_bytes(w, w[kRows]); }
std::uint64_t packed_moe(const Words& w) { return wide_bytes(w, moe_columns(w)); }
Groups pack_matmul(const Words& w) { return {wide_blocks(w), w[kRows]}; }
Groups pack_moe(const Words& w) { return {wide_blocks(w), moe_columns(w)}; }

constexpr auto kAny = OpenClClass::kAny;
constexpr auto kCpu = OpenClClass::kCpu;
constexpr auto kGpu = OpenClClass::kGpu;

// Groups of 64 fit every device of interest (the smallest have 64), as 16 KiB of local memory do.
// clang-format off
constexpr OpenClVariant kVariants[] = {
    {Kernel::kEmbed, "embed", "embed", kAny, always, 1, 64, 4, 1, 1, elements<4, 2>, nullptr, nullptr},
    {Kernel::kNorm, "norm_item", "norm", kCpu, always, 0, 1, 16, 1, 1, heads<6, 7>, nullptr, nullptr},
    {Kernel::kNorm, "norm_group", "norm", kGpu, always, 0, 64, 4, 1, 1, heads<6, 7>, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_wide4x1", "matmul_wide", kCpu, grouped_few<1>, 1, 1, 16, 4, 1, blocks, packed_matmul, pack_matmul},
    {Kernel::kMatmul, "matmul_wide4x4", "matmul_wide", kCpu, grouped, 1, 1, 16, 4, 4, blocks, packed_matmul, pack_matmul},
    {Kernel::kMatmul, "matmul_rows4x1", "matmul_rows", kCpu, few<1>, 1, 1, 16, 4, 1, blocks, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_rows4x4", "matmul_rows", kCpu, always, 1, 1, 16, 4, 4, blocks, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_group4x1", "matmul_group", kGpu, few<1>, 1, 64, 4, 4, 1, blocks, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_group4x4", "matmul_group", kGpu, few<4>, 1, 64, 4, 4, 4, blocks, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_group2x8", "matmul_group", kGpu, few<8>, 1, 64, 4, 2, 8, blocks, nullptr, nullptr},
    {Kernel::kMatmul, "matmul_tile", "matmul_tile", kGpu, always, 1, 64, 4, 32, 32, blocks, nullptr, nullptr},
    {Kernel::kMoeMatmul, "moe_matmul_wide", "matmul_wide", kCpu, grouped, 1, 1, 16, 4, 1, blocks, packed_moe, pack_moe},
    {Kernel::kMoeMatmul, "moe_matmul_rows", "matmul_rows", kCpu, always, 1, 1, 16, 4, 1, blocks, nullptr, nullptr},
    {Kernel::kMoeMatmul, "moe_matmul_group", "matmul_group", kGpu, always, 1, 64, 4, 4, 1, blocks, nullptr, nullptr},
    {Kernel::kRope, "rope", "rope", kAny, always, 0, 64, 4, 1, 1, rope_pairs, nullptr, nullptr},
    {Kernel::kKvStore, "kv_store", "kv_store", kAny, always, 1, 64, 4, 1, 1, elements<3, 1, 2>, nullptr, nullptr},
    {Kernel::kAttention, "attention_item", "attention", kCpu, always, 2, 1, 16, 1, 1, heads<4, 3>, nullptr, nullptr},
    {Kernel::kAttention, "attention_group", "attention", kGpu, always, 2, 64, 4, 1, 1, heads<4, 3>, nullptr, nullptr},
    {Kernel::kActivate, "activate", "activate", kAny, always, 1, 64, 4, 1, 1, elements<2, 3>, nullptr, nullptr},
    {Kernel::kCombine, "combine", "combine", kAny, always, 1, 64, 4, 1, 1, elements<2, 3>, nullptr, nullptr},
    {Kernel::kTopExperts, "top_experts_item", "top_experts", kCpu, always, 0, 1, 4, 1, 1, rows<3>, nullptr, nullptr},
    {Kernel::kTopExperts, "top_experts_group", "top_experts", kGpu, always, 0, 64, 4, 1, 1, rows<3>, nullptr, nullptr},
    {Kernel::kMoeSum, "moe_sum", "moe_sum", kAny, always, 0, 64, 4, 1, 1, elements<2, 3>, nullptr, nullptr},
    {Kernel::kArgmax, "argmax_item", "argmax", kCpu, always, 0, 1, 4, 1, 1, rows<1>, nullptr, nullptr},
    {Kernel::kArgmax, "argmax_group", "argmax", kGpu, always, 0, 64, 4, 1, 1, rows<1>, nullptr, nullptr},
    {Kernel::kSoftmax, "softmax_item", "softmax", kCpu, always, 0, 1, 16, 1, 1, rows<1>, nullptr, nullptr},
    {Kernel::kSoftmax, "softmax_group", "softmax", kGpu, always, 0, 64, 4, 1, 1, rows<1>, nullptr, nullptr},
    {Kernel::kTopK, "top_k", "top_k", kAny, always, 0, 64, 4, 1, 1, rows<2>, nullptr, nullptr},
    {Kernel::kTokenShift, "token_shift", "token_shift", kAny, always, 0, 64, 4, 1, 1, columns<0>, nullptr, nullptr},
    {Kernel::kWkv5, "wkv5", "wkv5", kAny, always, 0, 64, 4, 1, 1, columns<0, 1>, nullptr, nullptr},
    {Kernel::kWkv6, "wkv6", "wkv6", kAny, always, 0, 64, 4, 1, 1, columns<0, 1>, nullptr, nullptr},
    {Kernel::kCopy, "copy_wide", "copy", kCpu, always, 0, 64, 16, 1, 1, vectors<0, 1>, nullptr, nullptr},
    {Kernel::kCopy, "copy", "copy", kGpu, always, 0, 64, 4, 1, 1, vectors<0, 1>, nullptr, nullptr},
};
// clang-format on

// Every kernel has a version for both classes that takes any words.
constexpr bool every_kernel_is_there() {
  for (const KernelInfo& kernel : kKernels)
    for (const OpenClClass wanted : {kCpu, kGpu}) {
      bool found = false;
      for (const OpenClVariant& v : kVariants)
        found = found || (v.kernel == kernel.kernel && v.applies == always &&
                          (v.device_class == kAny || v.device_class == wanted));
      if (!found) return false;
    }
  return true;
}
static_assert(every_kernel_is_there());

}  // namespace

std::span<const OpenClVariant> opencl_variants() { return kVariants; }

const OpenClVariant& choose_opencl_variant(OpenClClass device_class, const Dispatch& dispatch) {
  for (const OpenClVariant& variant : kVariants)
    if (variant.kernel == dispatch.kernel &&
        (variant.device_class == kAny || variant.device_class == device_class) &&
        variant.applies(dispatch.words))
      return variant;
  fail(ExitCode::kBug, "opencl: no version of {}", info_of(dispatch.kernel).name);
}

}  // namespace mlc
