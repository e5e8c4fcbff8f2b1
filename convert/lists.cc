#include "convert/lists.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_table.h"
#include "base/units.h"
#include "convert/convert.h"
#include "convert/gguf_blocks.h"
#include "convert/gguf_names.h"
#include "convert/kept_params.h"
#include "convert/plan.h"
#include "convert/source.h"
#include "models/models.h"
#include "models/registry.h"

namespace mlc {
namespace {

bool has_experts(std::span<const Block> blocks) {
  return std::any_of(blocks.begin(), blocks.end(), [](const Block& block) {
    return std::any_of(block.params.begin(), block.params.end(),
                       [](const Param& p) { return p.kind == ParamKind::kExperts; }) ||
           has_experts(block.blocks);
  });
}

Json list_of(std::span<const std::string_view> texts) {
  Json list = Json::array();
  for (std::string_view text : texts)
    if (!text.empty()) list.push(text);
  return list;
}

Json list_of(const std::vector<std::int64_t>& numbers) {
  Json list = Json::array();
  for (std::int64_t n : numbers)
    list.push(n);
  return list;
}

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts)
    list.push(text);
  return list;
}

// What is stored for one quantized weight.
std::string stored_as(const Quantization& q) {
  switch (q.kind) {
    case QuantKind::kNone:
      return std::string(name_of(q.model_dtype));
    case QuantKind::kGroup:
      return fmt::format("{}-bit integers, a scale per {}", q.bits, q.group_size);
    case QuantKind::kFt:
      return "4-bit integers, a scale per row, interleaved";
    case QuantKind::kAwq:
      return "the codes of an AWQ checkpoint";
    case QuantKind::kPerTensor:
      return fmt::format("{}{}", name_of(q.weight_dtype),
                         q.calibrated ? ", scales per tensor, also of activations"
                         : q.scaled   ? ", a scale per tensor"
                                      : "");
    case QuantKind::kBlockScale:
      return fmt::format("the {} codes of a checkpoint, a scale per block{}",
                         name_of(q.weight_dtype),
                         q.static_activation ? ", also of activations" : "");
  }
  return {};
}

struct Totals {
  std::uint64_t bytes = 0, elements = 0;
};

void add_elements(Totals& totals, const ParamSpec& spec) {
  auto n = static_cast<std::uint64_t>(checked_elements(spec.shape, spec.name));
  if (__builtin_add_overflow(totals.elements, n, &totals.elements))
    bad_input("{}: the params have more than 2^64 elements", spec.name);
}

}  // namespace

List list_models() {
  TextTable table({{.key = "model_type", .title = "model type"},
                   {.key = "family", .title = "family"},
                   {.key = "also_detected_as", .title = "also detected as"},
                   {.key = "class_names", .title = ""},
                   {.key = "in_mlc_llm", .title = "in mlc_llm"},
                   {.key = "experts", .title = "experts"},
                   {.key = "note", .title = "note"}});
  for (const Architecture* a : architectures())
    table.add({a->model_type, family_of(*a),
               list_of(std::span(a->also_detected_as.begin(), a->also_detected_as.end())),
               list_of(std::span(a->class_names.begin(), a->class_names.end())), a->in_mlc_llm,
               has_experts(a->body), a->note});
  return {
      .text = fmt::format("{}\n{} model types. Runtimes have model libraries only for what is in "
                          "mlc_llm. Experts have no layout in the quantizations _0.\n",
                          table.text(), table.size()),
      .json = Json::object().set("models", table.json())};
}

List list_quantizations() {
  TextTable table({{.key = "name", .title = "quantization"},
                   {.key = "kind", .title = "kind"},
                   {.key = "model_dtype", .title = "model dtype"},
                   {.key = "stored", .title = "weights are stored as"},
                   {.key = "bits", .title = ""},
                   {.key = "group_size", .title = ""},
                   {.key = "layout", .title = "layout"},
                   {.key = "embedding", .title = "embedding"},
                   {.key = "final_fc", .title = "head"}});
  for (const Quantization& q : quantizations()) {
    bool groups = q.kind == QuantKind::kGroup || q.kind == QuantKind::kFt;
    bool group = q.kind == QuantKind::kGroup;
    table.add({q.name, name_of(q.kind), name_of(q.model_dtype), stored_as(q),
               groups ? Json(q.bits) : Json(), groups ? Json(q.group_size) : Json(),
               group ? Json(q.layout == WeightLayout::kNK ? "NK" : "KN") : Json(),
               groups && q.quantizes_embedding, groups && q.quantizes_final_fc});
  }
  return {.text = table.text(), .json = Json::object().set("quantizations", table.json())};
}

