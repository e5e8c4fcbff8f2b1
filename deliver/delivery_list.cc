#include "deliver/delivery_list.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>

#include "base/error.h"
#include "base/relative_path.h"
#include "base/spelling.h"

namespace mlc {

namespace {

constexpr JsonLimits kLimits = {.max_bytes = std::size_t{16} << 20, .max_depth = 16};
constexpr std::array<std::string_view, 4> kListKeys = {"tasks", "default_destination",
                                                       "default_quantization", "default_overrides"};
constexpr std::array<std::string_view, 7> kTaskKeys = {
    "model_id",  "model",       "conv_template",  "quantization",
    "overrides", "destination", "gen_config_only"};

const DeliveryOverrides& find_overrides(const OverridesByScheme& all, std::string_view scheme) {
  static const DeliveryOverrides kNone = {};
  for (const auto& [name, overrides] : all)
    if (name == scheme) return overrides;
  return kNone;
}

class Reader {
 public:
  Reader(const std::string& path, bool is_log) : path_(path), is_log_(is_log) {}

  DeliveryList read(const Json& json) {
    if (!json.is_object()) bad_input("{}: expected an object with \"tasks\"", shown());
    check_keys(json, kListKeys, "");
    list_.default_destination = optional_text(json, "default_destination", "default_destination");
    if (const Json* names = json.find("default_quantization"))
      list_.default_quantization = schemes(*names, "default_quantization");
    if (const Json* overrides = json.find("default_overrides"))
      list_.default_overrides = overrides_of(*overrides, "default_overrides");
    std::size_t i = 0;
    for (const Json& task : required(json, "tasks", "tasks").items(where("tasks")))
      add_task(task, fmt::format("tasks[{}]", i++));
    return std::move(list_);
  }

 private:
  std::string shown() const { return printable(path_, 1024); }
  std::string where(const std::string& key) const { return fmt::format("{}: {}", shown(), key); }

  const Json& required(const Json& object, std::string_view key, const std::string& in) const {
    const Json* value = object.find(key);
    if (value == nullptr) bad_input("{} is missing", where(in));
    return *value;
  }

  std::optional<std::string> optional_text(const Json& object, std::string_view key,
                                           const std::string& in) const {
    const Json* value = object.find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return value->as_string(where(in));
  }

  void check_keys(const Json& object, std::span<const std::string_view> known,
                  const std::string& in) {
    std::vector<std::string> names(known.begin(), known.end());
    for (const Json::Member& member : object.members(where(in))) {
      if (std::find(known.begin(), known.end(), member.first) != known.end()) continue;
      std::vector<std::string> near = nearest_names(member.first, names, 1);
      list_.warnings.push_back(fmt::format(
          "{} means nothing here{}", where(in + (in.empty() ? "" : ".") + printable(member.first)),
          near.empty() ? "" : fmt::format("; did you mean {}?", near.front())));
    }
  }

  // One name is a scheme, not letters.
  std::vector<std::string> schemes(const Json& json, const std::string& in) const {
    if (json.is_string()) return {scheme(json, in)};
    std::vector<std::string> out;
    std::size_t i = 0;
    for (const Json& item : json.items(where(in)))
      if (std::string name = scheme(item, fmt::format("{}[{}]", in, i++));
          std::find(out.begin(), out.end(), name) == out.end())
        out.push_back(std::move(name));
    return out;
  }

  // It becomes part of a folder's name.
  std::string scheme(const Json& json, const std::string& in) const {
    const std::string& name = json.as_string(where(in));
    if (!relative_path_problem(name).empty() || name.find('/') != std::string::npos)
      bad_input("{}: \"{}\" is no quantization", where(in), printable(name));
    return name;
  }

  OverridesByScheme overrides_of(const Json& json, const std::string& in) {
    OverridesByScheme out;
    for (const Json::Member& member : json.members(where(in))) {
      std::string place = in + "." + printable(member.first);
      check_keys(member.second, kDeliveryOverrides, place);
      DeliveryOverrides values;
      for (std::size_t i = 0; i < kDeliveryOverrides.size(); i++) {
        const Json* value = member.second.find(kDeliveryOverrides[i]);
        if (value != nullptr && !value->is_null())
          values[i] = value->as_int(where(place + "." + std::string(kDeliveryOverrides[i])));
      }
      out.emplace_back(member.first, values);
    }
    return out;
  }

