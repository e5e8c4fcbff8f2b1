// A second way from source tensors to the bytes of a param, to compare conversions with: loops over
// double, one element at a time, written after the description of the ops and not after convert/.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/half.h"
#include "models/param_spec.h"
#include "quantize/group_quant.h"

namespace mlc {

struct PlainTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
using PlainTensors = std::map<std::string, PlainTensor>;

// `value` as an element of `dtype` holds it.
inline double rounded(double value, DType dtype) {
  if (dtype == DType::kF16) return static_cast<double>(f16_to_f32(f64_to_f16(value)));
  if (dtype == DType::kBF16) return static_cast<double>(bf16_to_f32(f64_to_bf16(value)));
  return static_cast<double>(static_cast<float>(value));
}

inline void append_element(std::string& bytes, double value, DType dtype) {
  auto put = [&](auto element) {
    bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
  };
  if (dtype == DType::kF16)
    put(f64_to_f16(value));
  else if (dtype == DType::kBF16)
    put(f64_to_bf16(value));
  else
    put(static_cast<float>(value));
}

// The param's elements before the cast to its dtype.
inline std::vector<double> plain_elements(const ParamSpec& spec,
                                          const std::vector<const PlainTensor*>& sources) {
  const std::vector<double>& first = sources[0]->values;
  std::vector<double> out;
  auto at = [](std::int64_t index) { return static_cast<std::size_t>(index); };
  std::int64_t rows = sources[0]->shape[0];
  auto cols = static_cast<std::int64_t>(first.size()) / rows;
  auto copy_row = [&](std::int64_t row) {
    for (std::int64_t c = 0; c < cols; c++)
      out.push_back(first[at(row * cols + c)]);
  };
  const OpArgs& args = spec.args;
  switch (spec.op) {
    case Op::kCopy:
    case Op::kConcat:
    case Op::kStack:
    case Op::kStackOfConcat:  // sources come as e0.gate, e0.up, e1.gate, ...: all one after another
      for (const PlainTensor* source : sources)
        out.insert(out.end(), source->values.begin(), source->values.end());
      break;
    case Op::kTranspose:
      for (std::int64_t c = 0; c < cols; c++)
        for (std::int64_t r = 0; r < rows; r++)
          out.push_back(first[at(r * cols + c)]);
      break;
    case Op::kAddOne:
      for (double x : first)
        out.push_back(rounded(x + 1, sources[0]->dtype));
      break;
    case Op::kAddOneF32:
      for (double x : first)
        out.push_back(rounded(x + 1, DType::kF32));
      break;
    case Op::kSplitInterleavedQkv:
      for (std::int64_t part = 0; part < 3; part++)
        for (std::int64_t head = 0; head < args.heads; head++)
          for (std::int64_t d = 0; d < args.head_dim; d++)
            copy_row((head * 3 + part) * args.head_dim + d);
      break;
    case Op::kSplitGroupedQkv:
      for (std::int64_t part = 0; part < 3; part++)
        for (std::int64_t group = 0; group < args.heads; group++)
          for (std::int64_t q = 0; q < (part == 0 ? args.queries : 1); q++)
            for (std::int64_t d = 0; d < args.head_dim; d++) {
              std::int64_t slot = part == 0 ? q : args.queries + part - 1;
              copy_row((group * (args.queries + 2) + slot) * args.head_dim + d);
            }
      break;
    case Op::kMlaKvBK:
      for (std::int64_t head = 0; head < args.heads; head++)
        for (std::int64_t c = 0; c < cols; c++)
          for (std::int64_t n = 0; n < args.nope; n++)
            out.push_back(first[at((head * (args.nope + args.value) + n) * cols + c)]);
      break;
    case Op::kMlaKvBV:
      for (std::int64_t head = 0; head < args.heads; head++)
        for (std::int64_t v = 0; v < args.value; v++)
          copy_row(head * (args.nope + args.value) + args.nope + v);
      break;
    case Op::kConcatColumns:  // of kept codes only, which this test does not make
    case Op::kShared:
      break;
    case Op::kDivPow2:  // of the cast value: see plain_param
      out = first;
      break;
    case Op::kExpNegExp:  // numpy rounds each step to float32
      for (double x : first)
        out.push_back(rounded(std::exp(-rounded(std::exp(x), DType::kF32)), DType::kF32));
      break;
  }
  return out;
}

// mlc_llm's rule, for the schemes of this test: all matrices but small routers.
inline bool plain_is_quantized(const ParamSpec& spec, const Quantization& q) {
  if (q.kind == QuantKind::kNone || spec.no_quantization) return false;
  if (spec.kind == ParamKind::kEmbedding || spec.kind == ParamKind::kExperts) return true;
  if (spec.kind != ParamKind::kLinear) return false;
  return !(spec.name.ends_with("gate.weight") && !spec.symbolic_rows && spec.shape[0] <= 256);
}

// Name of each record, and its bytes as they lie in a shard. NK layouts only.
inline std::map<std::string, std::string> plain_param(
    const ParamSpec& spec, const std::vector<const PlainTensor*>& sources, const Quantization& q) {
  DType dtype = q.model_dtype;
  if (spec.kind == ParamKind::kLinearBias && spec.out_dtype) dtype = *spec.out_dtype;
  if (spec.dtype) dtype = *spec.dtype;
  std::vector<double> elements = plain_elements(spec, sources);
  for (double& x : elements) {
    x = rounded(x, dtype);
    if (spec.op == Op::kDivPow2) x = rounded(x / std::exp2(spec.args.exponent), dtype);
  }
  std::string bytes;
  if (!plain_is_quantized(spec, q)) {
    for (double x : elements)
      if (dtype == DType::kF32)
        append_element(bytes,
                       static_cast<double>(bf16_to_f32(f32_to_bf16_mlc(static_cast<float>(x)))),
                       DType::kBF16);
      else
        append_element(bytes, x, dtype);
    return {{spec.name, bytes}};
  }
  for (double x : elements)
    append_element(bytes, x, dtype);
  auto cols = static_cast<std::size_t>(spec.shape.back());
  std::size_t rows = elements.size() / cols;
  std::string words(rows * words_per_row(q, cols) * 4, '\0');
  std::string scales(rows * groups_per_row(q, cols) * size_of(dtype), '\0');
  std::vector<std::uint32_t> packed(words.size() / 4);
  GroupQuantBlock block = {.src = bytes.data(),
                           .src_dtype = dtype,
                           .rows = rows,
                           .cols = cols,
                           .q_weight = packed.data(),
                           .q_scale = scales.data()};
  QuantCounts counts;
  group_quantize_reference(q, numeric_rules().back(), block, false, counts);
  std::memcpy(words.data(), packed.data(), words.size());
  std::string module = spec.name.substr(0, spec.name.rfind('.'));
  return {{module + ".q_weight", words}, {module + ".q_scale", scales}};
}

}  // namespace mlc
