#include "package/registry/client.h"

#include <algorithm>
#include <charconv>

#include "base/http_retry.h"
#include "base/http_url.h"
#include "base/json.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxErrorText = 300;
constexpr std::size_t kMaxReferrers = 256;
constexpr int kMaxReferrerPages = 16;

// Hosts that are known by another name.
struct HostName {
  std::string_view known_as, host;
};
constexpr HostName kHosts[] = {{"docker.io", "registry-1.docker.io"},
                               {"index.docker.io", "registry-1.docker.io"}};

// Registries say what is wrong as {"errors":[{"code":...,"message":...}]}.
std::string registry_errors(const HttpAnswer& answer) {
  try {
    Json body = parse_json(answer.body, "errors");
    std::string out;
    if (const Json* errors = body.find("errors"))
      for (const Json& error : errors->items("errors")) {
        std::string text;
        for (const char* key : {"code", "message"})
          if (const Json* part = error.find(key); part && part->is_string())
            text += (text.empty() ? "" : ": ") + part->as_string(key);
        out += (out.empty() ? "" : "; ") + text;
      }
    return printable(out, kMaxErrorText);
  } catch (const Error&) {
    return {};
  }
}

// Does a server at this address speak HTTP, HTTPS, or is it not there?
enum class Speaks { kThis, kOther, kUnknown };
Speaks probe(HttpClient& client, const std::string& origin) {
  HttpRequest request;
  request.url = origin + "/v2/";
  request.follow = false;
  request.silence_seconds = 3;
  try {
    // TLS servers answer 400 to plain HTTP.
    return client.exchange(request).status == 400 ? Speaks::kOther : Speaks::kThis;
  } catch (const HttpTransportError& error) {
    if (error.no_tls) return Speaks::kOther;
    return error.passing ? Speaks::kUnknown : Speaks::kThis;
  }
}

std::string find_origin(const std::string& host, const HttpPolicy& policy) {
  std::string plain = "http://" + host, tls = "https://" + host;
  const bool here = is_this_machine(plain);
  if (!here && !policy.allow_http) return tls;
  HttpClient client(policy);
  // For another machine TLS comes first: whoever sits between could claim that there is none.
  const std::string& first = here ? plain : tls;
  const std::string& second = here ? tls : plain;
  Speaks found = probe(client, first);
  if (found == Speaks::kUnknown && probe(client, second) == Speaks::kThis) return second;
  return found == Speaks::kOther ? second : first;
}

}  // namespace

std::shared_ptr<RegistrySession> open_registry(const RegistryReference& reference,
                                               const RegistryOptions& options, bool writes,
                                               const std::string& mount_from) {
  auto session = std::make_shared<RegistrySession>();
  session->reference = reference;
  session->host = reference.host;
  for (const HostName& row : kHosts)
    if (row.known_as == reference.host) session->host = row.host;
  session->policy.allow_http = options.allow_http;
  session->policy.ca_file = options.ca_file;
  session->policy.silence_seconds = network_timeout();
  session->policy.stop = &session->stop;
  session->origin = find_origin(session->host, session->policy);
  std::vector<std::string> scopes = {
      fmt::format("repository:{}:pull{}", reference.repository, writes ? ",push" : "")};
  if (!mount_from.empty()) scopes.push_back(fmt::format("repository:{}:pull", mount_from));
  session->auth = std::make_unique<RegistryAuth>(session->host, session->origin, std::move(scopes),
                                                 options.token_hosts);
  return session;
}

RegistryClient::RegistryClient(std::shared_ptr<RegistrySession> session)
    : session_(std::move(session)), http_(session_->policy) {}

std::string RegistryClient::url(std::string_view rest) const {
  return fmt::format("{}/v2/{}{}", session_->origin, session_->reference.repository, rest);
}

HttpAnswer RegistryClient::send(HttpRequest request) {
  const bool ours = http_origin(request.url) == session_->origin;
  for (bool renewed = false;; renewed = true) {
    if (ours) request.authorization = session_->auth->header();
    HttpAnswer answer = exchange_again(http_, request);
    if (answer.status != 401 || renewed || !ours ||
        !session_->auth->renew(http_, answer, request.authorization))
      return answer;
  }
}

