#include "convert/packed.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "convert/packed_codes.h"
#include "convert/packed_scaled.h"
#include "convert/transform.h"

namespace mlc {
namespace {

using Shape = std::vector<std::int64_t>;

// Scales of activations and of the key-value cache, by the last part of their names.
constexpr std::array<std::string_view, 8> kActivationScales = {
    ".input_scale",  ".input_zero_point", ".input_global_scale",
    ".output_scale", ".q_scale",          ".k_scale",
    ".v_scale",      ".kv_scale"};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

bool is_small_float(DType dtype) {
  return is_float(dtype) && size_of(dtype) == 1 && dtype != DType::kF8E8M0;
}

class Decoder {
 public:
  Decoder(Checkpoint& checkpoint, const PackedConfig& config)
      : checkpoint_(checkpoint),
        config_(config),
        where_(printable(checkpoint.folder, 1024)),
        gone_(checkpoint.tensors.size()) {}

  void run() {
    const std::size_t n = checkpoint_.tensors.size();
    for (std::size_t i = 0; i < n; i++)
      decode(i);
    drop_activation_scales();
    for (auto& [index, name] : renamed_)  // at last: look-ups need the old names
      checkpoint_.tensors[index].name = std::move(name);
    std::vector<SourceTensor> kept;
    for (std::size_t i = 0; i < n; i++)
      if (!gone_[i]) kept.push_back(std::move(checkpoint_.tensors[i]));
    checkpoint_.tensors = std::move(kept);
    checkpoint_.build_lookup();
    checkpoint_.was_quantized = checkpoint_.was_quantized || decoded_ > 0;
    if (decoded_)
      checkpoint_.notes.push_back(fmt::format("{} ({}): {} tensors decoded",
                                              packed_kind_name(config_.kind),
                                              printable(config_.method), decoded_));
    if (dropped_)
      checkpoint_.notes.push_back(
          fmt::format("{} scales of activations or of the cache dropped", dropped_));
  }

 private:
  // A part of a packed linear, by its full name.
  struct Part {
    std::size_t index;
    const SourceTensor& tensor;
  };

  void decode(std::size_t i) {
    const std::string& name = checkpoint_.tensors[i].name;
    std::string_view stem = name;
    auto ends = [&](std::string_view suffix) {
      if (!stem.ends_with(suffix)) return false;
      stem.remove_suffix(suffix.size());
      return true;
    };
    if (ends(".qweight")) return decode_words(i, std::string(stem));
    if (ends(".weight_packed")) return decode_compressed(i, std::string(stem));
    if (ends("_blocks") && checkpoint_.find(std::string(stem) + "_scales"))
      return decode_mxfp4(i, std::string(stem));
    DType dtype = checkpoint_.tensors[i].dtype;
    if (is_small_float(dtype) || dtype == DType::kI8) decode_scaled(i);
  }

  void decode_words(std::size_t i, const std::string& stem) {
    if (config_.kind != PackedKind::kGptq && config_.kind != PackedKind::kAwq)
      unexplained(checkpoint_.tensors[i], "gptq or awq");
    const bool awq = config_.kind == PackedKind::kAwq;
    const PackedInts& ints = config_.ints[0];
    const std::int64_t per_word = 32 / ints.bits;
    Part codes{i, checkpoint_.tensors[i]};
    Part scales = part(stem + ".scales");
    expect_dtype(codes.tensor, DType::kI32);
    expect_float(scales.tensor);
    if (codes.tensor.shape.size() != 2 || codes.tensor.elements() == 0)
      wrong(codes.tensor, "two dimensions, none of them 0");
    // No overflow: a file has fewer than 2^63 bytes, so these are fewer than 2^61 words, of a
    // dimension each, and the product is checked when the tensor is replaced.
    std::int64_t out = codes.tensor.shape[1] * (awq ? per_word : 1);
    std::int64_t in = codes.tensor.shape[0] * (awq ? 1 : per_word);
    std::int64_t group_size = ints.group_size == -1 ? in : ints.group_size;
    if (out % per_word != 0) wrong(codes.tensor, fmt::format("a multiple of {} columns", per_word));
    std::int64_t groups = ceil_div(in, group_size);
    expect_shape(scales.tensor, {groups, out});
    std::vector<Part> parts = {codes, scales};
    std::optional<StoredTensor> zeros;
    if (auto z = optional_part(stem + ".qzeros")) {
      expect_dtype(z->tensor, DType::kI32);
      expect_shape(z->tensor, {groups, out / per_word});
      zeros = stored(*z);
      parts.push_back(*z);
    }
    std::vector<std::int32_t> column_group;
    if (auto g_idx = awq ? std::nullopt : optional_part(stem + ".g_idx")) {
      column_group = read_groups(*g_idx, in, groups, group_size);
      parts.push_back(*g_idx);
    }
    auto reader = make_code_reader({.layout = awq ? CodeLayout::kAwq : CodeLayout::kGptq,
                                    .bits = ints.bits,
                                    .out = out,
                                    .in = in,
                                    .groups = groups,
                                    .group_size = group_size,
                                    .zero_offset = config_.zero_offset,
                                    .codes = stored(codes),
                                    .scales = stored(scales),
                                    .zeros = std::move(zeros),
                                    .column_group = std::move(column_group)});
    replace(parts, stem + ".weight", {out, in}, std::move(reader));
  }

