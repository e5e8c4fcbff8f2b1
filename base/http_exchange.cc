#include "base/http_exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/http_url.h"
#include "base/parallel.h"

namespace mlc {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxHeaderLine = 16 * 1024;
constexpr std::size_t kMaxHeaderLines = 256;
constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr std::string_view kHeaderTooLong =
    "the answer's header is longer than 256 lines of 16 KiB, 256 KiB in all";
// What is read of the pages of errors and redirects.
constexpr std::uint64_t kMaxErrorPage = 64 * 1024;
constexpr std::string_view kUserAgent = "mlc";

// Headers that say nothing about who asks, so that a redirect may see them.
constexpr std::array<std::string_view, 4> kFollowingHeaders = {"accept", "range", "if-range",
                                                               "if-none-match"};

[[noreturn]] void network(const std::string& url, std::string_view what, bool passing = false,
                          bool no_tls = false) {
  throw HttpTransportError(passing, fmt::format("{}: {}", shown_url(url), what), no_tls);
}

// One hop, for curl's callbacks. They may not throw: what went wrong is kept.
struct Hop {
  CURL* curl = nullptr;
  const HttpRequest* request = nullptr;
  const HttpSink* sink = nullptr;
  const std::atomic<bool>* stop = nullptr;
  bool refuse_private = false;
  HttpAnswer answer;
  std::size_t header_lines = 0, header_bytes = 0;
  std::uint64_t sent = 0;
  bool begun = false;  // the body
  bool to_sink = false;
  bool hit_private = false;
  std::string refused;  // why the answer is not taken
  std::exception_ptr thrown;
};

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() &&
         (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  return text;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  hop.header_bytes += size;
  if (size > kMaxHeaderLine || ++hop.header_lines > kMaxHeaderLines ||
      hop.header_bytes > kMaxHeaderBytes) {
    hop.refused = kHeaderTooLong;
    return 0;
  }
  try {
    std::string_view line(data, size);
    if (line.starts_with("HTTP/")) {  // of the final answer, after a 100
      hop.answer.headers = {};
      return size;
    }
    std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      hop.answer.headers.add(std::string(line.substr(0, colon)),
                             std::string(trimmed(line.substr(colon + 1))));
  } catch (...) {
    hop.thrown = std::current_exception();
    return 0;
  }
  return size;
}

// Status and headers are there.
void begin_body(Hop& hop) {
  hop.begun = true;
  curl_easy_getinfo(hop.curl, CURLINFO_RESPONSE_CODE, &hop.answer.status);
  const std::string& encoding = hop.answer.headers.get("content-encoding");
  if (hop.answer.ok() && hop.request->method != "HEAD" && !encoding.empty() &&
      encoding != "identity") {
    hop.refused =
        fmt::format("the server sent the content encoded as '{}', which was not asked for",
                    printable(encoding));
    return;
  }
  if (hop.sink && !(is_redirect(hop.answer.status) && hop.request->follow))
    hop.to_sink = hop.sink->accept(hop.answer);
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  try {
    if (!hop.begun) begin_body(hop);
    if (!hop.refused.empty()) return 0;
    if (hop.to_sink) {
      hop.sink->write(std::as_bytes(std::span(data, size)));
      return size;
    }
    std::uint64_t limit = hop.request->max_body;
    if (!hop.answer.ok()) limit = std::min(limit, kMaxErrorPage);
    std::size_t room = static_cast<std::size_t>(limit) - hop.answer.body.size();
    if (size > room && hop.answer.ok()) {
      hop.refused = fmt::format("the answer has more than {} bytes", hop.request->max_body);
      return 0;
    }
    hop.answer.body.append(data, std::min(size, room));
    // The rest of an error page, or of a redirect's, may be endless.
    return size > room ? 0 : size;
  } catch (...) {
    hop.thrown = std::current_exception();
    return 0;
  }
}

std::size_t on_send(char* out, std::size_t, std::size_t size, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  const HttpBody& body = *hop.request->body;
  std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(size, body.size - hop.sent));
  try {
    if (part > 0) body.read(hop.sent, std::as_writable_bytes(std::span(out, part)));
  } catch (...) {
    hop.thrown = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
  hop.sent += part;
  return part;
}

// When a kept connection turns out to be closed, curl would send a body again by itself; but a
// server may have taken a part of it already, and adds what comes to that.
int on_seek(void* user, curl_off_t offset, int origin) {
  const Hop& hop = *static_cast<Hop*>(user);
  return origin == SEEK_SET && static_cast<std::uint64_t>(offset) == hop.sent ? CURL_SEEKFUNC_OK
                                                                              : CURL_SEEKFUNC_FAIL;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Hop& hop = *static_cast<Hop*>(user);
  return cancel_signal != 0 || (hop.stop && *hop.stop) ? 1 : 0;
}

curl_socket_t on_socket(void* user, curlsocktype, curl_sockaddr* address) {
  Hop& hop = *static_cast<Hop*>(user);
  if (hop.refuse_private && is_private_address(&address->addr)) {
    hop.hit_private = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string_view reason(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return "no answer in time";
    case CURLE_PARTIAL_FILE:
      return "the answer was cut short";
    case CURLE_GOT_NOTHING:
      return "the server closed the connection without an answer";
    case CURLE_RECV_ERROR:
      return "the connection was lost while receiving";
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_SEND_ERROR:
      return "the connection was lost while sending";
    default:
      return curl_easy_strerror(code);
  }
}

bool is_tls_refusal(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

bool behind_proxy() {
  static constexpr const char* kVariables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                               "all_proxy", "ALL_PROXY"};
  return std::any_of(std::begin(kVariables), std::end(kVariables), [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value;
  });
}

struct CurlCleanup {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

long network_timeout() {
  constexpr long kDefault = 10, kMost = 3600;
  const char* text = std::getenv("MLC_NETWORK_TIMEOUT");
  if (!text || !*text) return kDefault;
  std::string_view view(text);
  long value = 0;
  auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value < 1 || value > kMost)
    fail(ExitCode::kUsage, "MLC_NETWORK_TIMEOUT={}: expected seconds, 1 to {}", printable(view),
         kMost);
  return value;
}

void HttpHeaders::add(std::string name, std::string value) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  lines_.emplace_back(std::move(name), std::move(value));
}

const std::string& HttpHeaders::get(std::string_view name) const {
  static const std::string kNone;
  for (const auto& [key, value] : lines_)
    if (key == name) return value;
  return kNone;
}

std::vector<std::string> HttpHeaders::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : lines_)
    if (key == name) out.push_back(value);
  return out;
}

