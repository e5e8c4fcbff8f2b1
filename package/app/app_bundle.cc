#include "package/app/app_bundle.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/shell_word.h"
#include "base/tensor_cache.h"
#include "package/app/jit_key.h"
#include "package/app/kernel_folder.h"
#include "package/app/mlc_llm_home.h"
#include "package/app/model_library.h"
#include "package/app/script_outputs.h"
#include "package/app/staged_folder.h"
#include "package/vram.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

std::string jit_policy() {
  const char* value = std::getenv("MLC_JIT_POLICY");
  std::string policy = value == nullptr ? "ON" : value;
  if (policy != "ON" && policy != "OFF" && policy != "REDO" && policy != "READONLY")
    fail(ExitCode::kUsage, "MLC_JIT_POLICY is \"{}\", expected ON, OFF, REDO or READONLY",
         printable(policy));
  return policy;
}

// A model of the config, with what was found out about it.
struct Prepared {
  const AppModel* model = nullptr;
  AppModelFolder folder = {};  // without a path until it is needed
  std::string model_lib;
};

class Bundler {
 public:
  Bundler(const AppBundleOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter), config_(read_package_config(options.config)) {
    for (const std::string& warning : config_.warnings)
      reporter_.warn(warning);
    libraries_ = config_.libraries;
    for (const AppModel& model : config_.models)
      prepared_.push_back({.model = &model, .model_lib = {}});
  }

  AppBundleSummary run() {
    auto start = std::chrono::steady_clock::now();
    const AppDevice& device = *config_.device;
    bool compiled = !device.library.empty();
    if (compiled) find_libraries();
    for (Prepared& one : prepared_)
      check_weights(one);
    std::string library = compiled ? model_library() : "";
    StagedFolder staged(options_.output);
    std::string command;
    if (!compiled) {
      std::string kernels = add_kernel_folder(staged);
      for (Prepared& one : prepared_)
        one.model_lib = one.model->model_lib.value_or(kernels);
    }
    staged.add_folder("bundle");
    for (const Prepared& one : prepared_)
      if (one.model->bundle_weight)
        staged.copy_files(one.folder.path, "bundle/" + one.model->model_id, reporter_,
                          one.folder.links);
    Json app_config = app_config_json();
    const std::string text = dump_json(app_config, 2) + "\n";
    if (device.name == "android") {
      command = take_android_libraries(staged, library, text, options_.source_dir, reporter_);
      if (command.empty()) staged.drop("bundle/mlc-app-config.json");
    } else if (compiled) {
      command = take_apple_libraries(staged, device, options_.source_dir);
      staged.write("lib/" + std::string(device.library), library);
      staged.add_unit("lib/" + std::string(device.library));
    }
    if (device.name != "android" || !command.empty())
      staged.write("bundle/mlc-app-config.json", text);
    staged.commit();
    if (!command.empty()) ask_for(command);
    return summary(staged, std::move(app_config), start);
  }

 private:
  const std::string& folder_of(Prepared& one) {
    if (one.folder.path.empty()) one.folder = app_model_folder(one.model->model, reporter_);
    return one.folder.path;
  }

  // The map's, else what mlc_llm has compiled, else a command for each that is missing.
  void find_libraries() {
    std::vector<std::string> commands;
    for (Prepared& one : prepared_) {
      const AppModel& model = *one.model;
      if (model.model_lib && config_.library(*model.model_lib) != nullptr)
        one.model_lib = *model.model_lib;
      else
        find_compiled(one, commands);
    }
    if (commands.empty()) return;
    for (const std::string& command : commands)
      reporter_.event("command", Json::object().set("command", command));
    fail(ExitCode::kUnsupported,
         "{}: model libraries are compiled by mlc_llm; name them in "
         "model_lib_path_for_prepare_libs, or run this and then the same command again: {}",
         printable(options_.config, 1024), fmt::join(commands, " && "));
  }

