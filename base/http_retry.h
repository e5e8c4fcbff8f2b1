// When to ask a server again, and after how long.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_exchange.h"

namespace mlc {

// Seconds to wait by a Retry-After header: a number or an HTTP date; none when it is neither.
// `now` in seconds since 1970.
std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now);

// Statuses that may be gone later: 408, 425, 429, 500, 502, 503, 504.
bool is_passing_status(long status);

// Waits that double from $MLC_RETRY_BASE_MS (500) to 30 s, each a random part between a half and
// the whole, so that many clients don't come back at once. A server's own wish counts instead; one
// of more than 300 s is not waited for. (MLC_RETRY_BASE_MS below 500 shortens wishes in
// proportion.)
class Backoff {
 public:
  // `tries` without progress, then no more.
  explicit Backoff(unsigned tries = 5, std::uint64_t seed = 0);
  // Waits before another try; false (at once) when there is none left. Cancelled, and false when
  // `stop` is set.
  bool wait(std::optional<std::int64_t> retry_after = {}, const std::atomic<bool>* stop = nullptr);
  void progress() { failed_ = 0; }
  unsigned failed() const { return failed_; }
  // The next wait in milliseconds, as wait() would take it.
  std::uint64_t next_ms(std::optional<std::int64_t> retry_after);

 private:
  unsigned tries_, failed_ = 0;
  std::uint64_t base_ms_, random_;
};

// Sends until there is an answer that will stay: transport errors and passing statuses are tried
// again. For requests that may be repeated. The last answer is given whatever its status;
// `tries` of transport errors end with the last, which says how many there were.
HttpAnswer exchange_again(HttpClient& client, const HttpRequest& request, unsigned tries = 5,
                          const HttpSink* sink = nullptr);

}  // namespace mlc
