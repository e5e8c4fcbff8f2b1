#include "verify/package_folder.h"

#include <filesystem>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "package/sign/referrer.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// Empty: nothing can be made there.
std::string make_folder(const fs::path& beside) {
  std::string path = temporary_name(beside.string());
  std::error_code error;
  return fs::create_directory(path, error) && !error ? path : std::string();
}

// A file system has links or has none, and a system may forbid those to the files of others.
bool link_blob(const Layout& layout, const Descriptor& blob, const std::string& to) {
  std::string from = layout.blob_path(blob.digest);
  return !from.empty() && link(from.c_str(), to.c_str()) == 0;
}

void copy_blob(const Layout& layout, const Descriptor& blob, const std::string& to,
               Reporter& reporter) {
  OutputFile file(to, blob.size);
  std::uint64_t at = 0;
  layout.stream(blob, [&](std::span<const std::byte> block) {
    file.write(at, block);
    at += block.size();
    reporter.advance(block.size());
  });
  file.close();
}

}  // namespace

PackageFolder::PackageFolder(const Layout& layout, const Manifest& model, Reporter& reporter) {
  fs::path package = fs::path(layout.path()).lexically_normal();
  if (package.filename().empty()) package = package.parent_path();
  path_ = make_folder(package);
  if (path_.empty()) path_ = make_folder(fs::temp_directory_path() / "mlc-package");
  if (path_.empty()) io_error(fs::temp_directory_path().string(), "create a folder", errno);
  try {
    fill(layout, model, reporter);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    throw;
  }
}

void PackageFolder::fill(const Layout& layout, const Manifest& model, Reporter& reporter) {
  files_of(model, printable(layout.path(), 1000));
  std::vector<std::pair<Descriptor, std::string>> copies;
  std::uint64_t bytes = 0;
  for (const Descriptor& layer : model.layers) {
    throw_if_cancelled();
    auto name = layer.annotations.find(std::string(kFilePath));
    if (name == layer.annotations.end()) name = layer.annotations.find(std::string(kTitle));
    fs::path to = fs::path(path_) / name->second;
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (error) io_error(to.parent_path().string(), "create the folder", error.value());
    if (link_blob(layout, layer, to.string())) continue;
    copies.emplace_back(layer, to.string());
    bytes += layer.size;
  }
  if (copies.empty()) return;
  reporter.begin("unpack", bytes);
  for (const auto& [layer, to] : copies)
    copy_blob(layout, layer, to, reporter);
  reporter.end();
}

PackageFolder::~PackageFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace mlc
