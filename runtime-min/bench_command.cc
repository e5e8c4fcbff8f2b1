// `mlc bench`: the speed of a model on a device.
#include <memory>

#include <CLI/CLI.hpp>

#include "base/spelling.h"
#include "base/text_table.h"
#include "base/units.h"
#include "models/presets.h"
#include "runtime-min/bench.h"
#include "runtime-min/command.h"
#include "runtime-min/device_arguments.h"

namespace mlc {
namespace {

struct Arguments {
  std::string model;
  std::string synthetic;
  std::string quantization = "q4f16_1";
  DeviceArguments device;
  BenchOptions bench;
  std::string kv_cache = "f16";
};

// Names under which people look for what a preset holds.
struct OtherName {
  std::string_view name, preset;
};
constexpr OtherName kOtherNames[] = {{"llama3_8b", "llama3_1_8b"}, {"llama3_70b", "llama3_1_70b"}};

const Preset* preset_of(std::string_view name) {
  for (const OtherName& other : kOtherNames)
    if (other.name == name) return find_preset(other.preset);
  return find_preset(name);
}

LoadedModel model_of(const Arguments& a) {
  if (a.synthetic.empty() == a.model.empty())
    fail(ExitCode::kUsage, "bench: expected MODEL or --synthetic PRESET, one of them");
  if (a.synthetic.empty()) return load_model(a.model);
  const Preset* preset = preset_of(a.synthetic);
  if (preset != nullptr) return synthetic_model(preset->text, a.synthetic, a.quantization);
  std::vector<std::string> names;
  for (const Preset& one : presets())
    names.emplace_back(one.name);
  std::vector<std::string> nearest = nearest_names(a.synthetic, names);
  fail(ExitCode::kUsage, "--synthetic: there is no preset \"{}\"{} (mlc gen_config --list-presets)",
       printable(a.synthetic),
       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest[0]));
}

double gigabytes_per_second(const KernelShare& share) {
  return share.nanoseconds == 0
             ? 0
             : static_cast<double>(share.bytes) / static_cast<double>(share.nanoseconds);
}

// As a profiler prints it.
TextTable table_of(const std::vector<KernelShare>& shares) {
  TextTable table({{.key = "kernel", .title = "kernel"},
                   {.key = "variant", .title = "variant"},
                   {.key = "calls", .title = "calls", .right = true},
                   {.key = "milliseconds", .title = "ms", .right = true},
                   {.key = "share", .title = "time %", .right = true},
                   {.key = "gigabytes_per_second", .title = "GB/s", .right = true}});
  std::uint64_t all = 0;
  for (const KernelShare& share : shares)
    all += share.nanoseconds;
  for (const KernelShare& share : shares) {
    double part =
        all == 0 ? 0 : 100 * static_cast<double>(share.nanoseconds) / static_cast<double>(all);
    table.add({info_of(share.kernel).name, share.variant, share.calls,
               fmt::format("{:.3f}", static_cast<double>(share.nanoseconds) * 1e-6),
               fmt::format("{:.1f}", part), fmt::format("{:.2f}", gigabytes_per_second(share))});
  }
  return table;
}

Json kernels_json(const std::vector<KernelShare>& shares) {
  Json list = Json::array();
  for (const KernelShare& share : shares)
    list.push(Json::object()
                  .set("kernel", info_of(share.kernel).name)
                  .set("variant", share.variant)
                  .set("calls", share.calls)
                  .set("nanoseconds", share.nanoseconds)
                  .set("bytes", share.bytes)
                  .set("bytes_per_second", gigabytes_per_second(share) * 1e9));
  return list;
}

Json rates_json(const Rates& rates, std::uint32_t tokens) {
  return Json::object()
      .set("tokens", std::int64_t{tokens})
      .set("runs", std::int64_t{rates.runs})
      .set("tokens_per_second_best", rates.best)
      .set("tokens_per_second_median", rates.median);
}

std::string name_of_model(const Arguments& a) {
  return a.synthetic.empty() ? a.model : "synthetic " + a.synthetic;
}

Json result_json(const Arguments& a, const Device& device, const ModelInfo& info,
                 const BenchResult& result) {
  Json prefill = rates_json(result.prefill, a.bench.prompt_tokens);
  prefill.set("kernels", kernels_json(result.prefill_by_kernel));
  Json decode = rates_json(result.decode, a.bench.tokens);
  decode.set("bytes_per_token", result.bytes_per_token)
      .set("bytes_per_second", result.bandwidth())
      .set("share_of_copy", result.share_of_copy())
      .set("kernels", kernels_json(result.decode_by_kernel));
  return Json::object()
      .set("model", name_of_model(a))
      .set("model_type", info.model_type)
      .set("quantization", info.quantization)
      .set("params", info.params)
      .set("weight_bytes", info.weight_bytes)
      .set("cache_bytes", info.cache_bytes)
      .set("activation_bytes", info.activation_bytes)
      .set("backend", device.info().backend)
      .set("device", device.info().name)
      .set("driver", device.info().driver)
      .set("copy_bytes_per_second", result.copy.bytes_per_second)
      .set("prefill", std::move(prefill))
      .set("decode", std::move(decode));
}

std::string text_of(const Arguments& a, const Device& device, const ModelInfo& info,
                    const BenchResult& result) {
  const DeviceInfo& on = device.info();
  std::string text = fmt::format(
      "{}, {}, {:.2f} billion params, {} of weights\n", printable(name_of_model(a), 1024),
      info.quantization, static_cast<double>(info.params) * 1e-9, bytes_text(info.weight_bytes));
  text += fmt::format("{}: {}{}{}\n", on.backend, printable(on.name), on.driver.empty() ? "" : ", ",
                      printable(on.driver));
  text +=
      fmt::format("copies {:.1f} GB/s, read and written\n\n", result.copy.bytes_per_second * 1e-9);
  text += fmt::format("prefill {} tokens: {:.2f} tokens/s (best of {}), median {:.2f}\n",
                      a.bench.prompt_tokens, result.prefill.best, result.prefill.runs,
                      result.prefill.median);
  text += fmt::format("decode {} tokens: {:.2f} tokens/s (best), median {:.2f}\n", a.bench.tokens,
                      result.decode.best, result.decode.median);
  text += fmt::format("{} per token: {:.1f} GB/s at the median, {:.0f} % of the device's copies\n",
                      bytes_text(result.bytes_per_token), result.bandwidth() * 1e-9,
                      100 * result.share_of_copy());
  text += "\none token, each kernel timed alone\n" + table_of(result.decode_by_kernel).text();
  text += "\nthe prompt, each kernel timed alone\n" + table_of(result.prefill_by_kernel).text();
  return text;
}

ExitCode run(const Arguments& a, const CommandContext& context) {
  LoadedModel model = model_of(a);
  EngineOptions options;
  options.kv_format = a.kv_cache == "f32" ? KvFormat::kF32 : KvFormat::kF16;
  options.context = a.bench.prompt_tokens + a.bench.tokens + 2;
  if (model.context > 0 && options.context > model.context)
    fail(ExitCode::kUsage,
         "--prompt-tokens {} and --tokens {} need a context of {}; the model was made for {}",
         a.bench.prompt_tokens, a.bench.tokens, options.context, model.context);
  std::unique_ptr<Device> device = open_device(with_kernels(a.device, context));
  std::unique_ptr<Engine> engine = Engine::open(*device, model, options, context.reporter);
  for (const std::string& note : engine->info().notes)
    context.reporter.note(note);
  BenchResult result = run_bench(*device, *engine, a.bench, context.reporter);
  context.print(context.json ? dump_json(result_json(a, *device, engine->info(), result)) + "\n"
                             : text_of(a, *device, engine->info(), result));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option(
         "MODEL", a->model,
         "folder of the converted model, with mlc-chat-config.json; HF://owner/name[@revision] or "
         "oci://HOST/REPOSITORY:TAG too, which are fetched once")
      ->type_name("FOLDER");
  app.add_option("--synthetic", a->synthetic,
                 "instead of a folder: random weights in the shapes of this preset (mlc gen_config "
                 "--list-presets)")
      ->type_name("PRESET");
  std::vector<std::string> names;
  for (const Quantization& one : quantizations())
    names.emplace_back(one.name);
  one_of(
      app.add_option("--quantization", a->quantization, "with --synthetic: how weights are stored"),
      names);
  add_device_options(app, a->device);
  auto number = [&](const char* name, auto& value, const char* help, int most) {
    app.add_option(name, value, help)
        ->check(CLI::Range(1, most))
        ->capture_default_str()
        ->type_name("N");
  };
  number("--prompt-tokens", a->bench.prompt_tokens, "tokens of the prompt", 1 << 20);
  number("--tokens", a->bench.tokens, "tokens to decode after it", 1 << 20);
  number("--runs", a->bench.runs, "how often the prompt is read", 1000);
  one_of(app.add_option("--kv-cache", a->kv_cache, "precision of keys and values"), {"f16", "f32"});
  return [a](const CommandContext& context) {
    a->model = context.local_folder(a->model, Fetch::kAll, "auto");
    return run(*a, context);
  };
}

}  // namespace

const Command kBench = {"bench", "measure the speed of a model on a device", setup};

}  // namespace mlc
