#include "convert/packed_config.h"

#include <algorithm>
#include <span>

#include "base/error.h"

namespace mlc {
namespace {

struct Method {
  std::string_view name;
  PackedKind kind;
};
constexpr std::array kMethods = {
    Method{"gptq", PackedKind::kGptq},
    Method{"awq", PackedKind::kAwq},
    Method{"auto-round", PackedKind::kGptq},  // its packing_format says which of the two
    Method{"auto_round", PackedKind::kGptq},
    Method{"intel/auto-round", PackedKind::kGptq},
    Method{"compressed-tensors", PackedKind::kCompressed},
    Method{"fp8", PackedKind::kScaled},
    Method{"fbgemm_fp8", PackedKind::kScaled},
    Method{"modelopt", PackedKind::kScaled},
    Method{"mxfp4", PackedKind::kMxfp4},
};

constexpr std::int64_t kLargestGroup = std::int64_t{1} << 31;

class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) bad_input("{}: expected an object", where_);
  }

  // Members that are null count as absent: writers give every field of theirs.
  const Json* find(std::string_view key) const {
    const Json* value = json_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }
  std::string what(std::string_view key) const { return fmt::format("{}.{}", where_, key); }

  std::string text(std::string_view key, std::string_view otherwise) const {
    const Json* value = find(key);
    return value ? value->as_string(what(key)) : std::string(otherwise);
  }

  int bits(std::string_view key) const {
    const Json* value = find(key);
    if (!value) bad_input("{}: {} is missing", where_, key);
    std::int64_t bits = value->as_int(what(key));
    if (bits != 2 && bits != 4 && bits != 8)
      unsupported(key, std::to_string(bits), "2, 4 and 8 bits");
    return static_cast<int>(bits);
  }

  std::int64_t group_size(std::string_view key) const {
    const Json* value = find(key);
    if (!value) return -1;
    std::int64_t size = value->as_int(what(key));
    if (size != -1 && (size < 1 || size > kLargestGroup))
      bad_input("{}: found {}, expected -1 or the columns of a group", what(key), size);
    return size;
  }

  [[noreturn]] void unsupported(std::string_view key, std::string_view found,
                                std::string_view expected) const {
    fail(ExitCode::kUnsupported, "{}: {} is not supported, only {}", what(key), printable(found),
         expected);
  }

  const Json& json() const { return json_; }
  const std::string& where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

void read_gptq(const Reader& r, PackedConfig& out) {
  out.kind = PackedKind::kGptq;
  out.ints.push_back({r.bits("bits"), r.group_size("group_size")});
  // GPTQModel's newer form stores zero points as they are, AutoGPTQ's one less.
  std::string format = lower(r.text("checkpoint_format", "gptq"));
  if (format != "gptq" && format != "gptq_v2")
    r.unsupported("checkpoint_format", format, "gptq and gptq_v2");
  out.zero_offset = format == "gptq" ? 1 : 0;
  if (const Json* dynamic = r.find("dynamic"))
    if (!dynamic->members(r.what("dynamic")).empty())
      r.unsupported("dynamic", "a width per module", "one width for all");
}

void read_awq(const Reader& r, PackedConfig& out, std::string_view bits, std::string_view group) {
  out.kind = PackedKind::kAwq;
  out.ints.push_back({r.bits(bits), r.group_size(group)});
  if (out.ints[0].bits != 4) r.unsupported(bits, std::to_string(out.ints[0].bits), "4 bits");
  std::string version = lower(r.text("version", "gemm"));
  if (version != "gemm") r.unsupported("version", version, "gemm");
}

void read_auto_round(const Reader& r, PackedConfig& out) {
  std::string packing = r.text("packing_format", "auto_round:auto_gptq");
  if (packing == "auto_round:auto_gptq" || packing == "auto_round:gptq") return read_gptq(r, out);
  if (packing == "auto_round:auto_awq" || packing == "auto_round:awq")
    return read_awq(r, out, "bits", "group_size");
  r.unsupported("packing_format", packing, "auto_round:auto_gptq and auto_round:auto_awq");
}

std::array<std::int64_t, 2> read_block(const Reader& r, std::string_view key, const Json& value) {
  const std::vector<Json>& items = value.items(r.what(key));
  std::array<std::int64_t, 2> block{};
  if (items.size() != block.size())
    bad_input("{}: found {} numbers, expected 2", r.what(key), items.size());
  for (std::size_t i = 0; i < block.size(); i++) {
    block[i] = items[i].as_int(r.what(key));
    if (block[i] < 1 || block[i] > kLargestGroup)
      bad_input("{}: found {}, expected at least 1", r.what(key), block[i]);
  }
  return block;
}

