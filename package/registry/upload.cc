#include "package/registry/upload.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/http_retry.h"
#include "base/http_url.h"

namespace mlc {
namespace {

// Of larger blobs. MLC's shards of 32 MB go whole: docker-registry 2.8 drops an upload that was
// interrupted within a part, so that smaller parts would cost round trips and save nothing there.
constexpr std::uint64_t kPart = std::uint64_t{64} << 20;
constexpr unsigned kMaxRestarts = 5;
// Registries hash, and copy to where they keep blobs, before they answer.
constexpr long kWorkSeconds = 600;

class Upload {
 public:
  Upload(RegistryClient& client, const UploadSource& source,
         const std::function<void(std::uint64_t)>& advance)
      : client_(client), source_(source), advance_(advance) {}

  Uploaded run(const std::string& mount_from);

 private:
  enum class Step { kDone, kGoOn, kAnew };
  bool begin(const std::string& mount_from);  // true: mounted
  Step send_part();
  Step handle(const HttpRequest& request, const HttpAnswer& answer, bool last);
  Step after_failure(const std::string& why, std::optional<std::int64_t> retry_after);
  Step ask_how_far();
  void anew(const std::string& why);

  RegistryClient& client_;
  const UploadSource& source_;
  const std::function<void(std::uint64_t)>& advance_;
  Backoff backoff_;
  std::string url_;
  std::uint64_t sent_ = 0, highest_ = 0, seen_ = 0;
  unsigned restarts_ = 0;
  bool renewed_ = false;
  bool interrupted_ = false;  // this upload
  std::string why_;           // the last failure
};

bool Upload::begin(const std::string& mount_from) {
  HttpRequest request;
  request.method = "POST";
  request.url = client_.url("/blobs/uploads/");
  if (!mount_from.empty())
    request.url += fmt::format("?mount={}&from={}", source_.blob.digest.text(), mount_from);
  request.body = http_body("");
  request.follow = false;
  HttpAnswer answer = client_.send(request);
  if (answer.status == 201 && !mount_from.empty()) return true;
  if (answer.status != 202) client_.refuse(request, answer, {});
  url_ = client_.upload_url(request, answer);
  sent_ = 0;
  interrupted_ = false;
  return false;
}

Upload::Step Upload::send_part() {
  const std::uint64_t size = source_.blob.size;
  const std::uint64_t part = std::min(kPart, size - sent_);
  const bool last = sent_ == size || (sent_ == 0 && size <= kPart);
  HttpRequest request;
  request.method = last ? "PUT" : "PATCH";
  request.url = url_;
  // The address is the registry's own and kept as it is; the digest joins its query.
  if (last)
    request.url += fmt::format("{}digest={}", url_.find('?') == std::string::npos ? '?' : '&',
                               source_.blob.digest.text());
  request.authorization = client_.session().auth->header();
  request.follow = false;
  request.silence_seconds = kWorkSeconds;
  request.headers.add("Content-Type", "application/octet-stream");
  if (!last || sent_ > 0)
    if (part > 0)
      request.headers.add("Content-Range", fmt::format("{}-{}", sent_, sent_ + part - 1));
  const std::uint64_t from = sent_;
  request.body = HttpBody{part, [&, from](std::uint64_t offset, std::span<std::byte> out) {
                            source_.read(from + offset, out);
                            std::uint64_t at = from + offset + out.size();
                            if (at > highest_) {
                              if (advance_) advance_(at - highest_);
                              highest_ = at;
                            }
                          }};
  try {
    return handle(request, client_.http().exchange(request), last);
  } catch (const HttpTransportError& error) {
    if (!error.passing) throw;
    return after_failure(error.what(), {});
  }
}

Upload::Step Upload::handle(const HttpRequest& request, const HttpAnswer& answer, bool last) {
  if (answer.status == 401 && !renewed_) {
    renewed_ = true;
    if (client_.session().auth->renew(client_.http(), answer, request.authorization))
      return ask_how_far();
  }
  if (is_passing_status(answer.status))
    return after_failure(
        fmt::format("{}: the server answered {}", shown_url(request.url), answer.status),
        parse_retry_after(answer.headers.get("retry-after"), std::time(nullptr)));
  if (last && answer.ok()) return Step::kDone;
  if (!last && answer.ok()) {
    url_ = client_.upload_url(request, answer);
    std::uint64_t asked = sent_ + request.body->size;
    std::uint64_t there = parse_upload_range(answer.headers.get("range")).value_or(asked);
    if (there > asked) return Step::kAnew;
    sent_ = there;
    renewed_ = false;
    return Step::kGoOn;
  }
  if (answer.status == 416) return ask_how_far();
  if (answer.status == 404) return Step::kAnew;
  if (answer.status == 400) {
    source_.check();
    // What was sent twice by accident is no reason to give up.
    if (interrupted_) return Step::kAnew;
  }
  client_.refuse(request, answer, "no tag was moved");
}

Upload::Step Upload::after_failure(const std::string& why,
                                   std::optional<std::int64_t> retry_after) {
  interrupted_ = true;
  why_ = why;
  RegistrySession& session = client_.session();
  if (!backoff_.wait(retry_after, &session.stop))
    fail(ExitCode::kNetwork, "{}; gave up on {} after {} tries without progress; no tag was moved",
         why, source_.blob.digest.text(), backoff_.failed());
  return ask_how_far();
}

Upload::Step Upload::ask_how_far() {
  HttpRequest request;
  request.url = url_;
  request.follow = false;
  HttpAnswer answer = client_.send(request);
  if (answer.status == 404) return client_.has_blob(source_.blob) ? Step::kDone : Step::kAnew;
  std::optional<std::uint64_t> there = parse_upload_range(answer.headers.get("range"));
  // Not all registries tell.
  if (!answer.ok() || !there || *there > source_.blob.size) return Step::kAnew;
  if (!answer.headers.get("location").empty()) url_ = client_.upload_url(request, answer);
  sent_ = *there;
  if (sent_ > seen_) {
    seen_ = sent_;
    backoff_.progress();
    renewed_ = false;
  }
  return Step::kGoOn;
}

void Upload::anew(const std::string& why) {
  if (++restarts_ > kMaxRestarts)
    fail(ExitCode::kNetwork, "{}: {}; sent {} times, and given up; no tag was moved",
         source_.blob.digest.text(), why.empty() ? "the registry forgot the upload" : why,
         kMaxRestarts);
}

Uploaded Upload::run(const std::string& mount_from) {
  if (begin(mount_from)) return Uploaded::kMounted;
  for (;;) {
    Step step = send_part();
    if (step == Step::kDone) break;
    if (step == Step::kAnew) {
      anew(why_);
      begin({});
    }
  }
  return Uploaded::kSent;
}

}  // namespace

std::optional<std::uint64_t> parse_upload_range(std::string_view text) {
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  if (!text.starts_with("0-")) return std::nullopt;
  text.remove_prefix(2);
  std::uint64_t last = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last);
  if (error != std::errc() || end != text.data() + text.size() || last == UINT64_MAX)
    return std::nullopt;
  return last == 0 ? 0 : last + 1;
}

Uploaded upload_blob(RegistryClient& client, const UploadSource& source,
                     const std::string& mount_from,
                     const std::function<void(std::uint64_t)>& advance) {
  Uploaded how = Upload(client, source, advance).run(mount_from);
  if (!client.has_blob(source.blob))
    fail(ExitCode::kNetwork, "{}: the registry accepted {} and does not have it; no tag was moved",
         client.session().reference.text(), source.blob.digest.text());
  return how;
}

}  // namespace mlc
