#include "base/http_download.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/http_retry.h"
#include "base/http_url.h"

namespace mlc {
namespace {

constexpr std::uint64_t kProgress = 64 * 1024;
constexpr unsigned kMaxRestarts = 5;

// Ends a try, and another may help.
struct TryAgain {
  std::string why;
  bool anew = false;
};

bool is_strong(std::string_view etag) { return etag.size() > 2 && etag.starts_with('"'); }

class Transfer {
 public:
  Transfer(HttpClient& client, Download what, DownloadTarget& target)
      : client_(client), what_(std::move(what)), target_(target), highest_(target.size()) {
    if (what_.name.empty()) what_.name = shown_url(what_.request.url);
  }
  DownloadResult run();

 private:
  bool accept(const HttpAnswer& answer);
  void take(std::span<const std::byte> block);
  void once();
  void check_etag(const HttpAnswer& answer);
  void set_total(std::uint64_t total);
  void restart(const std::string& why);
  [[noreturn]] void network(const std::string& why) const {
    fail(ExitCode::kNetwork, "{}: {}", what_.name, why);
  }
  bool complete() const { return total_ && target_.size() == *total_ && answered_; }

  HttpClient& client_;
  Download what_;
  DownloadTarget& target_;
  DownloadResult result_;
  std::optional<std::uint64_t> total_;
  std::string etag_;       // of the bytes that are there
  std::uint64_t highest_;  // bytes that have been there once
  std::uint64_t asked_ = 0;
  unsigned restarts_ = 0;
  bool answered_ = false;
  bool authorized_ = false;  // since the last progress
};

void Transfer::restart(const std::string& why) {
  if (++restarts_ > kMaxRestarts)
    network(fmt::format("{}; began anew {} times, and gives up", why, kMaxRestarts));
  target_.restart();
  etag_.clear();
  total_ = what_.size;
}

void Transfer::check_etag(const HttpAnswer& answer) {
  const std::string& etag = answer.headers.get("etag");
  if (!what_.etag.empty() && is_strong(etag) && etag != what_.etag)
    network(fmt::format("the file changed while it was downloaded: its ETag is {}, expected {}",
                        printable(etag), printable(what_.etag)));
  if (asked_ > 0 && is_strong(etag_) && is_strong(etag) && etag != etag_)
    throw TryAgain{"the file changed while it was downloaded", true};
  if (is_strong(etag)) etag_ = etag;
}

void Transfer::set_total(std::uint64_t total) {
  if (what_.size && total != *what_.size)
    fail(ExitCode::kVerify, "{}: the server has {} bytes, expected {}", what_.name, total,
         *what_.size);
  if (asked_ > 0 && total_ && total != *total_)
    throw TryAgain{fmt::format("the file has {} bytes now, it had {}", total, *total_), true};
  total_ = total;
}

bool Transfer::accept(const HttpAnswer& answer) {
  if (answer.status != 200 && answer.status != 206) return false;
  check_etag(answer);
  if (answer.status == 206) {
    std::optional<ContentRange> range = parse_content_range(answer.headers.get("content-range"));
    if (!range || asked_ == 0 || range->begin != asked_)
      network(fmt::format("asked for bytes from {}, the server sent \"{}\"", asked_,
                          printable(answer.headers.get("content-range"))));
    if (range->total) set_total(*range->total);
  } else {
    if (asked_ > 0) {
      // This answer is taken as the beginning.
      std::string etag = etag_;
      restart("the server ignores ranges");
      etag_ = etag;
      asked_ = 0;
    }
    const std::string& length = answer.headers.get("content-length");
    std::uint64_t total = 0;
    auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), total);
    if (!length.empty() && error == std::errc() && end == length.data() + length.size())
      set_total(total);
  }
  answered_ = true;
  return true;
}