  void decode_compressed(std::size_t i, const std::string& stem) {
    if (config_.kind != PackedKind::kCompressed)
      unexplained(checkpoint_.tensors[i], "compressed-tensors");
    Part codes{i, checkpoint_.tensors[i]};
    Part scales = part(stem + ".weight_scale");
    Part shape = part(stem + ".weight_shape");
    expect_dtype(codes.tensor, DType::kI32);
    expect_float(scales.tensor);
    if (shape.tensor.elements() != 2) wrong(shape.tensor, "[2]");
    std::vector<std::int64_t> size = stored(shape).integers();
    if (codes.tensor.shape.size() != 2 || codes.tensor.elements() == 0 ||
        codes.tensor.shape[0] != size[0] || size[1] <= 0)
      wrong(codes.tensor, fmt::format("the rows of weight_shape {}", shape_text(size)));
    const std::int64_t out = size[0];
    const std::int64_t in = size[1];
    const PackedInts* ints = nullptr;
    std::int64_t groups = 0;
    for (const PackedInts& p : config_.ints) {
      groups = p.group_size == -1 ? 1 : ceil_div(in, p.group_size);
      if (codes.tensor.shape[1] == ceil_div(in, 32 / p.bits) &&
          scales.tensor.shape == Shape{out, groups}) {
        ints = &p;
        break;
      }
    }
    if (!ints)
      bad_input("{}: tensor {}: {} with scales {} for a weight {} fits no group of {}", where_,
                printable(codes.tensor.name), shape_text(codes.tensor.shape),
                shape_text(scales.tensor.shape), shape_text(size), "quantization_config");
    const std::int64_t per_word = 32 / ints->bits;
    const std::int64_t group_size = ints->group_size == -1 ? in : ints->group_size;
    std::vector<Part> parts = {codes, scales, shape};
    std::optional<StoredTensor> zeros;
    if (auto z = optional_part(stem + ".weight_zero_point")) {
      expect_dtype(z->tensor, DType::kI32);
      expect_shape(z->tensor, {ceil_div(out, per_word), groups});
      zeros = stored(*z);
      parts.push_back(*z);
    }
    std::vector<std::int32_t> column_group;
    if (auto g_idx = optional_part(stem + ".weight_g_idx")) {
      column_group = read_groups(*g_idx, in, groups, group_size);
      parts.push_back(*g_idx);
    }
    auto reader = make_code_reader({.layout = CodeLayout::kCompressed,
                                    .bits = ints->bits,
                                    .out = out,
                                    .in = in,
                                    .groups = groups,
                                    .group_size = group_size,
                                    .codes = stored(codes),
                                    .scales = stored(scales),
                                    .zeros = std::move(zeros),
                                    .column_group = std::move(column_group)});
    replace(parts, stem + ".weight", {out, in}, std::move(reader));
  }

  void decode_scaled(std::size_t i) {
    Part weight{i, checkpoint_.tensors[i]};
    const std::string& name = weight.tensor.name;
    std::optional<Part> inverse = optional_part(name + "_scale_inv");
    std::optional<Part> scale = inverse ? inverse : optional_part(name + "_scale");
    if (!scale) return;  // 8-bit numbers as they are
    if (config_.kind != PackedKind::kScaled && config_.kind != PackedKind::kCompressed)
      unexplained(scale->tensor, "fp8 or compressed-tensors");
    if (auto zeros = optional_part(name + "_zero_point"))
      fail(ExitCode::kUnsupported, "{}: tensor {}: zero points of 8-bit weights are not supported",
           where_, printable(zeros->tensor.name));
    if (!is_float(scale->tensor.dtype)) wrong(scale->tensor, "a float dtype");
    const Shape& shape = weight.tensor.shape;
    if (shape.size() < 2 || weight.tensor.elements() == 0)
      wrong(weight.tensor, "two dimensions or more, none of them 0");
    auto [rows, cols] = block_of(weight.tensor, scale->tensor);
    Shape decoded = shape;
    auto reader = make_scaled_reader({.weight = stored(weight),
                                      .scale = stored(*scale),
                                      .block_rows = rows,
                                      .block_cols = cols});
    replace({weight, *scale}, name, decoded, std::move(reader));
  }

