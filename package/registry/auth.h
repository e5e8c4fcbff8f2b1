// Who we are to a registry: Basic credentials, or a bearer token that they are exchanged for.
//
// Nothing is sent before a registry asks. Credentials go to the registry itself and to the token
// server that it names only if that is the registry's own host and port, one of a short table of
// public registries, or was allowed by name: otherwise any registry could send them anywhere
// (CVE-2025-51471).
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http_exchange.h"
#include "base/secret.h"

namespace mlc {

struct AuthChallenge {
  std::string scheme;                                           // lower case: "basic", "bearer"
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case
  const std::string& get(std::string_view name) const;          // empty: absent
};
// Of one WWW-Authenticate line; what can't be read is left out.
std::vector<AuthChallenge> parse_challenges(std::string_view header);

struct RegistryCredentials {
  std::string user;
  Secret password;
  std::string from;  // where they are from, for messages; empty: there are none
};
// MLC_REGISTRY_USER and MLC_REGISTRY_PASSWORD, else `auths` of Docker's config.json for this host.
// Error(kBadInput) for a config.json that is broken, kUsage for half a pair of variables.
RegistryCredentials find_credentials(const std::string& host);

class RegistryAuth {
 public:
  // `origin` of the registry; `scopes` as token servers want them: "repository:NAME:pull".
  RegistryAuth(std::string host, std::string origin, std::vector<std::string> scopes,
               std::vector<std::string> token_hosts);

  // For requests to the registry's origin; empty: none is needed so far. Thread-safe, as is
  // renew().
  Secret header() const;
  // After a 401 to a request that had `used`: true when there is something else to try.
  bool renew(HttpClient& client, const HttpAnswer& answer, const Secret& used);
  // What to do about a 401 or 403.
  std::string hint() const;

 private:
  Secret fetch_token(HttpClient& client, const AuthChallenge& challenge) const;
  void check_realm(const std::string& realm) const;

  std::string host_, origin_;
  std::vector<std::string> scopes_, token_hosts_;
  RegistryCredentials credentials_;
  mutable std::mutex mutex_;
  Secret header_;
};

}  // namespace mlc