  void find_compiled(Prepared& one, std::vector<std::string>& commands) {
    const std::string policy = jit_policy();
    if (policy == "OFF")
      fail(ExitCode::kUnsupported,
           "{}: no library in model_lib_path_for_prepare_libs, and MLC_JIT_POLICY=OFF forbids any "
           "other",
           printable(one.model->model_id));
    const std::string path = folder_of(one) + "/mlc-chat-config.json";
    Json chat = read_json_file(path);
    JitKey key = jit_key({.chat_config = chat,
                          .overrides = one.model->overrides,
                          .device = std::string(config_.device->name),
                          .model_lib = one.model->model_lib,
                          .where = path});
    one.model_lib = key.model_lib;
    const std::string file = mlc_llm_home() + "/model_lib/" + key.file;
    std::error_code ignored;  // what can't be looked at is not there
    if (policy != "REDO" && fs::exists(file, ignored)) {
      reporter_.note(fmt::format("{}: {} was compiled before", printable(one.model->model_id),
                                 printable(file, 1024)));
      add_library(key.model_lib, file);
      return;
    }
    commands.push_back(
        fmt::format("python3 -m mlc_llm compile {} --opt {} --overrides {} --device {} --output {} "
                    "--system-lib-prefix {}",
                    shell_word(folder_of(one)), shell_word(key.opt), shell_word(key.overrides),
                    config_.device->name, shell_word(file), shell_word(key.model_lib + "_")));
  }

  // Two models may have one library.
  void add_library(const std::string& name, const std::string& file) {
    for (const auto& one : libraries_)
      if (one.first == name) return;
    libraries_.emplace_back(name, file);
  }

  void check_weights(Prepared& one) {
    if (!one.model->bundle_weight) return;
    std::error_code ignored;  // what can't be looked at is not there
    if (!fs::exists(folder_of(one) + "/tensor-cache.json", ignored))
      bad_input("{}: its weights are to be bundled, but {} has no tensor-cache.json; {}",
                printable(one.model->model_id), printable(one.folder.path, 1024),
                "convert them with `mlc convert_weight`");
    read_tensor_cache(one.folder.path + "/tensor-cache.json");
  }

  std::string model_library() {
    std::vector<std::string> needed;
    for (const Prepared& one : prepared_)
      needed.push_back(one.model_lib);
    return make_model_library(libraries_, needed, *config_.device);
  }

  Json vram_of(Prepared& one) {
    if (one.model->estimated_vram_bytes) return *one.model->estimated_vram_bytes;
    const std::string folder = folder_of(one);
    const std::string path = folder + "/mlc-chat-config.json";
    Json chat = read_json_file(path);
    for (const char* key : {"context_window_size", "sliding_window_size", "prefill_chunk_size",
                            "attention_sink_size"})
      if (const Json* value = one.model->overrides.find(key); value != nullptr && !value->is_null())
        chat.set(key, *value);
    return estimate_vram(chat, read_json_file(folder + "/tensor-cache.json"), path).total();
  }

  Json app_config_json() {
    Json list = Json::array();
    for (Prepared& one : prepared_) {
      const AppModel& model = *one.model;
      Json entry = Json::object();
      entry.set("model_id", model.model_id).set("model_lib", one.model_lib);
      if (model.bundle_weight && config_.device->model_path)
        entry.set("model_path", model.model_id);
      else
        entry.set("model_url", app_model_url(model.model));
      entry.set("estimated_vram_bytes", vram_of(one));
      // mlc_llm's apps have them compiled into the library; our kernels have no sizes in them.
      if (config_.device->library.empty() && !model.overrides.members("overrides").empty())
        entry.set("overrides", model.overrides);
      list.push(entry);
    }
    return Json::object().set("model_list", list);
  }

  [[noreturn]] void ask_for(const std::string& command) {
    reporter_.event("command", Json::object().set("command", command));
    fail(ExitCode::kUnsupported,
         "{}: the app's other libraries are built by mlc_llm's script for {}, whose result is not "
         "in this folder; what it needs was written: run this, and then the same command again: {}",
         printable(options_.output, 1024), config_.device->name, command);
  }

  AppBundleSummary summary(const StagedFolder& staged, Json app_config,
                           std::chrono::steady_clock::time_point start) const {
    AppBundleSummary out{.device = std::string(config_.device->name),
                         .app_config = std::move(app_config)};
    for (const auto& [name, one] : staged.written()) {
      out.files++;
      out.bytes += one.size;
    }
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return out;
  }

  const AppBundleOptions& options_;
  Reporter& reporter_;
  PackageConfig config_;
  std::vector<std::pair<std::string, std::string>> libraries_;
  std::vector<Prepared> prepared_;
};

}  // namespace

AppBundleSummary make_app_bundle(const AppBundleOptions& options, Reporter& reporter) {
  return Bundler(options, reporter).run();
}

}  // namespace mlc
