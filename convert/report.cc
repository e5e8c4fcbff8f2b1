#include "convert/report.h"

#include <algorithm>

#include "base/error.h"
#include "base/units.h"

namespace mlc {
namespace {

std::string count_text(std::size_t n, std::string_view thing) {
  return fmt::format("{} {}{}", n, thing, n == 1 ? "" : "s");
}

std::size_t record_count(const Plan& plan) {
  std::size_t n = 0;
  for (const PlanStep& step : plan.steps)
    n += step.records.size();
  return n;
}

std::string_view quantizer_name(const Plan& plan, const PlanStep& step) {
  return step.quantized ? plan.quantization->name : std::string_view("cast");
}

Json shape_json(const std::vector<std::int64_t>& shape) {
  Json list = Json::array();
  for (std::int64_t d : shape)
    list.push(d);
  return list;
}

Json strings_json(const std::vector<std::string>& strings) {
  Json list = Json::array();
  for (const std::string& s : strings)
    list.push(s);
  return list;
}

Json totals_json(const Prepared& p) {
  Json t = Json::object();
  t.set("model_type", p.plan.model_type);
  t.set("quantization", p.plan.quantization->name);
  t.set("has_model_library", p.plan.in_mlc_llm);
  t.set("param_count", std::uint64_t{record_count(p.plan)});
  t.set("param_elements", p.plan.param_elements);
  t.set("shard_count", std::uint64_t{p.plan.shard_sizes.size()});
  t.set("read_bytes", p.plan.read_bytes);
  t.set("written_bytes", p.plan.written_bytes);
  t.set("bits_per_param", p.plan.bits_per_param());
  t.set("peak_memory_bytes", p.peak_memory);
  t.set("disk_bytes", p.disk_needed);
  return t;
}

// A package of such a model is complete, and nothing can run it yet: worth a line of its own.
std::string library_text(const Plan& plan) {
  if (plan.in_mlc_llm) return {};
  return fmt::format(
      "  library        none yet: no runtime has a model library for {}; its params are named as "
      "in "
      "docs/formats.md, \"Architectures without a model library\"\n",
      plan.model_type);
}

// Relative square error of the quantized params, as a share of the weights' own square sum.
double relative(double square_error, const QuantCounts& c) {
  return c.square_weight > 0 ? square_error / c.square_weight : 0.0;
}

}  // namespace

std::string plan_text(const Prepared& p) {
  std::size_t width = 4;
  for (const PlanStep& step : p.plan.steps)
    for (const PlanRecord& r : step.records)
      width = std::max(width, r.name.size());
  std::string text =
      fmt::format("{:<{}}  {:<16} {:<9} {:>12} {:>6} {:>12}  {:<22} {}\n", "param", width, "shape",
                  "dtype", "bytes", "shard", "offset", "op", "sources");
  for (const PlanStep& step : p.plan.steps) {
    bool first = true;
    for (const PlanRecord& r : step.records) {
      std::string sources;
      for (const std::string& s : step.spec.sources) {
        if (sources.size() > 60) {
          sources += ", ...";
          break;
        }
        sources += (sources.empty() ? "" : ", ") + printable(s);
      }
      text += fmt::format(
          "{:<{}}  {:<16} {:<9} {:>12} {:>6} {:>12}  {:<22} {}\n", r.name, width,
          shape_text(r.shape), name_of(r.dtype), r.nbytes, r.shard, r.offset,
          first ? fmt::format("{}, {}", op_name(step.spec.op), quantizer_name(p.plan, step))
                : std::string("\""),
          first ? sources : "\"");
      first = false;
    }
  }
  text += fmt::format("\n{} ({}): {} in {}\n", p.plan.model_type, p.plan.quantization->name,
                      count_text(record_count(p.plan), "param"),
                      count_text(p.plan.shard_sizes.size(), "shard"));
  text += library_text(p.plan);
  for (const std::string& note : p.checkpoint.notes)
    text += fmt::format("  source         {}\n", note);
  text += fmt::format("  read           {}\n", bytes_text(p.plan.read_bytes));
  text += fmt::format("  write          {}\n", bytes_text(p.plan.written_bytes));
  text += fmt::format("  disk needed    {}\n", bytes_text(p.disk_needed));
  text += fmt::format("  bits per param {:.3f}\n", p.plan.bits_per_param());
  text += fmt::format("  peak memory    at most {}\n", bytes_text(p.peak_memory));
  if (!p.plan.ignored.empty())
    text += fmt::format("  ignored        {} tensors ({})\n", p.plan.ignored.size(),
                        p.plan.ignored[0].rule);
  return text;
}

Json plan_json(const Prepared& p) {
  Json params = Json::array();
  for (const PlanStep& step : p.plan.steps)
    for (const PlanRecord& r : step.records) {
      Json row = Json::object();
      row.set("name", r.name);
      row.set("shape", shape_json(r.shape));
      row.set("dtype", name_of(r.dtype));
      row.set("nbytes", r.nbytes);
      row.set("shard", shard_name(r.shard));
      row.set("offset", r.offset);
      row.set("sources", strings_json(step.spec.sources));
      row.set("op", op_name(step.spec.op));
      row.set("quantizer", quantizer_name(p.plan, step));
      params.push(std::move(row));
    }
  Json shards = Json::array();
  for (std::uint64_t size : p.plan.shard_sizes)
    shards.push(size);
  Json ignored = Json::array();
  for (const IgnoredSource& i : p.plan.ignored) {
    Json row = Json::object();
    row.set("name", i.name).set("rule", i.rule);
    ignored.push(std::move(row));
  }
  Json out = totals_json(p);
  out.set("shard_bytes", std::move(shards));
  out.set("params", std::move(params));
  out.set("ignored", std::move(ignored));
  out.set("unused", strings_json(p.plan.unused));
  out.set("notes", strings_json(p.checkpoint.notes));
  out.set("warnings", strings_json(p.plan.warnings));
  return out;
}

std::string summary_text(const ConvertOptions& options, const Prepared& p,
                         const ConvertSummary& s) {
  const QuantCounts& q = s.execute.quantized;
  std::string text =
      fmt::format("{}: {}, {}, {}\n", printable(options.output, 1024),
                  count_text(record_count(p.plan), "param"),
                  count_text(p.plan.shard_sizes.size(), "shard"), bytes_text(p.plan.written_bytes));
  text += fmt::format("  model          {}, {} ({}, {})\n", p.plan.model_type,
                      p.plan.quantization->name, options.numerics, options.method);
  text += library_text(p.plan);
  for (const std::string& note : p.checkpoint.notes)
    text += fmt::format("  source         {}\n", note);
  text += fmt::format("  bits per param {:.3f}\n", p.plan.bits_per_param());
  if (q.groups > 0) {
    text += fmt::format("  groups         {}", q.groups);
    if (q.zero_groups) text += fmt::format(", {} of zeros", q.zero_groups);
    text += "\n";
  }
  if (s.execute.lossless_params)
    text += fmt::format("  exact          {} transcoded without loss\n",
                        count_text(s.execute.lossless_params, "param"));
  if (s.execute.found_lattices)
    text +=
        fmt::format("  lattice        {} of the checkpoint found on 16 levels a group, and kept\n",
                    count_text(s.execute.found_lattices, "tensor"));
  ErrorSummary errors = summarize_errors(p.plan, s.execute.params);
  if (s.measured && errors.quantized > 0)
    text += fmt::format(
        "  {:<14} {}, relative RMS error mean {:.6f}, worst {:.6f} ({}), largest difference "
        "{:.6g}\n",
        p.checkpoint.was_quantized ? "requantized" : "quantized",
        count_text(errors.quantized, "param"), errors.mean_relative_rms, errors.worst_relative_rms,
        printable(errors.worst_param), static_cast<double>(errors.max_error));
  if (q.square_weight > 0) {
    double ours = relative(q.square_error, q);
    double rtn = relative(q.rtn_square_error, q);
    text += fmt::format("  relative MSE   {:.6f}", ours);
    if (rtn > 0) text += fmt::format(", rtn {:.6f}, ratio {:.3f}", rtn, ours / rtn);
    text += "\n";
  }
  if (s.kept_shards)
    text +=
        fmt::format("  kept           {} of an earlier run\n", count_text(s.kept_shards, "shard"));
  text += fmt::format("  time           {:.2f} s, {:.2f} GB/s of source, {}\n", s.seconds,
                      static_cast<double>(p.plan.read_bytes) / 1e9 / std::max(s.seconds, 1e-9),
                      count_text(p.threads, "thread"));
  text += fmt::format("  peak memory    {}\n", bytes_text(s.peak_memory));
  if (!s.warnings.empty())
    text += fmt::format("  warnings       {}, listed above\n", s.warnings.size());
  return text;
}

Json summary_json(const ConvertOptions& options, const Prepared& p, const ConvertSummary& s) {
  Json out = totals_json(p);
  const QuantCounts& q = s.execute.quantized;
  const CastCounts& c = s.execute.cast;
  out.set("output", options.output);
  out.set("numerics", options.numerics).set("method", options.method);
  out.set("index_files", strings_json(s.index_files));
  out.set("kept_shards", std::uint64_t{s.kept_shards});
  out.set("seconds", s.seconds);
  out.set("final_sync_seconds", s.execute.sync_seconds);
  out.set("threads", std::uint64_t{p.threads});
  out.set("measured_peak_memory_bytes", s.peak_memory);
  Json times = Json::object();
  times.set("read", s.execute.times.read).set("transform", s.execute.times.transform);
  times.set("quantize", s.execute.times.quantize).set("write", s.execute.times.write);
  times.set("hash", s.execute.times.hash).set("sync", s.execute.times.sync);
  out.set("thread_seconds", std::move(times));
  Json counts = Json::object();
  counts.set("groups", q.groups).set("zero_groups", q.zero_groups);
  counts.set("lattice_groups", q.lattice_groups);
  counts.set("lossless_params", std::uint64_t{s.execute.lossless_params});
  counts.set("found_lattices", std::uint64_t{s.execute.found_lattices});
  counts.set("nan_values", q.nan_values + c.nan_values);
  counts.set("inf_values", q.inf_values + c.inf_values);
  counts.set("overflow_values", q.overflow_values + c.overflow_values);
  out.set("counts", std::move(counts));
  if (q.square_weight > 0) {
    Json error = Json::object();
    error.set("relative_mse", relative(q.square_error, q));
    if (q.rtn_square_error > 0) error.set("rtn_relative_mse", relative(q.rtn_square_error, q));
    out.set("error", std::move(error));
  }
  if (s.measured) {
    ErrorSummary errors = summarize_errors(p.plan, s.execute.params);
    Json params = Json::object();
    params.set("exact", std::uint64_t{errors.exact});
    params.set("quantized", std::uint64_t{errors.quantized});
    params.set("mean_relative_rms", errors.mean_relative_rms);
    params.set("worst_relative_rms", errors.worst_relative_rms);
    params.set("worst_param", errors.worst_param);
    params.set("max_abs", static_cast<double>(errors.max_error));
    out.set("param_errors", std::move(params));
  }
  Json md5 = strings_json(s.execute.md5);
  out.set("shard_md5", std::move(md5));
  out.set("nonfinite_params", strings_json(s.execute.nonfinite));
  out.set("notes", strings_json(p.checkpoint.notes));
  out.set("warnings", strings_json(s.warnings));
  return out;
}

}  // namespace mlc