void RegistryClient::refuse(const HttpRequest& request, const HttpAnswer& answer,
                            std::string_view doing) const {
  std::string why = registry_errors(answer);
  try {
    refuse_status(request.url, answer, session_->auth->hint());
  } catch (const HttpStatusError& error) {
    throw HttpStatusError(error.status,
                          fmt::format("{}{}{}{}{}", error.what(), why.empty() ? "" : ": ", why,
                                      doing.empty() ? "" : "; ", doing));
  }
}

std::optional<RemoteManifest> RegistryClient::manifest(const std::string& target) {
  HttpRequest request;
  request.url = url("/manifests/" + target);
  request.headers.add("Accept", fmt::format("{}, {}", kManifestType, kIndexType));
  request.max_body = 2 * kMaxManifest;
  HttpAnswer answer = send(request);
  if (answer.status == 404) return std::nullopt;
  if (answer.status != 200) refuse(request, answer, {});
  const std::string where =
      fmt::format("{}/{} manifest {}", session_->host, session_->reference.repository, target);
  if (answer.body.size() > kMaxManifest)
    bad_input("{}: has {} bytes, expected at most {}", where, answer.body.size(), kMaxManifest);
  RemoteManifest out;
  out.digest = Digest::of(answer.body);
  if (const std::string& stated = answer.headers.get("docker-content-digest"); !stated.empty())
    if (Digest::parse(stated, where + ": Docker-Content-Digest") != out.digest)
      fail(ExitCode::kVerify, "{}: its SHA-256 is {}, the registry states {}", where,
           out.digest.text(), printable(stated));
  if (target.starts_with("sha256:") && target != out.digest.text())
    fail(ExitCode::kVerify, "{}: its SHA-256 is {}", where, out.digest.text());
  std::string stated_type = answer.headers.get("content-type");
  stated_type.resize(std::min(stated_type.find_first_of("; "), stated_type.size()));
  Json document = parse_json(answer.body, where);
  const Json* type = document.find("mediaType");
  out.media_type = type ? type->as_string(where + ": mediaType") : stated_type;
  if (type && !stated_type.empty() && stated_type != out.media_type)
    bad_input("{}: mediaType is '{}', the registry states '{}'", where, printable(out.media_type),
              printable(stated_type));
  if (out.media_type != kManifestType && out.media_type != kIndexType)
    bad_input("{}: mediaType is '{}', expected '{}'", where, printable(out.media_type),
              kManifestType);
  out.bytes = std::move(answer.body);
  return out;
}

bool RegistryClient::has_blob(const Descriptor& blob) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url("/blobs/" + blob.digest.text());
  HttpAnswer answer = send(request);
  if (answer.status == 404) return false;
  if (answer.status != 200) refuse(request, answer, {});
  const std::string& length = answer.headers.get("content-length");
  if (!length.empty() && length != std::to_string(blob.size))
    fail(ExitCode::kVerify, "{}: the registry has it with {} bytes, expected {}",
         blob.digest.text(), printable(length), blob.size);
  return true;
}

bool RegistryClient::has_manifest(const std::string& target, const Digest& digest) {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url("/manifests/" + target);
  request.headers.add("Accept", fmt::format("{}, {}", kManifestType, kIndexType));
  HttpAnswer answer = send(request);
  if (answer.status == 404) return false;
  if (answer.status != 200) refuse(request, answer, {});
  const std::string& stated = answer.headers.get("docker-content-digest");
  // The header is no must; then the bytes say it.
  if (!stated.empty()) return stated == digest.text();
  std::optional<RemoteManifest> found = manifest(target);
  return found && found->digest == digest;
}