  // Rows and columns that share a scale, from the shapes and, for blocks, the config.
  std::pair<std::int64_t, std::int64_t> block_of(const SourceTensor& weight,
                                                 const SourceTensor& scale) const {
    const std::int64_t rows = weight.shape[weight.shape.size() - 2];
    const std::int64_t cols = weight.shape.back();
    Shape lead(weight.shape.begin(), weight.shape.end() - 2);
    auto is = [&](std::int64_t r, std::int64_t c) {
      Shape wanted = lead;
      wanted.insert(wanted.end(), {r, c});
      return scale.shape == wanted;
    };
    if (config_.weight_block) {
      auto [r, c] = *config_.weight_block;
      if (is(ceil_div(rows, r), ceil_div(cols, c))) return {r, c};
    }
    if (lead.empty() && (scale.shape.empty() || scale.shape == Shape{1})) return {rows, cols};
    if (is(1, 1)) return {rows, cols};
    if (is(rows, 1) || (lead.empty() && scale.shape == Shape{rows})) return {1, cols};
    wrong(scale,
          config_.weight_block
              ? fmt::format("a scale for each {} x {} block of {}", (*config_.weight_block)[0],
                            (*config_.weight_block)[1], shape_text(weight.shape))
              : fmt::format("one scale, or one for each row of {}", shape_text(weight.shape)));
  }

  void decode_mxfp4(std::size_t i, const std::string& stem) {
    Part blocks{i, checkpoint_.tensors[i]};
    Part scales = part(stem + "_scales");
    if (config_.kind != PackedKind::kMxfp4) unexplained(blocks.tensor, "mxfp4");
    expect_dtype(blocks.tensor, DType::kU8);
    if (scales.tensor.dtype != DType::kF8E8M0) expect_dtype(scales.tensor, DType::kU8);
    Shape shape = blocks.tensor.shape;
    if (shape.size() < 3 || shape.back() != kMxBlock / 2 || blocks.tensor.elements() == 0)
      wrong(blocks.tensor, fmt::format("three dimensions or more, the last one {}", kMxBlock / 2));
    shape.pop_back();
    expect_shape(scales.tensor, shape);
    shape.back() *= kMxBlock;
    replace({blocks, scales}, stem, shape, make_mxfp4_reader(stored(blocks), stored(scales)));
  }

  // The group of each column; empty when they follow one another as without act order.
  std::vector<std::int32_t> read_groups(const Part& g_idx, std::int64_t in, std::int64_t groups,
                                        std::int64_t group_size) const {
    expect_shape(g_idx.tensor, {in});
    std::vector<std::int64_t> stored_groups = stored(g_idx).integers();
    std::vector<std::int32_t> result(stored_groups.size());
    bool in_order = true;
    for (std::size_t c = 0; c < result.size(); c++) {
      std::int64_t g = stored_groups[c];
      if (g < 0 || g >= groups)
        bad_input("{}: tensor {}: column {} is in group {}, expected 0 to {}", where_,
                  printable(g_idx.tensor.name), c, g, groups - 1);
      in_order = in_order && g == static_cast<std::int64_t>(c) / group_size;
      result[c] = static_cast<std::int32_t>(g);
    }
    if (in_order) result.clear();
    return result;
  }

  void drop_activation_scales() {
    if (config_.kind == PackedKind::kNone) return;
    for (std::size_t i = 0; i < gone_.size(); i++) {
      const std::string& name = checkpoint_.tensors[i].name;
      if (gone_[i] || std::none_of(kActivationScales.begin(), kActivationScales.end(),
                                   [&](std::string_view s) { return name.ends_with(s); }))
        continue;
      gone_[i] = true;
      dropped_++;
    }
  }

