// The kernels of the runtime: one list for all three backends, with the same names in C++, GLSL and
// OpenCL C. This file is their contract (the ABI that a kernel bundle declares): which buffers, in
// which order, which words, what is computed. The CPU reference (cpu/reference_*.cc) is the
// meaning; every other version is tested against it.
//
// Conventions
// - Activations are float32, [rows, width] row-major; a row is one token of one sequence. Sums are
//   float32 in a fixed order; no float atomics.
// - `words` are 32-bit: integers, or the bits of a float32 where a comment says float. The first
//   `specialized` words of a kernel are compile-time constants (specialization constants in Vulkan
//   with constant_id = index, -D W0=... in OpenCL); the others are push constants, at most 128
//   bytes.
// - Offsets and strides count elements, not bytes, from the start of the bound slice.
// - A slice may be empty where a word says that the buffer is not used; backends bind any buffer.
// - Params come to the device as the folder has them, except: vectors (norm weights, biases, small
//   constants) are widened to float32, and KN weights are transposed to NK (engine/weights.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mlc {

// How the elements of a weight matrix [n, k] lie. Group formats are MLC's: q_weight u32 [n, words],
// q_scale [n, groups], rows padded to whole groups; element (r, c) = (code - zero) * scale[r][c /
// group].
enum class WeightFormat : std::uint32_t {
  kF32 = 0,
  kF16 = 1,   // pairs in a u32, the lower half first; k even
  kBF16 = 2,  // likewise
  kQ4 = 3,    // 8 codes in a u32, lowest bits first; group 32, zero 7
  kQ3 = 4,    // 10 codes in a u32, lowest bits first; group 40, zero 3
};
// f16 and bf16 scales are read as halves of u32 words: element i of the bound slice is half i % 2
// of word i / 2.
enum class ScaleFormat : std::uint32_t { kF32 = 0, kF16 = 1, kBF16 = 2 };

// Rows of the batch: four words each, at word 4 * row of the state buffer.
struct RowState {
  std::uint32_t token = 0;
  std::uint32_t slot = 0;      // which sequence; kInactive: the row is padding
  std::uint32_t position = 0;  // in its sequence, from 0
  std::uint32_t reserved = 0;
};
inline constexpr std::uint32_t kInactive = 0xFFFFFFFF;

enum class Activation : std::uint32_t {
  kSilu = 0,
  kGelu = 1,      // x/2 (1 + erf(x / sqrt 2))
  kGeluTanh = 2,  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kRelu = 3,
  kRelu2 = 4,  // relu(x)^2
  kSigmoid = 5,
  kTanh = 6,
  kExp = 7,
  kIdentity = 8,
  kQuickGelu = 9,   // x sigmoid(1.702 x)
  kExpNegExp = 10,  // exp(-exp(x)): the decay of RWKV 6
};

enum class Combine : std::uint32_t {
  kAdd = 0,         // y = alpha a + beta b
  kMul = 1,         // y = alpha a b
  kMulSigmoid = 2,  // y = alpha a sigmoid(b)
  kSoftcap = 3,     // y = alpha tanh(a / alpha); b unused
  kLerp = 4,        // y = a + (b - a) c, c a vector [width]
  kAddScaled = 5,   // y = a + b c, c [rows, width] or a vector
};

