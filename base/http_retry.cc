#include "base/http_retry.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>

#include <curl/curl.h>

#include "base/parallel.h"

namespace mlc {
namespace {

constexpr std::uint64_t kBaseMs = 500;
constexpr std::uint64_t kMaxMs = 30'000;
constexpr std::int64_t kMaxAfter = 300;

std::uint64_t base_ms() {
  const char* text = std::getenv("MLC_RETRY_BASE_MS");
  if (!text || !*text) return kBaseMs;
  std::string_view view(text);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value > kMaxMs)
    fail(ExitCode::kUsage, "MLC_RETRY_BASE_MS={}: expected milliseconds, at most {}",
         printable(view), kMaxMs);
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now) {
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    return error == std::errc() ? seconds : INT64_MAX;
  }
  if (text.size() > 64) return std::nullopt;
  std::time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date == -1) return std::nullopt;
  return std::max<std::int64_t>(0, date - now);
}

bool is_passing_status(long status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
         status == 503 || status == 504;
}

Backoff::Backoff(unsigned tries, std::uint64_t seed)
    : tries_(tries), base_ms_(base_ms()), random_(seed ? seed : std::random_device()()) {}

std::uint64_t Backoff::next_ms(std::optional<std::int64_t> retry_after) {
  if (retry_after) {
    std::uint64_t ms = static_cast<std::uint64_t>(std::min(*retry_after, kMaxAfter)) * 1000;
    return ms / kBaseMs * std::min(base_ms_, kBaseMs);
  }
  std::uint64_t whole = std::min(base_ms_ << std::min(failed_ ? failed_ - 1 : 0, 16u), kMaxMs);
  // xorshift64: neither speed nor secrecy matters here.
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return whole / 2 + (whole > 1 ? random_ % (whole / 2 + 1) : 0);
}

bool Backoff::wait(std::optional<std::int64_t> retry_after, const std::atomic<bool>* stop) {
  if (++failed_ >= tries_ || (retry_after && *retry_after > kMaxAfter)) return false;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(next_ms(retry_after));
  for (;;) {
    throw_if_cancelled();
    if (stop && *stop) return false;
    auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now()).count();
    if (left <= 0) return true;
    timespec pause{0, std::min<long>(left, 50'000'000)};
    nanosleep(&pause, nullptr);
  }
}

HttpAnswer exchange_again(HttpClient& client, const HttpRequest& request, unsigned tries,
                          const HttpSink* sink) {
  Backoff backoff(tries);
  for (;;) {
    std::optional<std::int64_t> after;
    try {
      HttpAnswer answer = client.exchange(request, sink);
      if (!is_passing_status(answer.status)) return answer;
      after = parse_retry_after(answer.headers.get("retry-after"), std::time(nullptr));
      if (!backoff.wait(after, client.policy().stop)) return answer;
    } catch (const HttpTransportError& error) {
      if (!error.passing) throw;
      if (!backoff.wait(std::nullopt, client.policy().stop))
        throw HttpTransportError(false, fmt::format("{}, {} times", error.what(), tries));
    }
  }
}

}  // namespace mlc
