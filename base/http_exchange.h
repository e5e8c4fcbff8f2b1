// One request to a web server and its answer, over HTTP/1.1 with libcurl. base/http_download.h has
// downloads that go on after interruptions, base/http.h the shortest ways to a document.
//
// What holds for every request:
//   TLS 1.2 or later, certificate and name always checked; no option turns that off. http:// for
//   this machine only, or with `allow_http`; never after https://.
//   No cookies, no .netrc, no compression (an answer that is encoded anyway is refused), no user
//   names in addresses.
//   Redirects are followed here, 5 at most. `authorization` and all headers but Accept, Range and
//   conditions go to the origin of the first address only. Where data is sent, only a redirect
//   (307, 308) within that origin is followed.
//   After a redirect from a server on the internet, addresses of this machine and of private
//   networks are refused, unless it is the host that the caller named.
//   256 header lines of 16 KiB, 256 KiB in all. Less than 100 bytes per second for
//   `silence_seconds`: given up.
//   Addresses are printed without their query.
// Proxies are taken from the environment, as libcurl does; behind one, only hosts that are written
// as numbers can be checked for private networks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace mlc {

struct HttpPolicy {
  bool allow_http = false;                  // also for other hosts than this machine
  std::string ca_file;                      // PEM, besides the system's; empty: $MLC_CA_FILE
  long silence_seconds = 10;                // without progress: given up
  const std::atomic<bool>* stop = nullptr;  // set: transfers end with Error(kNetwork) "stopped"
};

// $MLC_NETWORK_TIMEOUT, seconds of silence; 10 without it. Error(kUsage) for what is no number.
long network_timeout();

class HttpHeaders {
 public:
  void add(std::string name, std::string value);  // the name in lower case
  // The first of this name (in lower case); empty when there is none.
  const std::string& get(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& lines() const { return lines_; }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

// What is sent. `read` fills as much of `out` as it can from `offset`, and may be asked again.
struct HttpBody {
  std::uint64_t size = 0;
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> read;
};
HttpBody http_body(std::string_view text);  // which must outlive the request

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  Secret authorization = {};  // the value of Authorization
  HttpHeaders headers = {};
  std::optional<HttpBody> body = {};
  bool follow = true;                               // else a redirect is an answer
  std::uint64_t max_body = std::uint64_t{4} << 20;  // of an answer kept in memory
  long silence_seconds = 0;                         // instead of the policy's, where servers work
};

struct HttpAnswer {
  long status = 0;
  HttpHeaders headers;
  std::string body;  // in memory; cut after max_body for a status that is not 2xx
  std::string url;   // after redirects
  bool ok() const { return status >= 200 && status < 300; }
};

// Where a large body goes. accept() sees status and headers before the first byte of the body: if
// it says no, the body goes into memory as if there were no sink. Both may throw.
struct HttpSink {
  std::function<bool(const HttpAnswer& head)> accept;
  std::function<void(std::span<const std::byte> block)> write;
};

// The server could not be reached, or the answer was cut short or broke the rules above.
struct HttpTransportError : Error {
  HttpTransportError(bool may_pass, const std::string& message, bool not_tls = false)
      : Error(ExitCode::kNetwork, message), passing(may_pass), no_tls(not_tls) {}
  bool passing;  // trying again may help
  bool no_tls;   // what answers does not speak TLS
};
// The server answered with a status that is not what was needed.
struct HttpStatusError : Error {
  HttpStatusError(long code, const std::string& message)
      : Error(ExitCode::kNetwork, message), status(code) {}
  long status;
};

// Keeps connections open between requests. For one thread at a time, and for requests that belong
// to one server of the caller's choice (what it redirects to included).
class HttpClient {
 public:
  explicit HttpClient(HttpPolicy policy);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Any status is an answer. HttpTransportError; what a sink throws; Cancelled.
  HttpAnswer exchange(const HttpRequest& request, const HttpSink* sink = nullptr);
  const HttpPolicy& policy() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// HttpStatusError "URL: the server answered 404 (not found)"; `hint` is appended to 401 and 403.
[[noreturn]] void refuse_status(const std::string& url, const HttpAnswer& answer,
                                std::string_view hint = {});

}  // namespace mlc
