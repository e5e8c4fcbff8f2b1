// One param of one concrete model: what expanding an architecture's table with a config gives.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace mlc {

// What a param is; decides whether a quantization touches it (docs/formats.md, "Which params").
enum class ParamKind : std::uint8_t {
  kLinear,
  kLinearBias,
  kEmbedding,
  kExperts,
  kNorm,
  kConv,
  kRaw
};

// How a param is made from its source tensors; every op ends with a cast. The closed set of the
// registry (docs/design.md, "Operations"). A quantizer never changes the op.
enum class Op : std::uint8_t {
  kCopy,                 // D(x)
  kConcat,               // join along rows (axis 0)
  kConcatColumns,        // join along columns (axis 1): tensors that lie as [in, out]
  kShared,               // all sources hold the same; the first counts
  kStack,                // E x [o, i] -> [E, o, i]
  kStackOfConcat,        // e0.gate, e0.up, e1.gate, ... -> [E, 2 o, i], gate rows first
  kTranspose,            // [a, b] -> [b, a]: GPT-2 stores Conv1D weights
  kAddOne,               // x + 1 in the checkpoint's own dtype, then the cast (Gemma)
  kAddOneF32,            // float32(x) + 1, then the cast (Qwen 3.5)
  kSplitInterleavedQkv,  // rows [heads, (q,k,v), dim] -> [(q,k,v), heads, dim] (GPT-NeoX)
  kSplitGroupedQkv,      // rows [groups, (g q, k, v), dim] -> all q, all k, all v (InternLM2)
  kSplitGroups,       // rows [groups, (p0, p1, ...)] -> of some parts in turn, those of all groups
  kDeinterleaveRows,  // [E, 2 n, c]: of each E its even rows, then its odd ones (gpt-oss)
  kDeinterleaveColumns,     // [..., 2 n]: of each row its even elements, then its odd ones
  kTransposeEach,           // [E, a, b] -> [E, b, a]
  kTransposeDeinterleaved,  // [E, a, 2 n] -> [E, 2 n, a]: the even columns become the first rows
  kMlaKvBK,                 // [heads, nope + v, r] -> its first nope rows as [heads, r, nope]
  kMlaKvBV,                 // [heads, nope + v, r] -> its last v rows as [heads, v, r]
  kDivPow2,                 // D(x) / 2^exponent, divided after the cast (RWKV)
  kExpNegExp,               // exp(-exp(float32(x))) (RWKV 5)
};

// Numbers an op needs; unused ones are 0.
struct OpArgs {
  std::int64_t heads = 0;     // kSplit*: heads or groups; kMla*: heads
  std::int64_t head_dim = 0;  // kSplit*
  std::int64_t queries = 0;   // kSplitGroupedQkv: g, the query heads per group
  std::int64_t nope = 0;      // kMla*: rows of the key part
  std::int64_t value = 0;     // kMla*: rows of the value part
  std::int64_t exponent = 0;  // kDivPow2
  // kSplitGroups: the rows of each part of a group, and which parts make the param.
  std::array<std::int64_t, 4> parts = {};
  std::size_t first_part = 0;
  std::size_t part_count = 0;
};

struct ParamSpec {
  std::string name;                 // "model.layers.0.mlp.down_proj.weight"
  std::vector<std::int64_t> shape;  // after the op; what the config says
  bool symbolic_rows = false;       // shape[0] is only a hint: the checkpoint's own size counts
  ParamKind kind = ParamKind::kRaw;
  std::optional<DType> dtype;      // pinned; otherwise the quantization's model dtype
  std::optional<DType> out_dtype;  // linear: dtype of its output, hence of its bias
  Op op = Op::kCopy;
  OpArgs args;
  std::vector<std::string> sources;  // checkpoint names, in argument order
  // The source that takes the place of sources[0] where the checkpoint has no such tensor: a head
  // that is tied to the embedding. Empty: none.
  std::string fallback;
  bool no_quantization = false;  // in a subtree that mlc_llm excludes (vision towers)
  // Params made from the same source tensor come out in ascending rank (gpt2's tied head first).
  int rank = 0;
};

}  // namespace mlc
