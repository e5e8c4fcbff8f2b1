#include "convert/kept_params.h"

#include <array>
#include <string_view>

#include "base/error.h"
#include "convert/quant_rules.h"
#include "convert/spread_scale.h"
#include "convert/transform.h"
#include "models/models.h"

namespace mlc {
namespace {

constexpr std::string_view kWeight = "weight";
constexpr std::string_view kScale = "_scale_inv";
constexpr std::string_view kActivation = "activation_scale";

// AutoAWQ's GEMM form: eight 4-bit codes in a word along the outputs, groups of 128 inputs.
constexpr std::int64_t kAwqPerWord = 8;
constexpr std::int64_t kAwqGroup = 128;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

bool ends_in_weight(std::string_view name) { return name.ends_with(".weight"); }

// "a.weight" and "scales": "a.scales".
std::string with_last(std::string_view name, std::string_view last) {
  return std::string(name.substr(0, name.size() - kWeight.size())) + std::string(last);
}

[[noreturn]] void no_form(const ParamSpec& spec, const Quantization& q, std::string_view why) {
  fail(ExitCode::kUnsupported, "{}: {} has no form for it ({})", spec.name, q.name, why);
}

void add_awq(const ParamSpec& spec, const Quantization& q, std::vector<ParamSpec>& out) {
  if (spec.symbolic_rows) no_form(spec, q, "its number of rows is left to the checkpoint");
  if (spec.op != Op::kCopy && spec.op != Op::kConcat)
    no_form(spec, q, "it is more than a join of the checkpoint's tensors");
  std::int64_t outputs = spec.shape[0];
  std::int64_t inputs = spec.shape[1];
  if (outputs % kAwqPerWord != 0 || inputs % kAwqGroup != 0)
    no_form(spec, q,
            fmt::format("{} outputs, {} inputs; multiples of {} and {} are needed", outputs, inputs,
                        kAwqPerWord, kAwqGroup));
  struct Part {
    std::string_view name;
    std::int64_t rows;
    std::int64_t cols;
    DType dtype;
  };
  const std::array parts = {
      Part{"qweight", inputs, outputs / kAwqPerWord, DType::kU32},
      Part{"qzeros", inputs / kAwqGroup, outputs / kAwqPerWord, DType::kU32},
      Part{"scales", inputs / kAwqGroup, outputs, DType::kF16},
  };
  for (const Part& part : parts) {
    ParamSpec made = spec;
    made.name = with_last(spec.name, part.name);
    made.shape = {part.rows, part.cols};
    made.kind = ParamKind::kRaw;
    made.dtype = part.dtype;
    made.op = spec.sources.size() > 1 ? Op::kConcatColumns : Op::kCopy;
    for (std::string& source : made.sources) {
      if (!ends_in_weight(source)) no_form(spec, q, "its source is not called weight");
      source = with_last(source, part.name);
    }
    out.push_back(std::move(made));
  }
}

void add_block_scale(const ParamSpec& spec, const Quantization& q, BlockSize block,
                     std::vector<ParamSpec>& out) {
  if (spec.op != Op::kCopy && spec.op != Op::kConcat && spec.op != Op::kStack &&
      spec.op != Op::kStackOfConcat)
    no_form(spec, q, "its rows are taken apart");
  bool linear = spec.kind == ParamKind::kLinear;
  ParamSpec made = spec;
  made.kind = ParamKind::kRaw;
  made.dtype = q.weight_dtype;
  out.push_back(made);
  made.name += kScale;
  made.dtype = DType::kF32;
  std::size_t last = spec.shape.size() - 1;
  made.shape[last - 1] = ceil_div(spec.shape[last - 1], block.rows);
  made.shape[last] = ceil_div(spec.shape[last], block.cols);
  for (std::string& source : made.sources)
    source += kScale;
  out.push_back(made);
  if (!linear || !q.static_activation) return;
  if (!ends_in_weight(spec.name)) no_form(spec, q, "it is not called weight");
  made.name = with_last(spec.name, kActivation);
  made.shape = {ceil_div(spec.shape[last], block.cols)};
  made.op = spec.sources.size() > 1 ? Op::kShared : Op::kCopy;
  for (std::size_t i = 0; i < spec.sources.size(); i++) {
    if (!ends_in_weight(spec.sources[i])) no_form(spec, q, "its source is not called weight");
    made.sources[i] = with_last(spec.sources[i], kActivation);
  }
  out.push_back(std::move(made));
}

// One element for all, or, along one axis, each for its equal share.
bool spreads(const SourceTensor& tensor, const std::vector<std::int64_t>& shape) {
  std::int64_t n = tensor.elements();
  bool fits = n == 1 || (shape.size() == 1 && tensor.shape.size() == 1 && n > 0);
  return fits && is_float(tensor.dtype) && checked_elements(shape, tensor.name) % n == 0;
}

// The halves of DeepSeek's kv_b_proj are no linear layers, and are stored like it.
bool is_latent_half(const ParamSpec& spec) {
  return spec.kind == ParamKind::kRaw && !spec.dtype &&
         (spec.op == Op::kMlaKvBK || spec.op == Op::kMlaKvBV);
}

}  // namespace

BlockSize block_size(const ModelConfig& config, const Quantization& q) {
  const Json* sides = config.fields.find("weight_block_size");
  std::string where = config.path + ": quantization_config.weight_block_size";
  if (sides == nullptr || sides->is_null()) {
    const Json* quantization = config.source.find("quantization_config");
    if (quantization != nullptr && quantization->is_object())
      sides = quantization->find("weight_block_size");
  }
  if (sides == nullptr || sides->is_null())
    fail(ExitCode::kUnsupported,
         "{} is missing: {} keeps checkpoints that are stored as 8-bit floats with a scale per "
         "block; for others choose another quantization",
         where, q.name);
  const std::vector<Json>& items = sides->items(where);
  if (items.size() != 2 || items[0].as_int(where) < 1 || items[1].as_int(where) < 1)
    bad_input("{} is {}, expected two positive integers", where, printable(dump_json(*sides), 60));
  return {items[0].as_int(where), items[1].as_int(where)};
}

bool keeps_packed(const Quantization& q) {
  return q.kind == QuantKind::kAwq || q.kind == QuantKind::kBlockScale;
}

std::vector<ParamSpec> scheme_params(const ModelConfig& config, const Quantization& q) {
  // First, since some tables compute shapes with it.
  BlockSize block{};
  if (q.kind == QuantKind::kBlockScale) block = block_size(config, q);
  std::vector<ParamSpec> params = expand_params(config, name_of(q.kind));
  if (!keeps_packed(q)) return params;
  std::vector<ParamSpec> out;
  for (ParamSpec& spec : params) {
    bool linear = spec.kind == ParamKind::kLinear && !is_final_fc(spec) && !is_gate(spec);
    bool experts = spec.kind == ParamKind::kExperts;
    if (q.kind == QuantKind::kAwq) {
      if (experts) no_form(spec, q, "experts");
      if (linear) {
        add_awq(spec, q, out);
        continue;
      }
    } else if (!spec.no_quantization) {
      if (linear || experts) {
        add_block_scale(spec, q, block, out);
        continue;
      }
      if (is_latent_half(spec)) spec.dtype = q.weight_dtype;
    }
    out.push_back(std::move(spec));
  }
  return out;
}

void spread_scales(Checkpoint& checkpoint, const std::vector<ParamSpec>& params,
                   const ModelConfig& config, const Quantization& q) {
  if (q.kind != QuantKind::kBlockScale) return;
  BlockSize block = block_size(config, q);
  // The shape that the scale called `name` must have, by the weight that it belongs to.
  auto wanted = [&](std::string_view name, std::string_view suffix,
                    std::string_view weight) -> std::vector<std::int64_t> {
    const SourceTensor* t = checkpoint.find(
        std::string(name.substr(0, name.size() - suffix.size())) + std::string(weight));
    if (t == nullptr || t->shape.size() != 2) return {};
    std::int64_t cols = ceil_div(t->shape[1], block.cols);
    if (suffix == kActivation) return {cols};
    return {ceil_div(t->shape[0], block.rows), cols};
  };
  for (const ParamSpec& spec : params) {
    bool activation = spec.name.ends_with(kActivation);
    if (!activation && !spec.name.ends_with(kScale)) continue;
    std::shared_ptr<SpreadScale> first;
    for (const std::string& name : spec.sources) {
      const SourceTensor* found = checkpoint.find(name);
      if (found == nullptr) continue;  // the plan lists what is missing
      std::vector<std::int64_t> shape =
          activation ? wanted(name, kActivation, kWeight) : wanted(name, kScale, "");
      if (shape.empty() || !spreads(*found, shape)) continue;  // the plan compares shapes
      auto at = static_cast<std::size_t>(found - checkpoint.tensors.data());
      SourceTensor& tensor = checkpoint.tensors[at];
      auto reader =
          std::make_shared<SpreadScale>(checkpoint, tensor, checked_elements(shape, name));
      tensor.dtype = DType::kF32;
      tensor.shape = shape;
      tensor.reader = reader;
      if (first && spec.op == Op::kShared) first->must_equal(reader);
      if (!first) first = reader;
    }
  }
}

}  // namespace mlc
