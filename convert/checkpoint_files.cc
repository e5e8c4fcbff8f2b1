#include "convert/checkpoint_files.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "convert/open_checkpoint.h"
#include "convert/open_gguf.h"
#include "convert/safetensors_index.h"

namespace mlc {
namespace {

class Text final : public ByteSource {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    std::memcpy(out.data(), text_.data() + offset, out.size());
  }

 private:
  std::string text_;
};

class NamedFiles final : public SourceFolder {
 public:
  NamedFiles(std::string path, std::vector<std::string> names,
             const std::function<std::string(const std::string&)>& read)
      : path_(std::move(path)), names_(std::move(names)), read_(read) {
    std::sort(names_.begin(), names_.end());
  }
  const std::string& path() const override { return path_; }
  std::vector<std::string> list() const override { return names_; }
  bool holds(const std::string& name) const override {
    return std::binary_search(names_.begin(), names_.end(), name);
  }
  std::shared_ptr<InputFile> open(const std::string& name) const override {
    return std::make_shared<InputFile>(path_of(name), std::make_shared<Text>(read_(name)));
  }

 private:
  std::string path_;
  std::vector<std::string> names_;
  const std::function<std::string(const std::string&)>& read_;
};

}  // namespace

std::vector<std::string> config_files(const std::vector<std::string>& names) {
  constexpr std::array<std::string_view, 5> kEnds = {".json", ".txt", ".model", ".jinja",
                                                     ".tiktoken"};
  std::vector<std::string> files;
  std::copy_if(names.begin(), names.end(), std::back_inserter(files), [&](const std::string& n) {
    return n.find('/') == std::string::npos && !n.ends_with(".index.json") &&
           (n == "tokenizer_model" ||  // RWKV's, in a converted model
            std::any_of(kEnds.begin(), kEnds.end(),
                        [&](std::string_view end) { return n.ends_with(end); }));
  });
  return files;
}

std::vector<std::string> weight_files(const std::string& folder,
                                      const std::vector<std::string>& names,
                                      const std::string& file, const std::string& format,
                                      const std::function<std::string(const std::string&)>& read) {
  auto source = std::make_shared<NamedFiles>(folder, names, read);
  FoundSource found = file.empty() ? find_source(source, format) : source_of_file(source, file);
  std::vector<std::string> files = found.files;
  if (found.kind == SourceKind::kGguf) {
    const std::string model = gguf_model_name(found.files[0]);
    files.clear();
    std::copy_if(names.begin(), names.end(), std::back_inserter(files), [&](const std::string& n) {
      return n.ends_with(".gguf") && gguf_model_name(n) == model;
    });
  }
  if (!found.index.empty()) {
    const std::string path = source->path_of(found.index);
    SafetensorsIndex index =
        parse_safetensors_index(source->read_text(found.index, JsonLimits{}.max_bytes), path);
    std::vector<std::string> missing;
    for (const std::string& name : index.files)
      if (!source->holds(name)) missing.push_back(name);
    if (!missing.empty())
      bad_input("{}: names files that are not there: {}", printable(path, 1024),
                printable_list(missing));
    files = index.files;
    files.push_back(found.index);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace mlc
