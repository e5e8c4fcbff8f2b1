#include "base/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

#include <curl/curl.h>

#include "base/parallel.h"

namespace mlc {
namespace {

constexpr int kTries = 3;
constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxHeaderLine = 16 * 1024;
// Large enough for most headers of safetensors in few requests, small enough for the local headers
// of a zip archive, which lie megabytes apart.
constexpr std::uint64_t kBlock = 16 * 1024;
constexpr std::uint64_t kMaxAhead = 256;  // 4 MiB

struct Range {
  std::uint64_t begin = 0, end = 0;  // end is not in it
};

struct Answer {
  long status = 0;
  std::string body;
  std::string content_range;
  std::string location;
};

// One request's state, for curl's callbacks.
struct Transfer {
  CURL* curl = nullptr;
  Answer answer;
  bool ranged = false;
  std::uint64_t max_bytes = 0;
  bool too_long = false;
};

// Bodies of other answers are not wanted: an error page may be endless.
std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  long status = 0;
  curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != (transfer->ranged ? 206 : 200)) return 0;
  if (size > transfer->max_bytes - transfer->answer.body.size()) {
    transfer->too_long = true;
    return 0;
  }
  transfer->answer.body.append(data, size);
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  constexpr std::string_view kName = "content-range:";
  std::string_view line(data, size);
  if (size > kMaxHeaderLine) return 0;
  if (line.size() < kName.size() || !std::equal(kName.begin(), kName.end(), line.begin(),
                                                [](char a, char b) { return a == (b | 0x20); }))
    return size;
  line.remove_prefix(kName.size());
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t'))
    line.remove_prefix(1);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' '))
    line.remove_suffix(1);
  static_cast<Transfer*>(user)->answer.content_range = line;
  return size;
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return cancel_signal != 0 ? 1 : 0;
}

[[noreturn]] void network(const std::string& url, std::string_view what) {
  fail(ExitCode::kNetwork, "{}: {}", printable(url, 1024), what);
}

bool is_this_machine(std::string_view origin) {
  constexpr std::array<std::string_view, 3> kNames = {"http://localhost", "http://127.0.0.1",
                                                      "http://[::1]"};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
    return origin.starts_with(name) && (origin.size() == name.size() || origin[name.size()] == ':');
  });
}

void check_scheme(const std::string& url, const HttpOptions& options) {
  std::string origin = http_origin(url);
  if (origin.empty()) network(url, "expected an https:// address");
  if (origin.starts_with("http://") && !options.allow_http && !is_this_machine(origin))
    network(url, "http:// is not encrypted; use https://, or --allow-http");
}

struct CurlCleanup {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One request, without redirects. The code tells whether trying again may help.
CURLcode request_once(const std::string& url, const HttpOptions& options,
                      const std::optional<Range>& range, Transfer& transfer) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, CurlCleanup> owner(kReady == CURLE_OK ? curl_easy_init() : nullptr);
  CURL* curl = owner.get();
  if (!curl) network(url, "libcurl can't be used");
  transfer.curl = curl;
  transfer.ranged = range.has_value();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "mlc");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, options.silence_seconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes per second
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, options.silence_seconds);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  std::string bytes;
  if (range) {
    bytes = fmt::format("{}-{}", range->begin, range->end - 1);
    curl_easy_setopt(curl, CURLOPT_RANGE, bytes.c_str());
  }
  std::unique_ptr<curl_slist, CurlCleanup> headers;
  if (!options.token.empty() && http_origin(url) == options.token_origin) {
    std::string header = "Authorization: Bearer " + options.token;
    headers.reset(curl_slist_append(nullptr, header.c_str()));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  }
  CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
  const char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  if (location) transfer.answer.location = location;
  transfer.curl = nullptr;
  return code;
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// An answer whose body was not wanted ends with an error of writing, on purpose.
bool is_complete(CURLcode code, const Answer& answer) {
  return code == CURLE_OK || (code == CURLE_WRITE_ERROR && answer.status != 0);
}

std::string_view reason(CURLcode code) {
  if (code == CURLE_OPERATION_TIMEDOUT) return "no answer in time";
  if (code == CURLE_PARTIAL_FILE) return "the answer was cut short";
  return curl_easy_strerror(code);
}

void pause_before(int attempt) {
  // 0.3 s, then 0.9 s.
  timespec pause{0, 300'000'000L * (attempt == 1 ? 1 : 3)};
  nanosleep(&pause, nullptr);
}

bool may_pass(CURLcode code, const Answer& answer) {
  if (!is_complete(code, answer))
    return code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_URL_MALFORMAT &&
           code != CURLE_UNSUPPORTED_PROTOCOL;
  return answer.status == 429 || answer.status >= 500;
}

