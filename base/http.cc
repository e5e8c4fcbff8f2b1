#include "base/http.h"

#include <algorithm>
#include <cstring>

#include "base/http_download.h"
#include "base/http_retry.h"

namespace mlc {
namespace {

constexpr unsigned kTries = 3;
// Large enough for most headers of safetensors in few requests, small enough for the local headers
// of a zip archive, which lie megabytes apart.
constexpr std::uint64_t kBlock = 16 * 1024;
constexpr std::uint64_t kMaxAhead = 256;  // 4 MiB

HttpRequest request_of(const std::string& url, const HttpOptions& options, std::uint64_t max_body) {
  HttpRequest request;
  request.url = url;
  request.max_body = max_body;
  if (!options.token.empty() && http_origin(url) == options.token_origin)
    request.authorization = Secret("Bearer " + options.token.reveal());
  return request;
}

HttpClient client_of(const HttpOptions& options) {
  HttpPolicy policy;
  policy.allow_http = options.allow_http;
  policy.silence_seconds = options.silence_seconds;
  return HttpClient(std::move(policy));
}

}  // namespace

std::string http_get(const std::string& url, const HttpOptions& options, std::uint64_t max_bytes) {
  HttpClient client = client_of(options);
  HttpAnswer answer = exchange_again(client, request_of(url, options, max_bytes), kTries);
  if (answer.status != 200) refuse_status(url, answer, options.hint);
  return std::move(answer.body);
}

HttpFile::HttpFile(std::string url, HttpOptions options)
    : url_(std::move(url)), options_(std::move(options)) {
  std::string head = fetch(0, 4 * kBlock, size_);
  for (std::uint64_t at = 0; at < head.size(); at += kBlock)
    blocks_.emplace(at / kBlock, head.substr(at, kBlock));
  next_ = blocks_.size();
}

std::string HttpFile::fetch(std::uint64_t begin, std::uint64_t end, std::uint64_t& size) const {
  HttpRequest request = request_of(url_, options_, end - begin);
  request.headers.add("Range", fmt::format("bytes={}-{}", begin, end - 1));
  HttpSink no_whole_file{
      [this](const HttpAnswer& head) {
        if (head.status == 200)
          fail(ExitCode::kNetwork,
               "{}: the server answers with the whole file where a part was asked for; download "
               "the file and inspect it here",
               shown_url(url_));
        return false;
      },
      {}};
  HttpClient client = client_of(options_);
  HttpAnswer answer = exchange_again(client, request, kTries, &no_whole_file);
  const std::string& sent = answer.headers.get("content-range");
  if (answer.status == 416 && sent == "bytes */0" && begin == 0) {
    size = 0;
    return {};
  }
  if (answer.status != 206) refuse_status(url_, answer, options_.hint);
  std::optional<ContentRange> range = parse_content_range(sent);
  if (!range || !range->total || range->begin != begin ||
      range->end != std::min(end, *range->total) || answer.body.size() != range->end - range->begin)
    fail(ExitCode::kNetwork, "{}: asked for bytes {} to {}, the server sent {} as \"{}\"",
         shown_url(url_), begin, end - 1, answer.body.size(), printable(sent));
  size = *range->total;
  return std::move(answer.body);
}

// Both ends are in it.
void HttpFile::fetch_blocks(std::uint64_t first, std::uint64_t last) const {
  std::uint64_t size = 0;
  std::string bytes = fetch(first * kBlock, std::min((last + 1) * kBlock, size_), size);
  if (size != size_)
    fail(ExitCode::kNetwork, "{}: the file changed: it has {} bytes now, it had {}",
         shown_url(url_), size, size_);
  for (std::uint64_t b = first; b <= last; b++)
    blocks_.insert_or_assign(b, bytes.substr((b - first) * kBlock, kBlock));
}

void HttpFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  std::scoped_lock lock(mutex_);
  const std::uint64_t first = offset / kBlock;
  const std::uint64_t last = (offset + out.size() - 1) / kBlock;
  const std::uint64_t end = (size_ - 1) / kBlock;
  for (std::uint64_t b = first; b <= last; b++) {
    if (blocks_.contains(b)) continue;
    // Reading that goes on where it stopped is likely to go on: the ranges grow.
    ahead_ = b == next_ ? std::min(ahead_ * 2, kMaxAhead) : 1;
    std::uint64_t until = std::min(std::max(last, b + ahead_ - 1), end);
    fetch_blocks(b, until);
    next_ = until + 1;
  }
  for (std::size_t done = 0; done < out.size();) {
    std::uint64_t at = offset + done;
    const std::string& block = blocks_.at(at / kBlock);
    std::size_t from = static_cast<std::size_t>(at % kBlock);
    std::size_t part = std::min(block.size() - from, out.size() - done);
    std::memcpy(out.data() + done, block.data() + from, part);
    done += part;
  }
}

}  // namespace mlc
