#include "package/app/script_outputs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/shell_word.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

std::string environment_or(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

// The file of a script, as it is written on a command line.
std::string source_file(const std::string& source_dir, std::string_view file) {
  if (source_dir.empty()) return fmt::format("\"$MLC_LLM_SOURCE_DIR\"/{}", file);
  return shell_word(fmt::format("{}/{}", source_dir, file));
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// The time of the newest file below a folder; none: the beginning of time.
fs::file_time_type newest_in(const std::string& folder) {
  fs::file_time_type newest = fs::file_time_type::min();
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file(error)) newest = std::max(newest, it->last_write_time(error));
  return newest;
}

// Its time stays when the bytes are the same: what was linked from them is still good.
void write_if_other(const std::string& path, const std::string& bytes) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) io_error(path, "create its folder", error.value());
  if (fs::is_regular_file(path, error) && file_size(path) == bytes.size() &&
      read_file(path, bytes.size()) == bytes)
    return;
  write_file_atomically(path, bytes);
}

}  // namespace

std::string take_apple_libraries(StagedFolder& staged, const AppDevice& device,
                                 const std::string& source_dir) {
  std::string command = "bash " + source_file(source_dir, "ios/prepare_libs.sh");
  std::string folder = "build/lib";
  if (device.name == "macabi") {
    const std::string arch = environment_or("MLC_MACABI_ARCH", "arm64");
    command += " --catalyst --deployment-target " +
               shell_word(environment_or("MLC_MACABI_DEPLOYMENT_TARGET", "18.0")) + " --arch " +
               shell_word(arch);
    folder = fmt::format("build-maccatalyst-{}/lib", arch);
  }
  std::vector<std::string> names = files_in(folder);
  for (const std::string& name : names) {
    if (name == device.library)
      bad_input(
          "{}/{}: the app's library of models is made here, and can't be one of the libraries "
          "that are taken over; remove it",
          folder, name);
    staged.copy_file(fmt::format("{}/{}", folder, name), "lib/" + name);
    staged.add_unit("lib/" + name);
  }
  return names.empty() ? command : "";
}

std::string take_android_libraries(StagedFolder& staged, const std::string& library,
                                   std::string_view app_config, const std::string& source_dir,
                                   Reporter& reporter) {
  const std::string place = "build/lib/libmodel_android.a";
  const std::string output = "build/output";
  write_if_other(place, library);
  std::error_code ignored;  // a file that is gone again counts as new
  bool linked = newest_in(output) >= fs::last_write_time(place, ignored);
  if (!linked) return "python3 " + source_file(source_dir, "android/mlc4j/prepare_libs.py");
  if (source_dir.empty())
    fail(
        ExitCode::kUsage,
        "the folder of mlc-llm's source is not known, whose Java files belong into the bundle; say "
        "where it is with --mlc-llm-source-dir or MLC_LLM_SOURCE_DIR");
  const std::string java = source_dir + "/android/mlc4j";
  staged.add_folder("lib/mlc4j");
  staged.copy_files(java + "/src", "lib/mlc4j/src", reporter);
  staged.copy_file(java + "/build.gradle", "lib/mlc4j/build.gradle");
  staged.copy_files(output, "lib/mlc4j/output", reporter);
  staged.write("lib/mlc4j/src/main/assets/mlc-app-config.json", app_config);
  return "";
}

}  // namespace mlc
