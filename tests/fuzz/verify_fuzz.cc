// A model folder as `mlc verify` reads it: with any text as mlc-chat-config.json (after a first
// byte "C") or as tensor-cache.json (after any other), the levels files and params end with
// findings.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "base/error.h"
#include "base/tensor_cache.h"
#include "verify/files.h"
#include "verify/params.h"
#include "verify/report.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kFields =
    R"("model_type": "llama", "quantization": "q0f16", "model_config": {"hidden_size": 2,
    "intermediate_size": 2, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 2,
    "num_hidden_layers": 0, "rms_norm_eps": 1e-5, "vocab_size": 3, "context_window_size": 4},
    "vocab_size": 3, "tokenizer_files": ["tokenizer.json"], "conv_template": "LM")";
constexpr const char* kTokenizer =
    R"({"version": "1.0", "added_tokens": [], "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}})";

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("mlc-fuzz-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
    write("tokenizer.json", kTokenizer);
    write("params_shard_0.bin", std::string(40, '\0'));
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }
  void write(const char* name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }

 private:
  fs::path path_;
};

mlc::TensorCache small_index() {
  mlc::TensorCache cache;
  cache.shards.resize(1);
  cache.shards[0].data_path = "params_shard_0.bin";
  std::uint64_t at = 0;
  for (const char* name : {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"}) {
    mlc::Record record;
    record.name = name;
    record.shape = {3, 2};
    record.nbytes = 12;
    record.byte_offset = at;
    if (record.name == "model.norm.weight") {
      record.shape = {2};
      record.nbytes = 4;
    }
    at += record.nbytes;
    cache.shards[0].records.push_back(record);
  }
  cache.shards[0].nbytes = at;
  return cache;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool config = data[0] == 'C';
  folder.write("mlc-chat-config.json", config ? text : fmt::format("{{{}}}", kFields));
  folder.write("tensor-cache.json", config ? mlc::write_tensor_cache(small_index()) : text);
  mlc::VerifyOptions options;
  options.model = folder.path();
  options.threads = 1;
  mlc::VerifyReport report;
  mlc::SilentReporter reporter;
  mlc::verify_files(options, report, reporter);
  mlc::verify_params(options, report, reporter);
  mlc::report_text(report);
  return 0;
}