  void replace(const std::vector<Part>& parts, const std::string& name, Shape shape,
               std::shared_ptr<const ElementReader> reader) {
    if (const SourceTensor* other = checkpoint_.find(name); other && other != &parts[0].tensor)
      bad_input("{}: tensors {} and {} are the same weight", where_, printable(name),
                printable(parts[0].tensor.name));
    checked_elements(shape, printable(name));
    std::uint64_t nbytes = 0;
    for (const Part& p : parts) {
      gone_[p.index] = true;
      nbytes += p.tensor.nbytes;
      checkpoint_.files[p.tensor.file].elements -= static_cast<std::uint64_t>(p.tensor.elements());
    }
    SourceTensor& to = checkpoint_.tensors[parts[0].index];
    to.dtype = DType::kF32;
    to.shape = std::move(shape);
    to.nbytes = nbytes;
    to.reader = std::move(reader);
    checkpoint_.files[to.file].elements += static_cast<std::uint64_t>(to.elements());
    gone_[parts[0].index] = false;
    renamed_.emplace_back(parts[0].index, name);
    decoded_++;
  }

  std::optional<Part> optional_part(const std::string& name) const {
    const SourceTensor* t = checkpoint_.find(name);
    if (!t) return std::nullopt;
    return Part{static_cast<std::size_t>(t - checkpoint_.tensors.data()), *t};
  }
  Part part(const std::string& name) const {
    std::optional<Part> found = optional_part(name);
    if (!found) bad_input("{}: tensor {} is missing", where_, printable(name));
    return *found;
  }
  StoredTensor stored(const Part& p) const { return {checkpoint_, p.tensor}; }

  [[noreturn]] void wrong(const SourceTensor& t, std::string_view expected) const {
    bad_input("{}: tensor {}: found {} {}, expected {}", where_, printable(t.name),
              name_of(t.dtype), shape_text(t.shape), expected);
  }
  void expect_shape(const SourceTensor& t, const Shape& shape) const {
    if (t.shape != shape) wrong(t, shape_text(shape));
  }
  void expect_dtype(const SourceTensor& t, DType dtype) const {
    if (t.dtype != dtype) wrong(t, name_of(dtype));
  }
  void expect_float(const SourceTensor& t) const {
    if (!is_float(t.dtype)) wrong(t, "a float dtype");
  }
  [[noreturn]] void unexplained(const SourceTensor& t, std::string_view method) const {
    fail(ExitCode::kUnsupported,
         "{}: tensor {} is part of a packed weight, but {}; expected quant_method {}", where_,
         printable(t.name),
         config_.kind == PackedKind::kNone
             ? std::string("config.json has no quantization_config")
             : fmt::format("quantization_config says {}", printable(config_.method)),
         method);
  }

  Checkpoint& checkpoint_;
  const PackedConfig& config_;
  std::string where_;
  std::vector<bool> gone_;
  std::vector<std::pair<std::size_t, std::string>> renamed_;
  std::size_t decoded_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace

PackedConfig find_packed_config(const Checkpoint& checkpoint, const Json& config,
                                const std::string& config_path) {
  PackedConfig found = parse_packed_config(config, printable(config_path, 1024));
  if (found.kind != PackedKind::kNone) return found;
  bool words = std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                           [](const SourceTensor& t) { return t.name.ends_with(".qweight"); });
  if (!words) return found;
  struct Sidecar {
    std::string_view name;
    PackedKind kind;
  };
  for (Sidecar s : {Sidecar{"quantize_config.json", PackedKind::kGptq},
                    Sidecar{"quant_config.json", PackedKind::kAwq}}) {
    std::string path = (std::filesystem::path(checkpoint.folder) / s.name).string();
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored))
      return parse_packed_sidecar(read_json_file(path), printable(path, 1024), s.kind);
  }
  return found;
}

void decode_packed(Checkpoint& checkpoint, const PackedConfig& config) {
  Decoder(checkpoint, config).run();
}

bool is_zero_bias(const Checkpoint& checkpoint, std::string_view name) {
  constexpr std::string_view kBias = ".bias";
  if (!name.ends_with(kBias)) return false;
  std::string weight = std::string(name.substr(0, name.size() - kBias.size())) + ".weight";
  const SourceTensor* linear = checkpoint.find(weight);
  const SourceTensor* bias = checkpoint.find(name);
  if (!linear || !linear->reader || !bias || bias->shape.size() != 1 || !is_float(bias->dtype))
    return false;
  StoredTensor stored(checkpoint, *bias);
  std::vector<std::byte> bytes(static_cast<std::size_t>(bias->elements()) * size_of(bias->dtype));
  std::vector<float> values(static_cast<std::size_t>(bias->elements()));
  stored.read(0, bias->elements(), bytes);
  stored.widen(bytes, values);
  return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
}

}  // namespace mlc
