#include "convert/plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "base/error.h"
#include "convert/missing.h"
#include "convert/shard_packer.h"
#include "models/models.h"
#include "quantize/ft_pack.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

std::uint64_t stored_size(DType dtype) { return dtype == DType::kF32 ? 2 : size_of(dtype); }

std::uint64_t shape_bytes(const std::vector<std::int64_t>& shape, std::uint64_t element,
                          std::string_view name) {
  auto n = static_cast<std::uint64_t>(checked_elements(shape, name));
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(n, element, &bytes))
    bad_input("{}: shape {} is impossible", name, shape_text(shape));
  return bytes;
}

PlanRecord make_record(std::string name, std::vector<std::int64_t> shape, DType dtype) {
  PlanRecord record{.name = std::move(name), .shape = std::move(shape), .dtype = dtype};
  record.nbytes = shape_bytes(record.shape, stored_size(dtype), record.name);
  return record;
}

std::vector<PlanRecord> group_records(const ParamSpec& spec, const std::vector<std::int64_t>& shape,
                                      const Quantization& q) {
  if (spec.kind == ParamKind::kExperts && q.layout == WeightLayout::kKN)
    fail(ExitCode::kUnsupported,
         "{}: experts have no layout in {} (no MLC runtime reads one); use {}_1", spec.name, q.name,
         q.name.substr(0, q.name.size() - 2));
  auto cols = static_cast<std::size_t>(shape.back());
  std::vector<std::int64_t> words = shape;
  std::vector<std::int64_t> groups = shape;
  words.back() = static_cast<std::int64_t>(words_per_row(q, cols));
  groups.back() = static_cast<std::int64_t>(groups_per_row(q, cols));
  if (is_packed_kn(spec, q)) {
    std::reverse(words.begin(), words.end());
    std::reverse(groups.begin(), groups.end());
  }
  std::string module(module_of(spec.name));
  return {make_record(module + ".q_weight", words, DType::kU32),
          make_record(module + ".q_scale", groups, q.model_dtype)};
}

// FasterTransformer's tiles hold 64 inputs of four outputs.
std::vector<PlanRecord> ft_records(const ParamSpec& spec, const std::vector<std::int64_t>& shape,
                                   const Quantization& q) {
  if (shape.back() % kFtTile != 0)
    fail(ExitCode::kUnsupported,
         "{}: q4f16_ft needs layers with a multiple of {} inputs, this one has {}; use q4f16_1",
         spec.name, kFtTile, shape.back());
  std::string module(module_of(spec.name));
  return {make_record(module + ".q_weight", {shape[1], shape[0] / 2}, DType::kI8),
          make_record(module + ".q_scale", {1, shape[0]}, q.model_dtype)};
}

std::vector<PlanRecord> fp8_records(const ParamSpec& spec, const std::vector<std::int64_t>& shape,
                                    const Quantization& q) {
  std::string module(module_of(spec.name));
  std::vector<PlanRecord> records = {make_record(module + ".q_weight", shape, q.weight_dtype)};
  if (q.scaled) records.push_back(make_record(module + ".q_scale", {1}, DType::kF32));
  // Last here, though before q_scale in the model's own order.
  if (q.calibrated)
    records.push_back(make_record(module + ".q_calibration_scale", {1}, DType::kF32));
  return records;
}

// A record that is neither a float nor made by a packer keeps the source's bits.
void check_kept(const PlanStep& step, const Checkpoint& checkpoint, const Quantization& q) {
  if (step.packer != Packer::kCast) return;
  DType kept = step.records[0].dtype;
  if (kept == DType::kF16 || kept == DType::kBF16 || kept == DType::kF32) return;
  for (std::size_t s : step.sources) {
    const SourceTensor& t = checkpoint.tensors[s];
    if (t.dtype == kept || (t.dtype == DType::kI32 && kept == DType::kU32)) continue;
    fail(ExitCode::kUnsupported,
         "tensor {} is {}, but {} takes checkpoints that are already quantized, with {} here",
         printable(t.name), name_of(t.dtype), q.name, name_of(kept));
  }
}

