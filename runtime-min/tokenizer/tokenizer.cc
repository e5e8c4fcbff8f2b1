#include "runtime-min/tokenizer/tokenizer.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

namespace mlc {

std::string StreamDecoder::push(std::int32_t id) {
  if (options_.skip_special_tokens && tokenizer_.is_special(id)) return "";
  if (!tokenizer_.token_text(id)) return "";
  pending_ += tokenizer_.token_bytes(id, at_start_);
  at_start_ = false;
  std::string whole = pending_.substr(0, pending_.size() - utf8_incomplete_tail(pending_));
  pending_.erase(0, whole.size());
  return repair_utf8(whole);
}

std::string StreamDecoder::finish() {
  std::string rest = repair_utf8(pending_);
  pending_.clear();
  at_start_ = true;
  return rest;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& given_path) {
  // The largest tokenizer.json known has 34 MB.
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 28;
  constexpr const char* kJson = "tokenizer.json";
  constexpr const char* kRwkv = "tokenizer_model";
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path path(given_path);
  if (fs::is_directory(path, ignored)) {
    fs::path folder = path;
    path = folder / kJson;
    if (!fs::exists(path, ignored)) path = folder / kRwkv;
    if (!fs::exists(path, ignored))
      fail(ExitCode::kIo,
           "{}: no tokenizer: neither {} nor {} is there; \"mlc gen_config\" makes one from a "
           "checkpoint's tokenizer files",
           printable(given_path, 1024), kJson, kRwkv);
  }
  if (path.filename() == kRwkv) return parse_rwkv_tokenizer(read_file(path, kMaxBytes), path);
  return parse_tokenizer_json(read_file(path, kMaxBytes), path);
}

}  // namespace mlc
