// mlc-package-config.json, as `mlc_llm package` reads it: what an app is to be bundled with.
// docs/formats.md, "App bundles", has the schema.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace mlc {

// What differs between the devices of an app.
struct AppDevice {
  std::string_view name;
  // File name of the static library of all models; empty: our kernels take its place.
  std::string_view library;
  // The app finds bundled weights beside its config (else they are pushed to it, and the config
  // says where they came from).
  bool model_path = false;
};
const AppDevice* find_app_device(std::string_view name);

struct AppModel {
  std::string model;                         // HF://, https:// or a folder
  std::string model_id;                      // a folder's name
  std::optional<Json> estimated_vram_bytes;  // of any type, passed on
  bool bundle_weight = false;
  Json overrides = Json::object();
  std::optional<std::string> model_lib;
  bool is_local() const;
};

struct PackageConfig {
  const AppDevice* device = nullptr;
  std::vector<AppModel> models;
  // Library name and path of the tar, in the file's order.
  std::vector<std::pair<std::string, std::string>> libraries;
  std::vector<std::string> warnings;  // keys that mean nothing; whole sentences

  const std::string* library(std::string_view model_lib) const;  // null: none
};

// Error(kUsage): no such file. Error(kBadInput): a missing key, a value of another type (found,
// expected and the byte), a device that is none, a model_id that can't be a folder's name or comes
// twice, a local model that is not to be bundled.
PackageConfig read_package_config(const std::string& path);
PackageConfig parse_package_config(const Json& json, const std::string& path);

}  // namespace mlc