// mlc_llm's loading order (docs/formats.md, "Order"): each source name, in file order, triggers the
// params that use it and have not come out yet.
std::vector<std::size_t> output_order(const Checkpoint& checkpoint,
                                      const std::vector<ParamSpec>& params) {
  std::map<std::string_view, std::vector<std::size_t>> users;
  for (std::size_t p = 0; p < params.size(); p++)
    for (const std::string& s : params[p].sources)
      users[s].push_back(p);
  for (auto& [name, list] : users)
    std::stable_sort(list.begin(), list.end(),
                     [&](std::size_t a, std::size_t b) { return params[a].rank < params[b].rank; });
  std::vector<std::size_t> order;
  std::vector<bool> emitted(params.size());
  for (const SourceTensor& t : checkpoint.tensors) {
    auto it = users.find(t.name);
    if (it == users.end()) continue;
    for (std::size_t p : it->second) {
      if (!emitted[p]) order.push_back(p);
      emitted[p] = true;
    }
  }
  return order;
}

// The sources as this checkpoint names them: in the other layout of the architecture if it has that
// one, and with the embedding in place of a tied head that it lacks.
class SourceNames {
 public:
  SourceNames(const Checkpoint& checkpoint, const ModelConfig& config,
              const std::vector<ParamSpec>& params)
      : config_(config) {
    if (config.architecture->renames.empty() || params.empty()) return;
    const std::string& first = params[0].sources[0];
    renamed_ = checkpoint.find(first) == nullptr &&
               checkpoint.find(renamed_source(*config.architecture, first)) != nullptr;
  }

  std::vector<ParamSpec> of(std::vector<ParamSpec> params, const Checkpoint& checkpoint) const {
    for (ParamSpec& spec : params) {
      if (renamed_) {
        for (std::string& source : spec.sources)
          source = renamed_source(*config_.architecture, source);
        if (!spec.fallback.empty())
          spec.fallback = renamed_source(*config_.architecture, spec.fallback);
      }
      if (!spec.fallback.empty() && checkpoint.find(spec.sources[0]) == nullptr &&
          checkpoint.find(spec.fallback) != nullptr)
        spec.sources[0] = spec.fallback;
    }
    return params;
  }

  std::optional<std::string_view> ignored(const std::string& name) const {
    return is_ignored_source(config_, original(name));
  }
  bool counted(const std::string& name) const { return is_counted_source(config_, original(name)); }

 private:
  std::string original(const std::string& name) const {
    return renamed_ ? original_source(*config_.architecture, name) : name;
  }

  const ModelConfig& config_;
  bool renamed_ = false;
};

// mlc_llm loads whole files and counts their elements at every load; before a file is loaded, every
// cached file that the param at hand does not need is dropped. With a sorted index a file is loaded
// twice (lm_head lies in the last one), and then counts twice: kept, because BitsPerParam is
// part of the file that must come out equal (docs/errata.md).
std::int64_t count_loaded_elements(const Checkpoint& checkpoint, const SourceNames& names,
                                   const std::vector<PlanStep>& steps) {
  std::vector<std::int64_t> elements(checkpoint.files.size());
  for (std::size_t f = 0; f < checkpoint.files.size(); f++)
    elements[f] = static_cast<std::int64_t>(checkpoint.files[f].elements);
  for (const SourceTensor& t : checkpoint.tensors)
    if (!names.counted(t.name)) elements[t.file] -= t.elements();
  std::set<std::size_t> cached;
  std::int64_t total = 0;
  for (const PlanStep& step : steps) {
    std::set<std::size_t> needed;
    for (std::size_t s : step.sources)
      needed.insert(checkpoint.tensors[s].file);
    std::set<std::size_t> missing;
    std::set_difference(needed.begin(), needed.end(), cached.begin(), cached.end(),
                        std::inserter(missing, missing.end()));
    if (missing.empty()) continue;
    for (std::size_t f : missing)
      total += elements[f];
    cached = std::move(needed);
  }
  return total;
}