  void add_task(const Json& json, const std::string& in) {
    check_keys(json, kTaskKeys, in);
    auto text = [&](const std::string& key) {
      return required(json, key, in + "." + key).as_string(where(in + "." + key));
    };
    DeliveryTask task{.model_id = text("model_id"),
                      .model = text("model"),
                      .conv_template = text("conv_template"),
                      .quantization = {},
                      .overrides = {},
                      .destination = optional_text(json, "destination", in + ".destination")};
    if (!relative_path_problem(task.model_id).empty() ||
        task.model_id.find('/') != std::string::npos)
      bad_input("{}: \"{}\" can't be a folder's name", where(in + ".model_id"),
                printable(task.model_id));
    if (const Json* names = json.find("quantization"))
      task.quantization = schemes(*names, in + ".quantization");
    if (is_log_ && task.quantization.size() != 1)
      bad_input("{}: found {} quantizations, expected one in each task of a log",
                where(in + ".quantization"), task.quantization.size());
    if (const Json* overrides = json.find("overrides"))
      task.overrides = overrides_of(*overrides, in + ".overrides");
    if (const Json* flag = json.find("gen_config_only"); flag != nullptr && !flag->is_null())
      task.gen_config_only = flag->as_bool(where(in + ".gen_config_only"));
    if (is_log_ && !seen_.insert({task.model_id, task.quantization[0]}).second)
      bad_input("{}: {} with {} comes twice", where(in + ".model_id"), printable(task.model_id),
                printable(task.quantization[0]));
    list_.tasks.push_back(std::move(task));
  }

  const std::string& path_;
  bool is_log_;
  DeliveryList list_;
  std::set<std::pair<std::string, std::string>> seen_;
};

bool exists(const std::string& path) {
  std::error_code ignored;  // whatever else is wrong with the path, reading it says so
  return std::filesystem::exists(path, ignored);
}

Json json_of(const DeliveryOverrides& overrides) {
  Json out = Json::object();
  for (std::size_t i = 0; i < overrides.size(); i++)
    if (overrides[i]) out.set(std::string(kDeliveryOverrides[i]), *overrides[i]);
  return out;
}

Json json_of(const OverridesByScheme& all) {
  Json out = Json::object();
  for (const auto& [scheme, overrides] : all)
    out.set(scheme, json_of(overrides));
  return out;
}

Json json_of(const DeliveryTask& task) {
  Json out = Json::object()
                 .set("model_id", task.model_id)
                 .set("model", task.model)
                 .set("conv_template", task.conv_template)
                 .set("quantization", task.quantization[0])
                 .set("overrides", json_of(task.overrides));
  if (task.destination) out.set("destination", *task.destination);
  return out.set("gen_config_only", task.gen_config_only);
}

}  // namespace

const DeliveryOverrides& DeliveryTask::of(std::string_view scheme) const {
  return find_overrides(overrides, scheme);
}

DeliveryList read_delivery_spec(const std::string& path) {
  if (!exists(path)) fail(ExitCode::kUsage, "{}: no such file", printable(path, 1024));
  return Reader(path, false).read(read_json_file(path, kLimits));
}

DeliveryList read_delivery_log(const std::string& path) {
  if (!exists(path)) return {};
  return Reader(path, true).read(read_json_file(path, kLimits));
}

std::string delivery_log_text(const DeliveryList& log) {
  std::vector<const DeliveryTask*> tasks;
  for (const DeliveryTask& task : log.tasks)
    tasks.push_back(&task);
  std::stable_sort(tasks.begin(), tasks.end(), [](const DeliveryTask* a, const DeliveryTask* b) {
    return a->model_id < b->model_id;
  });
  Json list = Json::array();
  for (const DeliveryTask* task : tasks)
    list.push(json_of(*task));
  Json schemes = Json::array();
  for (const std::string& scheme : log.default_quantization)
    schemes.push(scheme);
  Json out = Json::object().set("tasks", list);
  if (log.default_destination) out.set("default_destination", *log.default_destination);
  out.set("default_quantization", schemes).set("default_overrides", json_of(log.default_overrides));
  return dump_json(out, 4);
}

}  // namespace mlc
