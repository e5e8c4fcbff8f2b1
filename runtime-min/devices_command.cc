// `mlc devices`: what there is to run models on.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "base/units.h"
#include "runtime-min/bandwidth.h"
#include "runtime-min/command.h"

namespace mlc {
namespace {

struct Arguments {
  bool no_bandwidth = false;
};

struct Row {
  FoundDevice device;
  CopyBandwidth copy;   // runs is 0 where it was not measured
  std::string problem;  // why it could not be measured
};

Row measured(FoundDevice found, bool bandwidth) {
  Row row{.device = std::move(found), .copy = {}, .problem = {}};
  if (!bandwidth) return row;
  try {
    DeviceOptions options;
    options.device = row.device.id;
    row.copy = measure_copy(*open_device(options));
  } catch (const Error& error) {
    row.problem = error.what();
  }
  return row;
}

std::string text_of(const Row& row) {
  const DeviceInfo& info = row.device.info;
  std::string text = fmt::format("{}: {}\n", row.device.id, printable(info.name));
  auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<24} {}\n", name, printable(value, 1000));
  };
  line("driver", info.driver);
  line("computes on", info.is_cpu ? "the processor" : "a GPU");
  line("memory", bytes_text(info.memory_bytes));
  line("largest buffer", bytes_text(info.max_buffer_bytes));
  line("seen by a kernel", bytes_text(info.max_binding_bytes));
  line("features", fmt::format("{}", fmt::join(info.features, ", ")));
  for (const auto& [name, value] : info.limits)
    line(name, value);
  if (row.copy.runs > 0)
    line("copies", fmt::format("{:.1f} GB/s, read and written (best of {} x {})",
                               row.copy.bytes_per_second * 1e-9, row.copy.runs,
                               bytes_text(row.copy.buffer_bytes)));
  if (!row.problem.empty()) line("copies", "not measured: " + row.problem);
  return text;
}

Json json_of(const Row& row) {
  const DeviceInfo& info = row.device.info;
  Json features = Json::array();
  for (const std::string& feature : info.features)
    features.push(feature);
  Json limits = Json::object();
  for (const auto& [name, value] : info.limits)
    limits.set(name, value);
  Json json = Json::object()
                  .set("id", row.device.id)
                  .set("backend", info.backend)
                  .set("name", info.name)
                  .set("driver", info.driver)
                  .set("is_cpu", info.is_cpu)
                  .set("memory_bytes", info.memory_bytes)
                  .set("max_buffer_bytes", info.max_buffer_bytes)
                  .set("max_binding_bytes", info.max_binding_bytes)
                  .set("slice_alignment", info.slice_alignment)
                  .set("features", std::move(features))
                  .set("limits", std::move(limits))
                  .set("profile", info.profile);
  if (row.copy.runs > 0)
    json.set("copy", Json::object()
                         .set("bytes_per_second", row.copy.bytes_per_second)
                         .set("counted", "read and written")
                         .set("buffer_bytes", row.copy.buffer_bytes)
                         .set("runs", std::int64_t{row.copy.runs}));
  if (!row.problem.empty()) json.set("problem", row.problem);
  return json;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  std::vector<std::string> missing;
  Json devices = Json::array(), reasons = Json::array();
  for (FoundDevice& found : list_devices(&missing)) {
    Row row = measured(std::move(found), !arguments.no_bandwidth);
    if (context.json)
      devices.push(json_of(row));
    else
      context.print_list(text_of(row));
  }
  for (const std::string& reason : missing) {
    if (context.json)
      reasons.push(reason);
    else
      context.print_list("missing: " + printable(reason, 1000) + "\n");
  }
  if (context.json)
    context.print(
        dump_json(
            Json::object().set("devices", std::move(devices)).set("missing", std::move(reasons))) +
        "\n");
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_flag("--no-bandwidth", a->no_bandwidth, "leave out how fast each device copies memory");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kDevices = {"devices", "list the devices that can run models", setup};

}  // namespace mlc