PlanStep make_step(const Checkpoint& checkpoint, const ParamSpec& spec, const Quantization& q) {
  PlanStep step;
  step.spec = spec;
  std::vector<const SourceTensor*> tensors;
  for (const std::string& name : spec.sources) {
    const SourceTensor* t = checkpoint.find(name);
    tensors.push_back(t);
    step.sources.push_back(static_cast<std::size_t>(t - checkpoint.tensors.data()));
  }
  try {
    step.transform = make_transform(spec, tensors);
  } catch (const Error& error) {
    fail(error.code(), "{}: {}", printable(checkpoint.folder, 1024), error.what());
  }
  for (std::size_t i = 0; i < tensors.size(); i++)
    if (tensors[i]->dtype == DType::kF8E8M0)
      fail(ExitCode::kUnsupported, "tensor {}: dtype {} is a block scale, not a weight",
           printable(tensors[i]->name), name_of(tensors[i]->dtype));
  step.packer = packer_of(spec, q);
  step.quantized = step.packer != Packer::kCast;
  step.packed_kn = step.packer == Packer::kGroup && is_packed_kn(spec, q);
  if (step.packer == Packer::kFt) step.band_rows = kFtColumns;
  if (step.transform.side_by_side) step.band_rows = 1;
  step.records = records_of(spec, step.transform.shape, q);
  check_kept(step, checkpoint, q);
  return step;
}

void place_records(Plan& plan) {
  std::vector<std::uint64_t> sizes;
  for (const PlanStep& step : plan.steps)
    for (const PlanRecord& r : step.records)
      sizes.push_back(r.nbytes);
  std::vector<Placement> placements = pack_shards(sizes, plan.shard_sizes);
  std::size_t i = 0;
  for (PlanStep& step : plan.steps)
    for (PlanRecord& r : step.records) {
      r.shard = placements[i].shard;
      r.offset = placements[i].offset;
      i++;
    }
}

}  // namespace

double Plan::bits_per_param() const {
  return loaded_elements == 0
             ? 0.0
             : static_cast<double>(param_bytes) * 8.0 / static_cast<double>(loaded_elements);
}

bool Plan::has_float32() const {
  for (const PlanStep& step : steps)
    for (const PlanRecord& r : step.records)
      if (r.dtype == DType::kF32) return true;
  return false;
}

std::vector<PlanRecord> records_of(const ParamSpec& spec, const std::vector<std::int64_t>& shape,
                                   const Quantization& q) {
  switch (packer_of(spec, q)) {
    case Packer::kCast:
      break;
    case Packer::kGroup:
      return group_records(spec, shape, q);
    case Packer::kFt:
      return ft_records(spec, shape, q);
    case Packer::kFp8:
      return fp8_records(spec, shape, q);
  }
  return {make_record(spec.name, shape, plain_dtype(spec, q))};
}

std::string shard_name(std::size_t index) { return fmt::format("params_shard_{}.bin", index); }

Plan build_plan(const Checkpoint& checkpoint, const ModelConfig& config,
                const std::vector<ParamSpec>& specs, const Quantization& quantization) {
  if (checkpoint.tensors.empty()) bad_input("{}: no tensors", printable(checkpoint.folder));
  SourceNames names(checkpoint, config, specs);
  std::vector<ParamSpec> params = names.of(specs, checkpoint);
  throw_if_missing(checkpoint, params);
  // Every source exists from here on.
  Plan plan;
  plan.quantization = &quantization;
  plan.model_type = config.model_type();
  plan.in_mlc_llm = config.architecture->in_mlc_llm;
  plan.warnings = checkpoint.warnings;
  for (std::size_t p : output_order(checkpoint, params))
    plan.steps.push_back(make_step(checkpoint, params[p], quantization));
  place_records(plan);
  // Every output byte has its place from here on.
  std::vector<bool> used(checkpoint.tensors.size());
  for (const PlanStep& step : plan.steps) {
    for (std::size_t s : step.sources) {
      used[s] = true;
      plan.read_bytes += checkpoint.tensors[s].nbytes;
    }
    plan.param_elements += checked_elements(step.transform.shape, step.spec.name);
    for (const PlanRecord& r : step.records)
      plan.param_bytes += shape_bytes(r.shape, size_of(r.dtype), r.name);
  }
  for (std::size_t t = 0; t < checkpoint.tensors.size(); t++) {
    if (used[t]) continue;
    const std::string& name = checkpoint.tensors[t].name;
    if (auto rule = names.ignored(name))
      plan.ignored.push_back({name, std::string(*rule)});
    else
      plan.unused.push_back(name);
  }
  plan.written_bytes =
      std::accumulate(plan.shard_sizes.begin(), plan.shard_sizes.end(), std::uint64_t{0});
  plan.loaded_elements = count_loaded_elements(checkpoint, names, plan.steps);
  return plan;
}

}  // namespace mlc