void Transfer::take(std::span<const std::byte> block) {
  result_.received += block.size();
  std::uint64_t room = total_ ? *total_ - target_.size() : UINT64_MAX;
  if (block.size() > room)
    fail(what_.size ? ExitCode::kVerify : ExitCode::kNetwork,
         "{}: the server sends more than the {} bytes that are expected", what_.name, *total_);
  target_.write(block);
  std::uint64_t size = target_.size();
  if (size > highest_) {
    if (what_.advance) what_.advance(size - highest_);
    highest_ = size;
  }
}

void Transfer::once() {
  asked_ = target_.size();
  result_.tries++;
  HttpRequest request = what_.request;
  if (asked_ > 0) {
    request.headers.add("Range", fmt::format("bytes={}-", asked_));
    if (is_strong(etag_)) request.headers.add("If-Range", etag_);
  }
  HttpSink sink{[this](const HttpAnswer& head) { return accept(head); },
                [this](std::span<const std::byte> block) { take(block); }};
  HttpAnswer answer = client_.exchange(request, &sink);
  result_.headers = answer.headers;
  if (answer.status == 416 && asked_ > 0)
    throw TryAgain{fmt::format("the server has no bytes from {} on", asked_), true};
  if ((answer.status == 401 || answer.status == 403) && what_.authorize && !authorized_) {
    authorized_ = true;
    if (what_.authorize(what_.request, answer)) return;
  }
  if (answer.status != 200 && answer.status != 206)
    refuse_status(what_.request.url, answer, what_.hint);
  if (total_ && target_.size() < *total_)
    throw TryAgain{fmt::format("the server sent {} of {} bytes", target_.size(), *total_), false};
  if (!total_) total_ = target_.size();
}

DownloadResult Transfer::run() {
  total_ = what_.size;
  if (total_ && target_.size() > *total_) target_.restart();
  answered_ = total_ && target_.size() == *total_ && *total_ > 0;
  Backoff backoff;
  while (!complete()) {
    const std::uint64_t before = highest_;  // NOLINT(clang-analyzer-deadcode.DeadStores)
    std::optional<std::int64_t> after;
    std::string why;
    long status = 0;
    try {
      once();
      continue;
    } catch (const TryAgain& again) {
      why = again.why;
      if (again.anew) restart(why);
    } catch (const HttpTransportError& error) {
      if (!error.passing) throw;
      why = error.what();
    } catch (const HttpStatusError& error) {
      if (!is_passing_status(error.status)) throw;
      status = error.status;
      why = error.what();
      after = parse_retry_after(result_.headers.get("retry-after"), std::time(nullptr));
    }
    if (highest_ >= before + kProgress) {
      backoff.progress();
      authorized_ = false;
    }
    if (!backoff.wait(after, client_.policy().stop)) {
      std::string end = after && *after > 300
                            ? fmt::format("it asks to come again in {} seconds", *after)
                            : fmt::format("gave up after {} tries", result_.tries);
      if (status != 0) throw HttpStatusError(status, fmt::format("{}; {}", why, end));
      network(fmt::format("{}; {}", why, end));
    }
    if (what_.note) what_.note(fmt::format("{}: {}; trying again", what_.name, why));
  }
  result_.size = target_.size();
  return std::move(result_);
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
  auto number = [&](char end, std::uint64_t& value) {
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (end == '\0') return text.empty();
    if (!text.starts_with(end)) return false;
    text.remove_prefix(1);
    return true;
  };
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  ContentRange range;
  std::uint64_t last = 0, total = 0;
  if (!number('-', range.begin) || !number('/', last) || last == UINT64_MAX) return std::nullopt;
  range.end = last + 1;
  if (range.begin > last) return std::nullopt;
  if (text == "*") return range;
  if (!number('\0', total) || last >= total) return std::nullopt;
  range.total = total;
  return range;
}

DownloadResult download(HttpClient& client, Download what, DownloadTarget& target) {
  return Transfer(client, std::move(what), target).run();
}

}  // namespace mlc