// Follows redirects and tries again; gives an answer that is none of both.
Answer request(const std::string& first_url, const HttpOptions& options,
               const std::optional<Range>& range, std::uint64_t max_bytes) {
  std::string url = first_url;
  for (int redirects = 0;; redirects++) {
    check_scheme(url, options);
    Transfer transfer;
    for (int attempt = 1;; attempt++) {
      transfer = Transfer();
      transfer.max_bytes = max_bytes;
      CURLcode code = request_once(url, options, range, transfer);
      throw_if_cancelled();
      if (transfer.too_long)
        network(first_url, fmt::format("the answer has more than {} bytes", max_bytes));
      bool again = may_pass(code, transfer.answer);
      if (!again && is_complete(code, transfer.answer)) break;
      if (again && attempt < kTries) {
        pause_before(attempt);
        continue;
      }
      if (!is_complete(code, transfer.answer))
        network(first_url,
                fmt::format("{}{}", reason(code), again ? fmt::format(", {} times", kTries) : ""));
      break;
    }
    if (!is_redirect(transfer.answer.status)) return std::move(transfer.answer);
    if (transfer.answer.location.empty() || redirects == kMaxRedirects)
      network(first_url, "redirected to nowhere, or too often");
    if (url.starts_with("https://") && !transfer.answer.location.starts_with("https://"))
      network(first_url, "redirected to an address without https://");
    url = transfer.answer.location;
  }
}

[[noreturn]] void refuse_status(const std::string& url, const Answer& answer,
                                const HttpOptions& options) {
  std::string_view meaning = answer.status == 401   ? " (not authorized)"
                             : answer.status == 403 ? " (forbidden)"
                             : answer.status == 404 ? " (not found)"
                             : answer.status == 429 ? " (too many requests)"
                                                    : "";
  bool refused = answer.status == 401 || answer.status == 403;
  throw HttpStatusError(
      answer.status,
      fmt::format("{}: the server answered {}{}{}{}", printable(url, 1024), answer.status, meaning,
                  refused && !options.hint.empty() ? "; " : "", refused ? options.hint : ""));
}

// "bytes 0-99/1234"
bool parse_content_range(std::string_view text, Range& range, std::uint64_t& size) {
  auto number = [&](char end, std::uint64_t& value) {
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (end == '\0') return text.empty();
    if (!text.starts_with(end)) return false;
    text.remove_prefix(1);
    return true;
  };
  if (!text.starts_with("bytes ")) return false;
  text.remove_prefix(6);
  std::uint64_t last = 0;
  if (!number('-', range.begin) || !number('/', last) || !number('\0', size)) return false;
  range.end = last + 1;
  return range.begin <= last && last < size;
}

}  // namespace

std::string http_origin(std::string_view url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string origin(url.substr(0, url.find_first_of("/?#\\", scheme + 3)));
  for (char& c : origin)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  // A name before the host (user@host) would only hide which host it is.
  if ((!origin.starts_with("https://") && !origin.starts_with("http://")) ||
      origin.find('@') != std::string::npos || origin.size() == scheme + 3)
    return {};
  return origin;
}

std::string url_escaped(std::string_view path) {
  std::string out;
  for (char c : path) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string http_get(const std::string& url, const HttpOptions& options, std::uint64_t max_bytes) {
  Answer answer = request(url, options, std::nullopt, max_bytes);
  if (answer.status != 200) refuse_status(url, answer, options);
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
  Answer answer = request(url_, options_, Range{begin, end}, end - begin);
  if (answer.status == 200)
    network(url_,
            "the server answers with the whole file where a part was asked for; download the file "
            "and inspect it here");
  if (answer.status == 416 && answer.content_range == "bytes */0" && begin == 0) {
    size = 0;
    return {};
  }
  if (answer.status != 206) refuse_status(url_, answer, options_);
  Range range;
  if (!parse_content_range(answer.content_range, range, size) || range.begin != begin ||
      range.end != std::min(end, size) || answer.body.size() != range.end - range.begin)
    network(url_, fmt::format("asked for bytes {} to {}, the server sent {} as \"{}\"", begin,
                              end - 1, answer.body.size(), printable(answer.content_range)));
  return std::move(answer.body);
}

// Both ends are in it.
void HttpFile::fetch_blocks(std::uint64_t first, std::uint64_t last) const {
  std::uint64_t size = 0;
  std::string bytes = fetch(first * kBlock, std::min((last + 1) * kBlock, size_), size);
  if (size != size_)
    network(url_, fmt::format("the file changed: it has {} bytes now, it had {}", size, size_));
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