void RegistryClient::download_blob(const Descriptor& blob, DownloadTarget& target,
                                   const std::function<void(std::uint64_t)>& advance) {
  Download what;
  what.request.url = url("/blobs/" + blob.digest.text());
  what.request.authorization = session_->auth->header();
  what.name =
      fmt::format("{}/{} {}", session_->host, session_->reference.repository, blob.digest.text());
  what.size = blob.size;
  what.hint = session_->auth->hint();
  what.advance = advance;
  what.authorize = [this](HttpRequest& request, const HttpAnswer& answer) {
    if (answer.status != 401 || !session_->auth->renew(http_, answer, request.authorization))
      return false;
    request.authorization = session_->auth->header();
    return true;
  };
  download(http_, std::move(what), target);
}

std::string RegistryClient::read_blob(const Descriptor& blob, std::uint64_t max_bytes) {
  struct Text : DownloadTarget {
    std::string bytes;
    std::uint64_t size() const override { return bytes.size(); }
    void write(std::span<const std::byte> block) override {
      for (std::byte b : block)
        bytes.push_back(static_cast<char>(b));
    }
    void restart() override { bytes.clear(); }
  } text;
  if (blob.size > max_bytes)
    bad_input("{}: has {} bytes, expected at most {}", blob.digest.text(), blob.size, max_bytes);
  download_blob(blob, text, {});
  if (Digest found = Digest::of(text.bytes); found != blob.digest)
    fail(ExitCode::kVerify, "{}: the registry sent bytes whose SHA-256 is {}", blob.digest.text(),
         found.text());
  return std::move(text.bytes);
}

std::vector<Descriptor> RegistryClient::referrers(const Digest& subject) {
  std::vector<Descriptor> out;
  auto add = [&](const Index& index) {
    for (const Descriptor& entry : index.manifests)
      if (std::none_of(out.begin(), out.end(),
                       [&](const Descriptor& old) { return old.digest == entry.digest; }))
        out.push_back(entry);
    if (out.size() > kMaxReferrers)
      bad_input("{}/{}: more than {} manifests refer to {}", session_->host,
                session_->reference.repository, kMaxReferrers, subject.text());
  };
  HttpRequest request;
  request.url = url("/referrers/" + subject.text());
  request.headers.add("Accept", std::string(kIndexType));
  for (int page = 0; page < kMaxReferrerPages; page++) {
    HttpAnswer answer = send(request);
    // 404 (and of some, 400 or 405): an older registry, where a tag stands for the list.
    if (answer.status == 404 || answer.status == 400 || answer.status == 405) {
      std::optional<RemoteManifest> list = manifest("sha256-" + subject.hex());
      if (list && list->media_type == kIndexType)
        add(parse_index(list->bytes, "referrers of " + subject.text()));
      return out;
    }
    if (answer.status != 200) refuse(request, answer, {});
    add(parse_index(answer.body, "referrers of " + subject.text()));
    // Link: </v2/...?n=..&last=..>; rel="next"
    const std::string& link = answer.headers.get("link");
    std::size_t begin = link.find('<'), end = link.find('>');
    if (begin == std::string::npos || end == std::string::npos || end < begin ||
        link.find("rel=\"next\"", end) == std::string::npos)
      return out;
    std::string next = resolve_url(request.url, link.substr(begin + 1, end - begin - 1));
    if (http_origin(next) != session_->origin)
      fail(ExitCode::kNetwork, "{}: its list goes on at another server", shown_url(request.url));
    request.url = next;
  }
  bad_input("{}/{}: the list of what refers to {} does not end", session_->host,
            session_->reference.repository, subject.text());
}

std::string RegistryClient::upload_url(const HttpRequest& request, const HttpAnswer& answer) const {
  const std::string& location = answer.headers.get("location");
  std::string out = resolve_url(request.url, location);
  if (out.empty())
    fail(ExitCode::kNetwork, "{}: the registry does not say where to send the data",
         shown_url(request.url));
  if (http_origin(out) != session_->origin)
    fail(ExitCode::kNetwork,
         "{}: the registry wants the data to be sent to {}; only the registry itself gets any "
         "(behind a proxy it needs to know its own address)",
         shown_url(request.url), printable(http_origin(out)));
  return out;
}

}  // namespace mlc
