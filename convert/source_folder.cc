#include "convert/source_folder.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

class LocalFolder : public SourceFolder {
 public:
  explicit LocalFolder(std::string path) : path_(std::move(path)) {}
  const std::string& path() const override { return path_; }

  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (!it->is_directory(ignored)) names.push_back(it->path().filename().string());
    }
    if (error) io_error(path_, "list", error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  bool holds(const std::string& name) const override {
    std::error_code ignored;
    return fs::exists(path_of(name), ignored);
  }

  std::shared_ptr<InputFile> open(const std::string& name) const override {
    return std::make_shared<InputFile>(path_of(name));
  }

 private:
  std::string path_;
};

}  // namespace

std::string SourceFolder::path_of(const std::string& name) const {
  return (fs::path(path()) / name).string();
}

std::string SourceFolder::read_text(const std::string& name, std::uint64_t max_bytes) const {
  std::shared_ptr<InputFile> file = open(name);
  if (file->size() > max_bytes)
    bad_input("{}: {} bytes, expected at most {}", printable(file->path(), 1024), file->size(),
              max_bytes);
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  file->read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

Json SourceFolder::read_json(const std::string& name) const {
  return parse_json(read_text(name, JsonLimits{}.max_bytes), path_of(name));
}

std::shared_ptr<const SourceFolder> local_folder(const std::string& path) {
  return std::make_shared<LocalFolder>(path);
}

}  // namespace mlc
