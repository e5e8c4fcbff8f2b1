// A second way from source tensors to the bytes of a param, to compare conversions with: loops over
// double, one element at a time, written after the description of the ops and not after convert/.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "base/half.h"
#include "models/param_spec.h"
#include "quantize/fp8_pack.h"
#include "quantize/ft_pack.h"
#include "quantize/group_quant.h"

namespace mlc {

struct PlainTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
using PlainTensors = std::map<std::string, PlainTensor>;

// Codes of a packed checkpoint: `values` holds their bits as integers.
inline bool is_code(DType dtype) {
  return dtype == DType::kI32 || dtype == DType::kU32 || dtype == DType::kF8E4M3FN ||
         dtype == DType::kF8E5M2;
}

// `value` as an element of `dtype` holds it.
inline double rounded(double value, DType dtype) {
  if (is_code(dtype)) return value;
  if (dtype == DType::kF16) return static_cast<double>(f16_to_f32(f64_to_f16(value)));
  if (dtype == DType::kBF16) return static_cast<double>(bf16_to_f32(f64_to_bf16(value)));
  return static_cast<double>(static_cast<float>(value));
}

inline void append_element(std::string& bytes, double value, DType dtype) {
  auto put = [&](auto element) {
    bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
  };
  if (dtype == DType::kI32 || dtype == DType::kU32)
    put(static_cast<std::uint32_t>(value));
  else if (is_code(dtype))
    put(static_cast<std::uint8_t>(value));
  else if (dtype == DType::kF16)
    put(f64_to_f16(value));
  else if (dtype == DType::kBF16)
    put(f64_to_bf16(value));
  else
    put(static_cast<float>(value));
}

// Where the i-th of `count` lies if even and odd ones alternate, and the even ones come first.
inline std::int64_t from_halves(std::int64_t i, std::int64_t count) {
  return i < count / 2 ? 2 * i : 2 * (i - count / 2) + 1;
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
    case Op::kSplitGroups: {
      std::int64_t group = 0;
      for (std::int64_t part : args.parts)
        group += part;
      std::int64_t start = 0;
      for (std::size_t p = 0; p < args.parts.size(); start += args.parts[p++])
        if (p >= args.first_part && p < args.first_part + args.part_count)
          for (std::int64_t g = 0; g < args.heads; g++)
            for (std::int64_t r = 0; r < args.parts[p]; r++)
              copy_row(g * group + start + r);
      break;
    }
    case Op::kDeinterleaveRows:
      for (std::int64_t e = 0; e < spec.shape[0]; e++)
        for (std::int64_t r = 0; r < spec.shape[1]; r++)
          for (std::int64_t c = 0; c < spec.shape[2]; c++)
            out.push_back(
                first[at((e * spec.shape[1] + from_halves(r, spec.shape[1])) * spec.shape[2] + c)]);
      break;
    case Op::kDeinterleaveColumns: {
      std::int64_t width = spec.shape.back();
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(first.size()); i++)
        out.push_back(first[at(i / width * width + from_halves(i % width, width))]);
      break;
    }
    case Op::kTransposeEach:
    case Op::kTransposeDeinterleaved:
      for (std::int64_t e = 0; e < spec.shape[0]; e++)
        for (std::int64_t r = 0; r < spec.shape[1]; r++)
          for (std::int64_t c = 0; c < spec.shape[2]; c++) {
            std::int64_t column = spec.op == Op::kTransposeEach ? r : from_halves(r, spec.shape[1]);
            out.push_back(first[at((e * spec.shape[2] + c) * spec.shape[1] + column)]);
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
    case Op::kConcatColumns:
      for (std::int64_t r = 0; r < rows; r++)
        for (const PlainTensor* source : sources)
          for (std::int64_t c = 0; c < source->shape[1]; c++)
            out.push_back(source->values[at(r * source->shape[1] + c)]);
      break;
    case Op::kShared:
      out = first;
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

enum class PlainPacker { kCast, kGroup, kFt, kFp8 };

// The tables of docs/formats.md, "Which params are quantized" and the sections of the schemes.
inline PlainPacker plain_packer(const ParamSpec& spec, const Quantization& q) {
  std::string module = spec.name.substr(0, spec.name.rfind('.'));
  bool linear = spec.kind == ParamKind::kLinear;
  bool experts = spec.kind == ParamKind::kExperts;
  bool embedding = spec.kind == ParamKind::kEmbedding;
  bool gate = linear && module.ends_with("gate") && !spec.symbolic_rows && spec.shape[0] <= 256;
  bool last = module == "lm_head" || module == "head" || module == "embed_out" ||
              module == "lm_head.linear";
  std::string_view scheme = q.name;
  bool groups = scheme.starts_with("q3") || scheme.starts_with("q4");
  if (scheme == "q4f16_autoawq" || !(linear || experts || embedding)) return PlainPacker::kCast;
  if (scheme == "q4f16_ft") {
    if (experts) return PlainPacker::kCast;
    if (embedding || last || spec.out_dtype == DType::kF32 || spec.shape[0] % 8 != 0)
      return PlainPacker::kGroup;
    return gate ? PlainPacker::kCast : PlainPacker::kFt;
  }
  if (scheme.starts_with("e4m3") || scheme.starts_with("e5m2"))
    return embedding || last || gate ? PlainPacker::kCast : PlainPacker::kFp8;
  if (!groups || gate || spec.no_quantization) return PlainPacker::kCast;
  if (scheme.ends_with("_2") && (embedding || last)) return PlainPacker::kCast;
  return PlainPacker::kGroup;
}

template <class T>
std::string plain_bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// [rows, cols] elements of `size` bytes, turned.
inline std::string turned(const std::string& bytes, std::size_t rows, std::size_t cols,
                          std::size_t size) {
  std::string out;
  for (std::size_t c = 0; c < cols; c++)
    for (std::size_t r = 0; r < rows; r++)
      out += bytes.substr((r * cols + c) * size, size);
  return out;
}

// As a float32 record lies in a shard: two bytes for each element.
inline std::string plain_stored_float(double value) {
  std::string bytes;
  std::uint16_t half = f32_to_bf16_mlc(static_cast<float>(value));
  append_element(bytes, static_cast<double>(bf16_to_f32(half)), DType::kBF16);
  return bytes;
}

// Name of each record, and its bytes as they lie in a shard, from plain_elements().
inline std::map<std::string, std::string> plain_param(const ParamSpec& spec,
                                                      std::vector<double> elements,
                                                      const Quantization& q) {
  DType dtype = q.model_dtype;
  if (spec.kind == ParamKind::kLinearBias && spec.out_dtype) dtype = *spec.out_dtype;
  if (spec.dtype) dtype = *spec.dtype;
  std::string bytes;
  for (double& x : elements) {
    x = rounded(x, dtype);
    if (spec.op == Op::kDivPow2) x = rounded(x / std::exp2(spec.args.exponent), dtype);
    append_element(bytes, x, dtype);
  }
  const NumericRule& rule = numeric_rules().back();
  std::string module = spec.name.substr(0, spec.name.rfind('.'));
  auto cols = static_cast<std::size_t>(spec.shape.back());
  std::size_t rows = elements.size() / cols;
  std::vector<std::uint16_t> halves;  // FasterTransformer and 8-bit floats start from float16
  if (dtype == DType::kF16)
    for (double x : elements)
      halves.push_back(f64_to_f16(x));
  switch (plain_packer(spec, q)) {
    case PlainPacker::kCast: {
      if (dtype != DType::kF32) return {{spec.name, bytes}};
      std::string stored;
      for (double x : elements)
        stored += plain_stored_float(x);
      return {{spec.name, stored}};
    }
    case PlainPacker::kGroup: {
      std::size_t words = words_per_row(q, cols);
      std::size_t groups = groups_per_row(q, cols);
      std::vector<std::uint32_t> packed(rows * words);
      std::string scales(rows * groups * size_of(dtype), '\0');
      GroupQuantBlock block = {.src = bytes.data(),
                               .src_dtype = dtype,
                               .rows = rows,
                               .cols = cols,
                               .q_weight = packed.data(),
                               .q_scale = scales.data()};
      QuantCounts counts;
      group_quantize_reference(q, rule, block, false, counts);
      std::string codes = plain_bytes(packed);
      if (q.name.ends_with("_0") && spec.kind == ParamKind::kLinear) {
        codes = turned(codes, rows, words, sizeof packed[0]);
        scales = turned(scales, rows, groups, size_of(dtype));
      }
      if (dtype == DType::kF32) {
        std::string stored;
        for (std::size_t i = 0; i < scales.size(); i += sizeof(float)) {
          float scale = 0;
          std::memcpy(&scale, scales.data() + i, sizeof scale);
          stored += plain_stored_float(static_cast<double>(scale));
        }
        scales = stored;
      }
      return {{module + ".q_weight", codes}, {module + ".q_scale", scales}};
    }
    case PlainPacker::kFt: {
      std::vector<std::uint8_t> codes(rows * cols / 2);
      std::vector<std::uint16_t> scales(rows);
      ft_quantize_reference(rule, {.src = halves.data(),
                                   .rows = rows,
                                   .cols = cols,
                                   .q_weight = codes.data(),
                                   .q_scale = scales.data()});
      return {{module + ".q_weight", plain_bytes(codes)},
              {module + ".q_scale", plain_bytes(scales)}};
    }
    case PlainPacker::kFp8: {
      bool e4m3 = q.name.starts_with("e4m3");
      float scale = e4m3 ? fp8_scale(max_abs_reference(halves.data(), halves.size()), rule) : 1.0f;
      std::vector<std::uint8_t> codes(halves.size());
      fp8_quantize_reference(halves.data(), halves.size(), scale,
                             e4m3 ? DType::kF8E4M3FN : DType::kF8E5M2, codes.data());
      std::map<std::string, std::string> records = {{module + ".q_weight", plain_bytes(codes)}};
      if (e4m3) records[module + ".q_scale"] = plain_stored_float(static_cast<double>(scale));
      if (q.name == "e4m3_e4m3_f16")
        records[module + ".q_calibration_scale"] = plain_stored_float(1);
      return records;
    }
  }
  return {};
}

// A checkpoint of one file.
inline void write_safetensors(const std::string& path, const PlainTensors& tensors) {
  std::string header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    std::size_t begin = data.size();
    for (double value : tensor.values)
      append_element(data, value, tensor.dtype);
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          header.empty() ? "" : ",", name, info(tensor.dtype).safetensors,
                          fmt::join(tensor.shape, ","), begin, data.size());
  }
  header = "{" + header + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  auto size = static_cast<std::uint64_t>(header.size());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof size);
  file << header << data;
}

}  // namespace mlc