enum class Kernel : std::uint32_t {
  // y[r] = (add ? y[r] : 0) + multiplier * table[index], index the token or the position of row r.
  // Rows whose index lies outside [begin, begin + count) of the slice are left alone; so are
  // inactive rows.
  //   buffers: state, weight, scale (group formats), y*
  //   words: format, scale_format, width, by_position | rows, begin, count, add, multiplier(float),
  //          y_stride
  kEmbed,
  // For each row and head h: v = x[h] (+ residual), then y = (v - mean?) / sqrt(mean(square) + eps)
  // * weight + bias over `width` elements. Element i of head h of row r of x (and of residual) lies
  // at r * x_stride + x_offset + h * width + i; of y with y_stride and y_offset. With a residual
  // the
  // sum is written to `sum` (as x lies; may be x itself). Weights and biases: [width], or
  // [heads, width] if per_head.
  //   buffers: x, residual, weight, bias, sum*, y*
  //   words: kind (0 rms, 1 layer), width, has_residual, has_weight, has_bias, per_head |
  //          rows, heads, x_stride, x_offset, y_stride, y_offset, eps(float)
  // y may be x.
  kNorm,
  // y[r, y_offset + i] = scale * (sum_c x[r, x_offset + c] w[i, c] + bias[i]) + residual[r,
  // y_offset + i] for i < n: one slice of the rows of a matrix. residual lies as y and may be y.
  //   buffers: x, weight, scale, bias, residual, y*
  //   words: format, scale_format, k, n, has_bias, has_residual |
  //          rows, x_stride, x_offset, y_stride, y_offset, scale(float)
  kMatmul,
  // The matrices of experts: experts[r, j] names the matrix of slot j < top_k of row r; for those
  // in
  // [expert_begin, expert_begin + expert_count):
  // y[(r * top_k + j) * n + i] = sum_c x[x_row, c] w[expert - expert_begin, i, c] + bias[.., i]
  // with x_row = x_per_slot ? r * top_k + j : r.
  //   buffers: x, weight, scale, bias, experts, y*
  //   words: format, scale_format, k, n, has_bias, top_k, x_per_slot |
  //          rows, x_stride, expert_begin, expert_count
  kMoeMatmul,
  // Rotates pairs of the first rotary_dim elements of each head in place: (a, b) -> (a cos - b sin,
  // b cos + a sin). Pairs are (i, i + rotary_dim / 2), or (2 i, 2 i + 1) if interleaved. table
  // [rows, rotary_dim]: the cosines of row r, then its sines, with any scale multiplied in,
  // computed
  // by the host in float64 and rounded, so that devices can't differ.
  //   buffers: table, x*
  //   words: interleaved, head_dim, rotary_dim | rows, heads, x_stride, x_offset
  kRope,
  // Appends the keys and values of all active rows to the cache [slot, kv_heads, capacity,
  // head_dim]
  // at place p = position, or sink + (position - sink) % (capacity - sink) where position >= sink.
  //   buffers: state, x, k_cache*, v_cache*
  //   words: kv_format (0 f16, 1 f32), head_dim, kv_heads | rows, x_stride, k_offset, v_offset,
  //          capacity, sink
  kKvStore,
  // y[r, h] = softmax(cap(scale q k)) v over the cached positions t <= position of the row's slot
  // with t < sink or t > position - window (window 0: all). cap(s) = softcap ? softcap tanh(s /
  // softcap) : s. Query head h reads kv head h / (q_heads / kv_heads). Inactive rows give 0.
  //   buffers: state, q, k_cache, v_cache, y*
  //   words: kv_format, head_dim, kv_heads, q_heads | rows, q_stride, q_offset, y_stride, y_offset,
  //          capacity, sink, window, scale(float), softcap(float)
  kAttention,
  // y[r, i] = act(x[r, i]) (* x[r, width + i] if gated), i < width.
  //   buffers: x, y*
  //   words: activation, gated | rows, width, x_stride, x_offset, y_stride, y_offset
  // y may be x if not gated.
  kActivate,
  // Element by element, see Combine; b and c may be one vector for all rows (stride 0) or one value
  // per row (broadcast: element 0 of the row).
  //   buffers: a, b, c, y*
  //   words: combine, broadcast_b | rows, width, a_stride, a_offset, b_stride, b_offset, c_stride,
  //          c_offset, y_stride, y_offset, alpha(float), beta(float)
  // y may be a or b.
  kCombine,
  // The top_k largest of the experts' scores, larger first, of equal ones the lower index:
  // indices [rows, top_k] u32 and weights [rows, top_k]. mode 0: softmax over all, then the chosen;
  // 1: the same, divided by the sum of the chosen; 2: softmax over the chosen; 3: sigmoid of each;
  // 4: sigmoid, divided by the sum of the chosen. All times `scale`.
  //   buffers: logits, indices*, weights*
  //   words: experts, top_k, mode | rows, logits_stride, scale(float)
  kTopExperts,
  // y[r, i] = (has_residual ? residual[r, i] : 0) + sum_j weights[r, j] x[(r * top_k + j), i].
  //   buffers: x, weights, residual, y*
  //   words: top_k, has_residual | rows, width, y_stride
  kMoeSum,
  // out[r] = the index of the largest of x[r], the lowest of equal ones; NaN counts as largest.
  //   buffers: x, out*
  //   words: width | rows, x_stride
  kArgmax,
  // y[r] = softmax(x[r] * scale).
  //   buffers: x, y*
  //   words: width | rows, x_stride, y_stride, scale(float)
  kSoftmax,
  // The count (at most 64) largest of each row, larger first, of equal ones the lower index.
  //   buffers: x, indices*, values*
  //   words: width, count | rows, x_stride
  kTopK,
  // The previous token's activations: y[r] = row r - 1 if it is of the same slot (rows of one
  // sequence stand together, in order), else last[slot]; afterwards last[slot] = the slot's last
  // row. Inactive rows are left alone.
  //   buffers: state, x, last*, y*
  //   words: width | rows, x_stride, y_stride
  kTokenShift,
  // The recurrence of RWKV 5: state S [slots, heads, d, d] (key index first), for the rows of a
  // slot
  // in order: y[j] = sum_i r[i] (u[i] k[i] v[j] + S[i][j]), S[i][j] = w[i] S[i][j] + k[i] v[j].
  // u and w: [heads, d]. r, k, v, y: [rows, heads * d].
  //   buffers: state, r, k, v, w, u, S*, y*
  //   words: head_dim, heads | rows, stride
  kWkv5,
  // The same with w of each row: [rows, heads * d] (RWKV 6).
  //   buffers: state, r, k, v, w, u, S*, y*
  //   words: head_dim, heads | rows, stride
  kWkv6,
  // y[r] = the bits of x[r] copied (any 32-bit elements).
  //   buffers: x, y*
  //   words: | rows, width, x_stride, x_offset, y_stride, y_offset
  kCopy,
};

