// Downloads that survive interruptions: what has arrived is kept, and the rest is asked for.
//
// Tried again, with growing waits, up to 5 times without 64 KiB of progress: lost and silent
// connections, bodies cut short, 408, 429 and 5xx. A server that ignores ranges, or whose file
// changed in between, makes the download begin anew, 5 times at most. Never taken: more bytes than
// are expected (reading stops one byte after), a part other than the one asked for, an encoded
// body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/http_exchange.h"

namespace mlc {

// Where the bytes go. size() bytes are there already, from an earlier run perhaps.
class DownloadTarget {
 public:
  virtual ~DownloadTarget() = default;
  virtual std::uint64_t size() const = 0;
  virtual void write(std::span<const std::byte> block) = 0;
  virtual void restart() = 0;  // size() is 0 again
};

struct Download {
  HttpRequest request;  // a GET, without Range
  std::string name;     // in messages, instead of the address
  // Known size: an answer of another size is Error(kVerify).
  std::optional<std::uint64_t> size = {};
  // The answer must have this ETag (strong ones only); else Error(kNetwork). Empty: that of the
  // first answer is held on to, and another one makes the download begin anew.
  std::string etag = {};
  // Called for 401 and 403, once between two pieces of progress: puts new credentials into the
  // request, or says that there are none.
  std::function<bool(HttpRequest& request, const HttpAnswer& answer)> authorize = {};
  // Bytes that have arrived for the first time; may be called for each block.
  std::function<void(std::uint64_t bytes)> advance = {};
  // What went wrong when it is tried again.
  std::function<void(const std::string& what)> note = {};
  std::string hint = {};  // for 401 and 403
};

struct DownloadResult {
  std::uint64_t size = 0;
  std::uint64_t received = 0;  // bodies of all tries together
  unsigned tries = 0;
  HttpHeaders headers;  // of the last answer
};

// Error(kNetwork), Error(kVerify), HttpStatusError; what the target throws; Cancelled.
DownloadResult download(HttpClient& client, Download what, DownloadTarget& target);

// "bytes 0-99/1234" (the total is none for "*"); `begin` and `end` (not in it).
struct ContentRange {
  std::uint64_t begin = 0, end = 0;
  std::optional<std::uint64_t> total;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace mlc
