#include "deliver/stamp.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace mlc {

namespace {

namespace fs = std::filesystem;

fs::path place(const std::string& output) { return fs::path(output) / ".mlc-deliver"; }

}  // namespace

std::string conversion_stamp(const std::string& source, const std::string& quantization) {
  std::vector<std::string> lines;
  std::error_code error;
  for (fs::directory_iterator it(source, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error))
      lines.push_back(fmt::format("{} {} {}", it->path().filename().string(), it->file_size(error),
                                  it->last_write_time(error).time_since_epoch().count()));
  if (error) io_error(source, "list", error.value());
  std::sort(lines.begin(), lines.end());
  return fmt::format("mlc {}\n{}\n{}\n{}\n", MLC_VERSION, source, quantization,
                     fmt::join(lines, "\n"));
}

std::string read_stamp(const std::string& output, const std::string& name) {
  std::error_code ignored;  // a stamp that can't be seen is none
  const std::string path = (place(output) / name).string();
  return fs::exists(path, ignored) ? read_file(path, std::uint64_t{1} << 24) : "";
}

void write_stamp(const std::string& output, const std::string& name, const std::string& stamp) {
  std::error_code error;
  fs::create_directories(place(output), error);
  if (error) io_error(place(output).string(), "create", error.value());
  write_file_atomically((place(output) / name).string(), stamp);
}

void remove_stamp(const std::string& output, const std::string& name) {
  std::error_code ignored;  // an old stamp does no harm: it is compared
  fs::remove(place(output) / name, ignored);
  fs::remove(place(output), ignored);  // when it was the last
}

void remove_stamps(const std::string& output) {
  std::error_code ignored;  // what stays does no harm
  fs::remove_all(place(output), ignored);
}

}  // namespace mlc
