// Commits mlc-chat-config.json and the tokenizer files.
#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/output_folder.h"
#include "base/parallel.h"
#include "genconfig/genconfig.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

constexpr const char* kChatConfig = "mlc-chat-config.json";

// Files that we made in the partial folder, which may also hold shards of an interrupted
// conversion: those are for its --resume, so only ours are removed.
class PartialFiles {
 public:
  explicit PartialFiles(const OutputFolder& out) : out_(out) {}
  ~PartialFiles() {
    std::error_code ignored;
    // A commit that could be neither finished nor undone left the old files here: nothing is lost.
    for (const std::string& name : names_)
      if (fs::exists(old_path(name), ignored)) return;
    for (const std::string& name : names_)
      fs::remove(out_.partial_path(name), ignored);
  }
  PartialFiles(const PartialFiles&) = delete;
  PartialFiles& operator=(const PartialFiles&) = delete;

  void write(const std::string& name, const std::string& bytes) {
    throw_if_cancelled();
    std::string path = out_.partial_path(name);
    std::error_code ignored;
    fs::remove(path, ignored);  // of a run that was killed
    names_.push_back(name);
    OutputFile file(path, bytes.size());
    file.write(0, std::as_bytes(std::span(bytes)));
    file.sync();
    file.close();
  }
  // The commit is done: what it replaced goes.
  void forget_old() {
    std::error_code ignored;
    for (const std::string& name : names_)
      fs::remove(old_path(name), ignored);
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::string old_path(const std::string& name) const { return out_.partial_path("old-" + name); }

  const OutputFolder& out_;
  std::vector<std::string> names_;
};

// OUT is the checkpoint's folder: the file is in place.
bool is_in_place(const TokenizerFile& file, const std::string& output) {
  std::error_code ignored;
  return !file.source.empty() && fs::equivalent(file.source, fs::path(output) / file.name, ignored);
}

}  // namespace

std::vector<std::string> write_generated_config(const GeneratedConfig& generated,
                                                const std::string& output) {
  OutputFolder out(output, /*resume=*/true);
  out.keep_partial();
  PartialFiles partial(out);
  for (const TokenizerFile& file : generated.tokenizer.files)
    if (!is_in_place(file, output)) partial.write(file.name, file.bytes);
  std::vector<std::string> data = partial.names();
  partial.write(kChatConfig, generated.text);
  throw_if_cancelled();
  // The config is the index: it lies in OUT only while every tokenizer file that it names does.
  out.commit({.data = std::move(data), .index = {kChatConfig}, .retired = {kChatConfig}});
  partial.forget_old();
  out.keep_partial();
  return partial.names();
}

}  // namespace mlc
