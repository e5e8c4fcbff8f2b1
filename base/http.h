// Reading from web servers: whole small documents, and ranges of files.
//
// What may be passing (429, 5xx, a lost or silent connection, a body cut short) is tried again,
// three times in all. Errors are Error(kNetwork) and name the URL. Ctrl-C ends a transfer with
// Cancelled. base/http_exchange.h says what holds for every request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/http_exchange.h"
#include "base/http_url.h"
#include "base/secret.h"

namespace mlc {

struct HttpOptions {
  bool allow_http = false;    // also for other hosts than this machine
  Secret token;               // sent as "Authorization: Bearer" ...
  std::string token_origin;   // ... to this origin only: "https://huggingface.co"
  long silence_seconds = 10;  // without progress: given up
  std::string hint;           // what to do about 401 and 403; empty: nothing
};

// A whole document of at most `max_bytes`.
std::string http_get(const std::string& url, const HttpOptions& options, std::uint64_t max_bytes);

// A file that is read by ranges and keeps what it has read. A server that ignores ranges is an
// error, and its answer is not read. The size must stay the same from request to request.
class HttpFile : public ByteSource {
 public:
  HttpFile(std::string url, HttpOptions options);
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::string fetch(std::uint64_t begin, std::uint64_t end, std::uint64_t& size) const;
  void fetch_blocks(std::uint64_t first, std::uint64_t last) const;

  std::string url_;
  HttpOptions options_;
  std::uint64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable std::map<std::uint64_t, std::string> blocks_;  // by number
  mutable std::uint64_t next_ = 0;                       // the block after the last fetch
  mutable std::uint64_t ahead_ = 1;  // blocks to fetch when reading goes on there
};

}  // namespace mlc