HttpBody http_body(std::string_view text) {
  return {text.size(), [text](std::uint64_t offset, std::span<std::byte> out) {
            std::memcpy(out.data(), text.data() + offset, out.size());
          }};
}

struct HttpClient::State {
  HttpPolicy policy;
  std::unique_ptr<CURL, CurlCleanup> curl;
  char message[CURL_ERROR_SIZE] = {};

  CURLcode perform(const std::string& url, bool first_origin, Hop& hop);
};

// One hop. The handle is set up anew each time; its connections stay.
CURLcode HttpClient::State::perform(const std::string& url, bool first_origin, Hop& hop) {
  CURL* handle = curl.get();
  curl_easy_reset(handle);
  hop.curl = handle;
  hop.stop = policy.stop;
  message[0] = '\0';
  const HttpRequest& request = *hop.request;
  const long silence =
      request.silence_seconds > 0 ? request.silence_seconds : policy.silence_seconds;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!policy.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, policy.ca_file.c_str());
  curl_easy_setopt(handle, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  curl_easy_setopt(handle, CURLOPT_UNRESTRICTED_AUTH, 0L);
  curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, kUserAgent.data());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, policy.silence_seconds);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes per second
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, silence);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &hop);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &hop);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &hop);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_socket);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &hop);
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.body) {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(handle, CURLOPT_READDATA, &hop);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, &hop);
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
  }
  if (request.method != "GET" && request.method != "HEAD")
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());

  std::unique_ptr<curl_slist, CurlCleanup> list;
  auto add = [&](const std::string& line) {
    if (curl_slist* more = curl_slist_append(list.get(), line.c_str())) {
      static_cast<void>(list.release());
      list.reset(more);
    }
  };
  // Without this curl waits a second for permission to send.
  if (request.body) add("Expect:");
  for (const auto& [name, value] : request.headers.lines())
    if (first_origin || std::find(kFollowingHeaders.begin(), kFollowingHeaders.end(), name) !=
                            kFollowingHeaders.end())
      add(fmt::format("{}: {}", name, value));
  Secret line;
  if (first_origin && !request.authorization.empty()) {
    line = Secret("authorization: " + request.authorization.reveal());
    add(line.reveal());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list.get());
  CURLcode code = curl_easy_perform(handle);
  for (curl_slist* node = list.get(); node; node = node->next)
    explicit_bzero(node->data, std::strlen(node->data));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, nullptr);
  return code;
}

HttpClient::HttpClient(HttpPolicy policy) : state_(std::make_unique<State>()) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  state_->policy = std::move(policy);
  if (state_->policy.ca_file.empty())
    if (const char* file = std::getenv("MLC_CA_FILE")) state_->policy.ca_file = file;
  if (!state_->policy.ca_file.empty() && access(state_->policy.ca_file.c_str(), R_OK) != 0)
    io_error(state_->policy.ca_file, "can't read the certificates", errno);
  state_->curl.reset(kReady == CURLE_OK ? curl_easy_init() : nullptr);
  if (!state_->curl) fail(ExitCode::kUnsupported, "libcurl can't be used");
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
const HttpPolicy& HttpClient::policy() const { return state_->policy; }

