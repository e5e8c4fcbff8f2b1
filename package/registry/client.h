// One repository of a registry: the requests of the distribution specification that push and pull
// are made of. Names, digests and addresses in replies are checked here.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_download.h"
#include "base/http_exchange.h"
#include "package/oci/manifest.h"
#include "package/registry/auth.h"
#include "package/registry/reference.h"
#include "package/registry/registry.h"

namespace mlc {

// What all threads share.
struct RegistrySession {
  RegistryReference reference;
  std::string host;    // that is asked: docker.io is served by another
  std::string origin;  // "https://host:port"
  HttpPolicy policy;
  std::unique_ptr<RegistryAuth> auth;
  std::atomic<bool> stop = false;  // a thread failed: the others end too
};
// Finds out whether the registry speaks TLS (only for this machine, or with allow_http, may it
// not), without credentials.
std::shared_ptr<RegistrySession> open_registry(const RegistryReference& reference,
                                               const RegistryOptions& options, bool writes,
                                               const std::string& mount_from = {});

struct RemoteManifest {
  std::string bytes;
  std::string media_type;
  Digest digest;
};

// For one thread.
class RegistryClient {
 public:
  explicit RegistryClient(std::shared_ptr<RegistrySession> session);

  // With credentials, renewed once after a 401, and tried again where trying again may help.
  HttpAnswer send(HttpRequest request);
  // Error(kNetwork) with what the registry says about it.
  [[noreturn]] void refuse(const HttpRequest& request, const HttpAnswer& answer,
                           std::string_view doing) const;

  // By tag or digest. Error(kVerify) when the bytes have another digest than the one asked for or
  // stated; kBadInput when they are too many, or of another type than stated. None: 404.
  std::optional<RemoteManifest> manifest(const std::string& target);
  bool has_blob(const Descriptor& blob);
  bool has_manifest(const std::string& target, const Digest& digest);
  // A small blob, checked.
  std::string read_blob(const Descriptor& blob, std::uint64_t max_bytes);
  void download_blob(const Descriptor& blob, DownloadTarget& target,
                     const std::function<void(std::uint64_t)>& advance);
  // Manifests that refer to this one, by the API or by the tag that stands for it.
  std::vector<Descriptor> referrers(const Digest& subject);

  // "/v2/REPOSITORY" and what follows.
  std::string url(std::string_view rest) const;
  // Of a Location header; Error(kNetwork) when it leaves the registry.
  std::string upload_url(const HttpRequest& request, const HttpAnswer& answer) const;
  RegistrySession& session() { return *session_; }
  HttpClient& http() { return http_; }

 private:
  std::shared_ptr<RegistrySession> session_;
  HttpClient http_;
};

}  // namespace mlc