List list_sources() {
  TextTable formats({{.key = "name", .title = "source format"},
                     {.key = "files", .title = "files"},
                     {.key = "holds", .title = "that hold"}});
  for (const SourceFormat& f : source_formats())
    formats.add({f.name, f.files, f.explains});

  TextTable types({{.key = "name", .title = "GGUF type"},
                   {.key = "block", .title = "elements", .right = true},
                   {.key = "bytes", .title = "bytes", .right = true},
                   {.key = "read", .title = "read"},
                   {.key = "lossless", .title = "kept in 4 bits"}});
  for (const GgufType& t : gguf_types())
    types.add({t.name, std::uint64_t{t.elements}, std::uint64_t{t.bytes},
               t.plain.has_value() || t.decode != nullptr, t.lattice != nullptr});

  std::vector<std::string> names;
  for (const GgufArchitecture& a : gguf_architectures())
    names.emplace_back(a.name);
  return {.text = fmt::format("{}\n{}\nGGUF architectures: {}\n", formats.text(), types.text(),
                              fmt::join(names, ", ")),
          .json = Json::object()
                      .set("sources", formats.json())
                      .set("gguf_types", types.json())
                      .set("gguf_architectures", list_of(names))};
}

List list_params(std::string_view model_type, const std::string& config_path,
                 std::string_view quantization) {
  const Quantization* q = find_quantization(quantization);
  if (!q && !quantization.empty())
    fail(ExitCode::kUsage, "--quantization {}: unknown", printable(quantization));
  check_config_path(config_path);
  ModelConfig config = load_model_config(config_path, model_type);
  std::vector<ParamSpec> specs =
      q ? scheme_params(config, *q) : expand_params(config, name_of(QuantKind::kNone));

  TextTable table({{.key = "name", .title = "param"},
                   {.key = "shape", .title = "shape"},
                   {.key = "dtype", .title = "dtype"},
                   {.key = "nbytes", .title = q ? "bytes" : "", .right = true},
                   {.key = "op", .title = "op"},
                   {.key = "quantizer", .title = q ? "quantizer" : ""},
                   {.key = "sources", .title = "sources"}});
  Totals totals;
  for (const ParamSpec& spec : specs) {
    add_elements(totals, spec);
    if (!q) {
      table.add({spec.name, list_of(spec.shape), spec.dtype ? Json(name_of(*spec.dtype)) : Json(),
                 Json(), op_name(spec.op), Json(), list_of(spec.sources)});
      continue;
    }
    std::string_view quantizer = packer_of(spec, *q) == Packer::kCast ? "cast" : q->name;
    for (const PlanRecord& r : records_of(spec, spec.shape, *q)) {
      table.add({r.name, list_of(r.shape), name_of(r.dtype), r.nbytes, op_name(spec.op), quantizer,
                 list_of(spec.sources)});
      if (__builtin_add_overflow(totals.bytes, r.nbytes, &totals.bytes))
        bad_input("{}: the params have more than 2^64 bytes", spec.name);
    }
  }
  Json json = Json::object();
  json.set("model_type", config.model_type()).set("quantization", q ? Json(q->name) : Json());
  json.set("param_elements", totals.elements);
  json.set("nbytes", q ? Json(totals.bytes) : Json()).set("params", table.json());
  std::string text = fmt::format("{}\n{}: {} params, {} elements", table.text(),
                                 config.model_type(), table.size(), totals.elements);
  text += q ? fmt::format(", {} as {}\n", bytes_text(totals.bytes), q->name) : std::string("\n");
  return {.text = std::move(text), .json = std::move(json)};
}

}  // namespace mlc