inline constexpr std::size_t kMaxBuffers = 8;
inline constexpr std::size_t kMaxWords = 16;

struct KernelInfo {
  Kernel kernel;
  std::string_view name;      // of the file: "matmul" for matmul.comp and matmul.cl
  std::uint32_t buffers;      // how many are bound
  std::uint32_t written;      // bit i: buffer i is written (it may be read as well)
  std::uint32_t words;        // how many
  std::uint32_t specialized;  // the first of them
};

// In the order of the enum; static_assert below.
inline constexpr std::array kKernels = {
    KernelInfo{Kernel::kEmbed, "embed", 4, 0b1000, 10, 4},
    KernelInfo{Kernel::kNorm, "norm", 6, 0b110000, 13, 6},
    KernelInfo{Kernel::kMatmul, "matmul", 6, 0b100000, 12, 6},
    KernelInfo{Kernel::kMoeMatmul, "moe_matmul", 6, 0b100000, 11, 7},
    KernelInfo{Kernel::kRope, "rope", 2, 0b10, 7, 3},
    KernelInfo{Kernel::kKvStore, "kv_store", 4, 0b1100, 9, 3},
    KernelInfo{Kernel::kAttention, "attention", 5, 0b10000, 14, 4},
    KernelInfo{Kernel::kActivate, "activate", 2, 0b10, 8, 2},
    KernelInfo{Kernel::kCombine, "combine", 4, 0b1000, 14, 2},
    KernelInfo{Kernel::kTopExperts, "top_experts", 3, 0b110, 6, 3},
    KernelInfo{Kernel::kMoeSum, "moe_sum", 4, 0b1000, 5, 2},
    KernelInfo{Kernel::kArgmax, "argmax", 2, 0b10, 3, 1},
    KernelInfo{Kernel::kSoftmax, "softmax", 2, 0b10, 5, 1},
    KernelInfo{Kernel::kTopK, "top_k", 3, 0b110, 4, 2},
    KernelInfo{Kernel::kTokenShift, "token_shift", 4, 0b1100, 4, 1},
    KernelInfo{Kernel::kWkv5, "wkv5", 8, 0b11000000, 4, 2},
    KernelInfo{Kernel::kWkv6, "wkv6", 8, 0b11000000, 4, 2},
    KernelInfo{Kernel::kCopy, "copy", 2, 0b10, 6, 0},
};

constexpr const KernelInfo& info_of(Kernel kernel) {
  return kKernels[static_cast<std::size_t>(kernel)];
}

constexpr bool kernels_are_in_order() {
  for (std::size_t i = 0; i < kKernels.size(); i++)
    if (static_cast<std::size_t>(kKernels[i].kernel) != i || kKernels[i].buffers > kMaxBuffers ||
        kKernels[i].words > kMaxWords || kKernels[i].specialized > kKernels[i].words)
      return false;
  return true;
}
static_assert(kernels_are_in_order());

}  // namespace mlc
