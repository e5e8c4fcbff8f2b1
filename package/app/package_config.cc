#include "package/app/package_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <span>

#include "base/error.h"
#include "base/relative_path.h"
#include "base/spelling.h"

namespace mlc {

namespace {

constexpr std::array kDevices = {
    AppDevice{.name = "iphone", .library = "libmodel_iphone.a", .model_path = true},
    AppDevice{.name = "macabi", .library = "libmodel_iphone.a", .model_path = true},
    AppDevice{.name = "android", .library = "libmodel_android.a"},
    AppDevice{.name = "vulkan", .library = "", .model_path = true},
    AppDevice{.name = "opencl", .library = "", .model_path = true},
};

constexpr std::array<std::string_view, 3> kKeys = {"device", "model_list",
                                                   "model_lib_path_for_prepare_libs"};
constexpr std::array<std::string_view, 6> kModelKeys = {
    "model", "model_id", "estimated_vram_bytes", "bundle_weight", "overrides", "model_lib"};

constexpr JsonLimits kLimits = {.max_bytes = std::size_t{1} << 20, .max_depth = 16};

std::string upper_free(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  PackageConfig read(const Json& json) {
    if (!json.is_object())
      bad_input("{}: expected an object with \"device\" and \"model_list\" as the root",
                printable(path_, 1024));
    check_keys(json, kKeys, "");
    const std::string& device = required(json, "device", "").as_string(where("device"));
    config_.device = find_app_device(device);
    if (config_.device == nullptr) {
      std::vector<std::string_view> names;
      names.reserve(kDevices.size());
      for (const AppDevice& one : kDevices)
        names.push_back(one.name);
      bad_input("{}: found \"{}\", expected one of {}", where("device"), printable(device),
                fmt::join(names, ", "));
    }
    if (const Json* list = json.find("model_list")) {
      std::size_t i = 0;
      for (const Json& entry : list->items(where("model_list")))
        add_model(entry, fmt::format("model_list[{}]", i++));
    }
    if (const Json* map = json.find("model_lib_path_for_prepare_libs"))
      for (const Json::Member& member : map->members(where("model_lib_path_for_prepare_libs")))
        config_.libraries.emplace_back(
            member.first, member.second.as_string(
                              where("model_lib_path_for_prepare_libs." + printable(member.first))));
    return std::move(config_);
  }

 private:
  std::string where(const std::string& key) const {
    return fmt::format("{}: {}", printable(path_, 1024), key);
  }

  const Json& required(const Json& object, std::string_view key, const std::string& in) const {
    const Json* value = object.find(key);
    if (value == nullptr)
      bad_input("{} is missing", where(in + (in.empty() ? "" : ".") + std::string(key)));
    return *value;
  }

  void check_keys(const Json& object, std::span<const std::string_view> known,
                  const std::string& in) {
    std::vector<std::string> names(known.begin(), known.end());
    for (const Json::Member& member : object.members(where(in))) {
      if (std::find(known.begin(), known.end(), member.first) != known.end()) continue;
      std::vector<std::string> near = nearest_names(member.first, names, 1);
      config_.warnings.push_back(fmt::format(
          "{} means nothing here{}", where(in + (in.empty() ? "" : ".") + printable(member.first)),
          near.empty() ? "" : fmt::format("; did you mean {}?", near.front())));
    }
  }

  void add_model(const Json& entry, const std::string& in) {
    if (!entry.is_object()) entry.members(where(in));  // says what was found
    check_keys(entry, kModelKeys, in);
    AppModel model;
    model.model = required(entry, "model", in).as_string(where(in + ".model"));
    model.model_id = required(entry, "model_id", in).as_string(where(in + ".model_id"));
    std::string_view problem = relative_path_problem(model.model_id);
    if (problem.empty() && model.model_id.find('/') != std::string::npos)
      problem = "a folder's name has no /";
    if (!problem.empty())
      bad_input("{}: \"{}\" can't be a folder's name: {}", where(in + ".model_id"),
                printable(model.model_id), problem);
    if (!ids_.insert(upper_free(model.model_id)).second)
      bad_input("{}: \"{}\" comes twice", where(in + ".model_id"), printable(model.model_id));
    if (const Json* bytes = entry.find("estimated_vram_bytes")) model.estimated_vram_bytes = *bytes;
    if (const Json* flag = entry.find("bundle_weight"))
      model.bundle_weight = flag->as_bool(where(in + ".bundle_weight"));
    if (const Json* overrides = entry.find("overrides")) {
      overrides->members(where(in + ".overrides"));
      model.overrides = *overrides;
    }
    if (const Json* lib = entry.find("model_lib"); lib != nullptr && !lib->is_null())
      model.model_lib = lib->as_string(where(in + ".model_lib"));
    if (model.model.empty()) bad_input("{} is empty", where(in + ".model"));
    if (model.is_local() && !model.bundle_weight)
      bad_input(
          "{}: \"{}\" is a folder of this machine, which an app can't load; expected "
          "\"bundle_weight\": true in this entry, or an address (HF://user/name)",
          where(in + ".model"), printable(model.model));
    config_.models.push_back(std::move(model));
  }

  const std::string& path_;
  PackageConfig config_;
  std::set<std::string> ids_;
};

}  // namespace

const AppDevice* find_app_device(std::string_view name) {
  const auto* found = std::find_if(kDevices.begin(), kDevices.end(),
                                   [&](const AppDevice& one) { return one.name == name; });
  return found == kDevices.end() ? nullptr : found;
}

bool AppModel::is_local() const {
  return !model.starts_with("HF://") && !model.starts_with("https://");
}

const std::string* PackageConfig::library(std::string_view model_lib) const {
  for (const auto& [name, path] : libraries)
    if (name == model_lib) return &path;
  return nullptr;
}

PackageConfig parse_package_config(const Json& json, const std::string& path) {
  return Reader(path).read(json);
}

PackageConfig read_package_config(const std::string& path) {
  std::error_code ignored;  // whatever else is wrong with the path, reading it says so
  if (!std::filesystem::exists(path, ignored))
    fail(ExitCode::kUsage, "{}: no such file; say where it is with --package-config",
         printable(path, 1024));
  return parse_package_config(read_json_file(path, kLimits), path);
}

}  // namespace mlc