HttpAnswer HttpClient::exchange(const HttpRequest& request, const HttpSink* sink) {
  const std::string first_origin = http_origin(request.url);
  const std::string first_host = http_host(request.url);
  std::string url = request.url;
  bool from_public = false;
  for (int hops = 0;; hops++) {
    const std::string origin = http_origin(url);
    if (origin.empty()) network(request.url, "expected an https:// address");
    if (origin.starts_with("http://") && !state_->policy.allow_http && !is_this_machine(origin))
      network(hops == 0 ? url : request.url,
              hops == 0 ? "http:// is not encrypted; use https://, or --allow-http"
                        : "redirected to an address without https://");
    Hop hop;
    hop.request = &request;
    hop.sink = sink;
    std::string host = http_host(url);
    hop.refuse_private = from_public && host != first_host && !behind_proxy();
    if (from_public && host != first_host && behind_proxy() &&
        (is_this_machine(origin) ||
         (host.find_first_not_of("0123456789.") == std::string::npos && is_private_address(host)) ||
         (host.starts_with('[') && is_private_address(host.substr(1, host.size() - 2)))))
      hop.hit_private = true;
    CURLcode code =
        hop.hit_private ? CURLE_COULDNT_CONNECT : state_->perform(url, origin == first_origin, hop);
    throw_if_cancelled();
    if (hop.thrown) std::rethrow_exception(hop.thrown);
    if (hop.hit_private)
      network(request.url, fmt::format("redirected to {}, which is in a private network; a server "
                                       "on the internet has no business there",
                                       printable(origin)));
    if (!hop.refused.empty()) network(request.url, hop.refused);
    curl_easy_getinfo(state_->curl.get(), CURLINFO_RESPONSE_CODE, &hop.answer.status);
    // An answer whose body was not wanted as a whole ends with an error of writing, on purpose.
    bool unwanted = code == CURLE_WRITE_ERROR && hop.answer.status != 0 && !hop.to_sink;
    if (code != CURLE_OK && !unwanted) {
      if (state_->policy.stop && *state_->policy.stop) network(request.url, "stopped");
      std::string what(reason(code));
      // So says libcurl of a line of more than 100 KB.
      bool long_line = code == CURLE_OUT_OF_MEMORY && !hop.begun;
      if (long_line) what = kHeaderTooLong;
      if (is_tls_refusal(code) && state_->message[0])
        what = fmt::format("the server's certificate is refused: {}", printable(state_->message));
      network(request.url, what,
              !long_line && !is_tls_refusal(code) && code != CURLE_URL_MALFORMAT &&
                  code != CURLE_UNSUPPORTED_PROTOCOL,
              code == CURLE_SSL_CONNECT_ERROR);
    }
    if (!hop.begun) {  // no body at all
      begin_body(hop);
      if (!hop.refused.empty()) network(request.url, hop.refused);
    }
    hop.answer.url = url;
    if (!request.follow || !is_redirect(hop.answer.status)) return std::move(hop.answer);
    if (hops == kMaxRedirects) network(request.url, "redirected too often");
    const std::string& location = hop.answer.headers.get("location");
    std::string next = location.empty() ? std::string() : resolve_url(url, location);
    if (next.empty()) network(request.url, "redirected to nowhere; expected an https:// address");
    if (url.starts_with("https://") && !next.starts_with("https://"))
      network(request.url, "redirected to an address without https://");
    bool reads = request.method == "GET" || request.method == "HEAD";
    if (!reads && (hop.answer.status < 307 || http_origin(next) != first_origin))
      network(request.url, fmt::format("redirected to {} where data is sent", http_origin(next)));
    const char* ip = nullptr;
    curl_easy_getinfo(state_->curl.get(), CURLINFO_PRIMARY_IP, &ip);
    from_public |= ip && *ip && !is_private_address(std::string(ip));
    url = next;
  }
}

void refuse_status(const std::string& url, const HttpAnswer& answer, std::string_view hint) {
  std::string_view meaning = answer.status == 401   ? " (not authorized)"
                             : answer.status == 403 ? " (forbidden)"
                             : answer.status == 404 ? " (not found)"
                             : answer.status == 413 ? " (too large)"
                             : answer.status == 429 ? " (too many requests)"
                                                    : "";
  bool refused = answer.status == 401 || answer.status == 403;
  throw HttpStatusError(
      answer.status,
      fmt::format("{}: the server answered {}{}{}{}", shown_url(url), answer.status, meaning,
                  refused && !hint.empty() ? "; " : "", refused ? hint : ""));
}

}  // namespace mlc
