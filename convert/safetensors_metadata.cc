// What the writer of a safetensors file says about it. Conversion has no use for it.
#include "base/json.h"
#include "convert/safetensors.h"

namespace mlc {
namespace {

// The strings of the member "__metadata__" of a header that is known to be well formed.
class MetadataReader : public JsonHandler {
 public:
  std::vector<std::pair<std::string, std::string>> take() { return std::move(found_); }

  void begin_object(std::size_t) override { depth_++; }
  void end_object() override { depth_--; }
  void begin_array(std::size_t) override { depth_++; }
  void end_array() override { depth_--; }
  void key(std::string_view name, std::size_t) override {
    if (depth_ == 1) inside_ = name == "__metadata__";
    if (depth_ == 2 && inside_) key_ = name;
  }
  void string(std::string_view value, std::size_t) override {
    if (depth_ == 2 && inside_) found_.emplace_back(key_, value);
  }
  void number(std::string_view, bool, std::size_t) override {}
  void boolean(bool, std::size_t) override {}
  void null(std::size_t) override {}

 private:
  std::size_t depth_ = 0;
  bool inside_ = false;
  std::string key_;
  std::vector<std::pair<std::string, std::string>> found_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> safetensors_metadata(const InputFile& file) {
  MetadataReader reader;
  std::string header = read_safetensors_header(file);
  parse_json_events(header, file.path() + ": header", kSafetensorsLimits, reader);
  return reader.take();
}

}  // namespace mlc
