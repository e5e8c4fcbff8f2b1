#include "convert/convert.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include <sys/resource.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/tensor_cache.h"
#include "base/units.h"
#include "convert/kept_params.h"
#include "convert/lora.h"
#include "convert/method.h"
#include "convert/missing.h"
#include "convert/packed.h"
#include "models/models.h"

namespace mlc {
namespace {

// In the order in which they are written and committed; the last two only with a float32 param.
constexpr std::array<std::string_view, 4> kIndexFiles = {
    "ndarray-cache.json", "tensor-cache.json", "ndarray-cache-b16.json", "tensor-cache-b16.json"};
constexpr auto kIndex = std::span(kIndexFiles).first<2>();
constexpr auto kIndexB16 = std::span(kIndexFiles).last<2>();

template <class Row>
const Row& named(const Row* row, std::string_view option, std::string_view name) {
  if (!row) fail(ExitCode::kUsage, "{} {}: unknown", option, printable(name));
  return *row;
}

[[noreturn]] void refuse_complete(const ConvertOptions& options) {
  fail(ExitCode::kUsage,
       "{}: holds a complete conversion{}; use --overwrite to replace it, or another folder",
       printable(options.output, 1024),
       options.resume ? ", and there is no interrupted run of this one to resume" : "");
}

bool is_shard_file(std::string_view name) {
  constexpr std::string_view kPrefix = "params_shard_";
  constexpr std::string_view kSuffix = ".bin";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) ||
      name.size() <= kPrefix.size() + kSuffix.size())
    return false;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string default_source(const std::string& config) {
  std::filesystem::path path(config);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return config;
  std::filesystem::path folder = path.parent_path();
  return folder.empty() ? "." : folder.string();
}

TensorCache index_of(const Plan& plan, const std::vector<std::string>& md5) {
  TensorCache cache;
  std::uint64_t records = 0;
  cache.shards.resize(plan.shard_sizes.size());
  for (std::size_t s = 0; s < cache.shards.size(); s++) {
    cache.shards[s].data_path = shard_name(s);
    cache.shards[s].nbytes = plan.shard_sizes[s];
    cache.shards[s].md5sum = md5[s];
  }
  for (const PlanStep& step : plan.steps)
    for (const PlanRecord& r : step.records) {
      cache.shards[r.shard].records.push_back({.name = r.name,
                                               .shape = r.shape,
                                               .dtype = r.dtype,
                                               .nbytes = r.nbytes,
                                               .byte_offset = r.offset});
      records++;
    }
  cache.param_size = records;
  cache.param_bytes = static_cast<double>(plan.param_bytes);
  cache.bits_per_param = plan.bits_per_param();
  return cache;
}

// Everything the output depends on, and the sources' sizes and times: a resumed run must be the
// same conversion of the same files.
std::string plan_id(const ConvertOptions& options, const Prepared& prepared) {
  Sha256 sha;
  auto add = [&](std::string_view text) {
    sha.update(std::as_bytes(std::span(text)));
    sha.update(std::as_bytes(std::span("\n", 1)));
  };
  // Raise it when the same options begin to give other bytes: an interrupted run of an older
  // program is then started afresh.
  add("bytes 2");
  add(options.numerics);
  add(options.method);
  add(options.keep_lattices ? "lattices" : "no lattices");
  add(prepared.plan.quantization->name);
  for (const std::string& note : prepared.checkpoint.notes)
    add(note);
  for (const SourceFile& f : prepared.checkpoint.files) {
    std::error_code error;
    auto time = std::filesystem::last_write_time(f.file->path(), error);
    add(fmt::format("{} {} {}", f.name, f.file->size(), time.time_since_epoch().count()));
  }
  for (const PlanStep& step : prepared.plan.steps) {
    const OpArgs& a = step.spec.args;
    add(fmt::format("{} {} {} {} {} {} {} {} {} {}", op_name(step.spec.op), a.heads, a.head_dim,
                    a.queries, a.nope, a.value, a.exponent, shape_text(a.parts), a.first_part,
                    a.part_count));
    for (std::size_t s : step.sources) {
      const SourceTensor& t = prepared.checkpoint.tensors[s];
      add(fmt::format("{} {} {} {} {}", t.name, name_of(t.dtype), shape_text(t.shape), t.file,
                      t.offset));
    }
    for (const PlanRecord& r : step.records)
      add(fmt::format("{} {} {} {} {}", r.name, name_of(r.dtype), shape_text(r.shape), r.shard,
                      r.offset));
  }
  return hex(sha.finish());
}

std::uint64_t peak_resident_bytes() {
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

void write_partial(const OutputFolder& folder, std::string_view name, std::string_view text) {
  std::string path = folder.partial_path(name);
  if (folder.find_finished(name) == path) remove_file(path);
  OutputFile file(path, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  file.sync();
  file.close();
}

// --source-format awq and gptq are safetensors whose linears are packed in that way.
void check_packed_format(const Checkpoint& checkpoint, std::string_view format, PackedKind found) {
  PackedKind wanted = format == "awq"    ? PackedKind::kAwq
                      : format == "gptq" ? PackedKind::kGptq
                                         : PackedKind::kNone;
  if (wanted != PackedKind::kNone && found != wanted)
    fail(ExitCode::kUsage, "--source-format {}: {} is a {} checkpoint", format,
         printable(checkpoint.folder, 1024), packed_kind_name(found));
}

Checkpoint open_source(const ConvertOptions& options, const ModelConfig& config,
                       const Quantization& quantization) {
  std::string source = options.source == "auto" ? default_source(options.config) : options.source;
  Checkpoint checkpoint = open_checkpoint(source, options.source_format);
  PackedConfig packed = find_packed_config(checkpoint, config.source, config.path);
  check_packed_format(checkpoint, options.source_format, packed.kind);
  if (keeps_packed(quantization)) {
    if (!options.lora_adapter.empty())
      fail(ExitCode::kUnsupported,
           "--lora-adapter: {} keeps the codes of the checkpoint, and nothing can be added to them",
           quantization.name);
    return checkpoint;
  }
  decode_packed(checkpoint, packed);
  if (!options.lora_adapter.empty()) merge_lora(checkpoint, options.lora_adapter);
  return checkpoint;
}

void ignore_zero_biases(const Checkpoint& checkpoint, Plan& plan) {
  if (!checkpoint.was_quantized) return;
  std::erase_if(plan.unused, [&](const std::string& name) {
    if (!is_zero_bias(checkpoint, name)) return false;
    plan.ignored.push_back({name, "bias of zeros beside a packed weight"});
    return true;
  });
}

// One sentence for each kind of value that a model should not hold.
std::vector<std::string> value_warnings(const ExecuteResult& result) {
  const QuantCounts& q = result.quantized;
  const CastCounts& c = result.cast;
  std::vector<std::string> warnings;
  auto warn = [&](std::uint64_t n, std::string_view what) {
    if (n) warnings.push_back(fmt::format("{} {}", n, what));
  };
  warn(q.nan_values + c.nan_values, "NaN values in the weights");
  warn(q.inf_values + c.inf_values, "infinite values in the weights");
  warn(q.overflow_values + c.overflow_values,
       "weights are finite in the checkpoint and too large for the model's dtype");
  warn(q.overflow_groups, "groups hold a weight that a runtime will dequantize to infinity");
  if (!result.nonfinite.empty())
    warnings.push_back("NaN or infinity in " + printable_list(result.nonfinite));
  return warnings;
}

}  // namespace

void check_config_path(const std::string& config) {
  std::error_code error;
  if (!std::filesystem::exists(config, error))
    fail(ExitCode::kUsage, "CONFIG {}: no such file or folder", printable(config, 1024));
  if (std::filesystem::is_directory(config, error) &&
      !std::filesystem::exists(config + "/config.json", error))
    bad_input("{}: holds no config.json", printable(config, 1024));
}

Prepared prepare_conversion(const ConvertOptions& options, Reporter& reporter) {
  const Quantization& quantization =
      named(find_quantization(options.quantization), "--quantization", options.quantization);
  named(find_numeric_rule(options.numerics), "--numerics", options.numerics);
  named(find_method(options.method), "--method", options.method);
  check_config_path(options.config);
  ModelConfig config = load_model_config(options.config, options.model_type);
  Prepared prepared;
  std::vector<ParamSpec> params = scheme_params(config, quantization);
  prepared.checkpoint = open_source(options, config, quantization);
  spread_scales(prepared.checkpoint, params, config, quantization);
  prepared.plan = build_plan(prepared.checkpoint, config, params, quantization);
  ignore_zero_biases(prepared.checkpoint, prepared.plan);
  std::vector<std::string>& warnings = prepared.plan.warnings;
  warnings.insert(warnings.begin(), config.warnings.begin(), config.warnings.end());
  const std::vector<std::string>& unused = prepared.plan.unused;
  if (!unused.empty()) {
    std::string text = fmt::format("{}: {} {} no place in a {} model: {}",
                                   printable(prepared.checkpoint.folder, 1024), unused.size(),
                                   unused.size() == 1 ? "tensor has" : "tensors have",
                                   config.model_type(), printable_list(unused));
    if (!options.allow_unused)
      bad_input("{}; is it the right --model-type? --allow-unused drops them", text);
    warnings.push_back("dropped: " + text);
  }
  for (const std::string& warning : warnings)
    reporter.warn(warning);
  prepared.threads = options.threads ? options.threads : default_threads();
  prepared.peak_memory =
      planned_memory(prepared.plan, prepared.checkpoint, prepared.threads, options.max_memory);
  std::vector<std::string> no_hashes(prepared.plan.shard_sizes.size(), std::string(32, '0'));
  std::uint64_t index_bytes = write_tensor_cache(index_of(prepared.plan, no_hashes)).size();
  prepared.disk_needed =
      prepared.plan.written_bytes + index_bytes * (prepared.plan.has_float32() ? 4 : 2);
  return prepared;
}

ConvertSummary run_conversion(const ConvertOptions& options, const Prepared& prepared,
                              Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  const Plan& plan = prepared.plan;
  const Method& method = *find_method(options.method);
  const std::string id = plan_id(options, prepared);
  // Known without the lock as a rule, and then said without writing anything.
  auto held = [&](std::string_view name) { return holds_any(options.output, {&name, 1}); };
  if (!options.overwrite && !options.resume && std::all_of(kIndex.begin(), kIndex.end(), held))
    refuse_complete(options);
  OutputFolder folder(options.output, true);
  folder.keep_partial();  // what a killed run left is not for a refused run to remove
  bool resume = options.resume && ShardStore::can_resume(folder, id);
  if (!options.overwrite && !resume && holds_any(options.output, kIndex) &&
      !folder.was_killed_between(kIndexFiles))
    refuse_complete(options);
  if (!resume) folder.discard_leftovers();
  folder.keep_partial(options.resume);
  ShardStore store(folder, plan.shard_sizes, id, resume);
  ConvertSummary summary;
  summary.kept_shards = store.done_count();
  std::uint64_t missing = prepared.disk_needed - plan.written_bytes;
  for (std::size_t s = 0; s < store.count(); s++)
    missing += store.is_done(s) ? 0 : store.size(s);
  std::uint64_t available = free_bytes(options.output);
  if (missing > available)
    fail(ExitCode::kIo, "{}: not enough disk: {} needed, {} free", printable(options.output, 1024),
         bytes_text(missing), bytes_text(available));
  store.start();
  summary.measured = options.measure_params || prepared.checkpoint.was_quantized;
  summary.execute =
      execute_plan(plan, prepared.checkpoint,
                   {.rule = find_numeric_rule(options.numerics),
                    .quantizer = method.quantize,
                    .want_error = method.reports_error || prepared.checkpoint.was_quantized,
                    .measure_params = summary.measured,
                    .keep_lattices = options.keep_lattices,
                    .threads = prepared.threads,
                    .max_memory = options.max_memory},
                   store, reporter);
  // Every shard is complete, hashed and synced from here on.
  if (summary.measured) send_param_events(plan, summary.execute.params, reporter);
  summary.warnings = plan.warnings;
  for (const std::string& warning : value_warnings(summary.execute)) {
    reporter.warn(warning);
    summary.warnings.push_back(warning);
  }
  OutputFolder::Commit commit;
  TensorCache cache = index_of(plan, summary.execute.md5);
  for (std::string_view name : kIndex) {
    write_partial(folder, name, write_tensor_cache(cache));
    commit.index.emplace_back(name);
  }
  if (plan.has_float32())
    for (std::string_view name : kIndexB16) {
      write_partial(folder, name, write_tensor_cache_b16(cache));
      commit.index.emplace_back(name);
    }
  commit.retired.assign(kIndexFiles.begin(), kIndexFiles.end());
  for (std::size_t s = 0; s < store.count(); s++)
    commit.data.push_back(shard_name(s));
  commit.stale = is_shard_file;
  folder.commit(commit);
  summary.index_files = commit.index;
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  summary.peak_memory = peak_resident_bytes();
  return summary;
}

}  // namespace mlc