void check_compressed_format(const Reader& r) {
  constexpr std::array<std::string_view, 6> kFormats = {"pack-quantized",  "float-quantized",
                                                        "int-quantized",   "naive-quantized",
                                                        "mixed-precision", "dense"};
  std::string format = r.text("format", "dense");
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end())
    r.unsupported("format", format, fmt::format("{}", fmt::join(kFormats, ", ")));
}

void read_compressed(const Reader& r, PackedConfig& out) {
  check_compressed_format(r);
  if (const Json* sparsity = r.find("sparsity_config")) {
    Reader s(*sparsity, r.what("sparsity_config"));
    if (std::string format = s.text("format", "dense"); format != "dense")
      s.unsupported("format", format, "dense");
  }
  const Json* groups = r.find("config_groups");
  if (!groups) bad_input("{}: config_groups is missing", r.where());
  for (const auto& [name, group] : groups->members(r.what("config_groups"))) {
    Reader g(group, r.what("config_groups." + printable(name)));
    if (g.find("format")) check_compressed_format(g);
    const Json* weights = g.find("weights");
    if (!weights) continue;  // activations only
    Reader w(*weights, g.what("weights"));
    std::string type = w.text("type", "int");
    if (type != "int" && type != "float") w.unsupported("type", type, "int and float");
    int bits = w.bits("num_bits");
    if (type == "float" && bits != 8)
      w.unsupported("num_bits", std::to_string(bits), "floats of 8 bits");
    std::string strategy = w.text("strategy", "tensor");
    if (strategy == "block") {
      const Json* block = w.find("block_structure");
      if (!block) bad_input("{}: block_structure is missing", w.where());
      out.weight_block = read_block(w, "block_structure", *block);
    } else if (strategy == "group") {
      out.ints.push_back({bits, w.group_size("group_size")});
    } else if (strategy == "channel" || strategy == "tensor") {
      out.ints.push_back({bits, -1});
    } else {
      w.unsupported("strategy", strategy, "tensor, channel, group and block");
    }
  }
}

void read_scaled(const Reader& r, PackedConfig& out) {
  if (const Json* block = r.find("weight_block_size"))
    out.weight_block = read_block(r, "weight_block_size", *block);
  if (std::string algorithm = r.text("quant_algo", "FP8"); algorithm != "FP8")
    r.unsupported("quant_algo", algorithm, "FP8");
}

}  // namespace

PackedConfig parse_packed_config(const Json& config, const std::string& where) {
  const Json* found = config.find("quantization_config");
  if (const Json* text = config.find("text_config"); text && (!found || found->is_null()))
    found = text->find("quantization_config");
  PackedConfig out;
  if (!found || found->is_null()) return out;
  Reader r(*found, where + ": quantization_config");
  if (!r.find("quant_method")) bad_input("{}: quant_method is missing", r.where());
  out.method = r.text("quant_method", "");
  auto row = std::find_if(kMethods.begin(), kMethods.end(),
                          [&](const Method& m) { return m.name == out.method; });
  if (row == kMethods.end()) {
    std::vector<std::string_view> known;
    known.reserve(kMethods.size());
    for (const Method& m : kMethods)
      known.push_back(m.name);
    r.unsupported("quant_method", out.method, fmt::format("{}", fmt::join(known, ", ")));
  }
  out.kind = row->kind;
  switch (row->kind) {
    case PackedKind::kGptq:
      row->name == "gptq" ? read_gptq(r, out) : read_auto_round(r, out);
      break;
    case PackedKind::kAwq:
      read_awq(r, out, "bits", "group_size");
      break;
    case PackedKind::kCompressed:
      read_compressed(r, out);
      break;
    case PackedKind::kScaled:
      read_scaled(r, out);
      break;
    case PackedKind::kMxfp4:
    case PackedKind::kNone:
      break;
  }
  return out;
}

PackedConfig parse_packed_sidecar(const Json& sidecar, const std::string& where, PackedKind kind) {
  Reader r(sidecar, where);
  PackedConfig out;
  out.method = packed_kind_name(kind);
  if (kind == PackedKind::kGptq)
    read_gptq(r, out);
  else
    read_awq(r, out, "w_bit", "q_group_size");
  return out;
}

std::string_view packed_kind_name(PackedKind kind) {
  switch (kind) {
    case PackedKind::kNone:
      return "plain";
    case PackedKind::kGptq:
      return "gptq";
    case PackedKind::kAwq:
      return "awq";
    case PackedKind::kCompressed:
      return "compressed-tensors";
    case PackedKind::kScaled:
      return "fp8";
    case PackedKind::kMxfp4:
      return "mxfp4";
  }
  return "";
}

}  // namespace mlc
