#include "package/registry/auth.h"

#include <algorithm>
#include <cstdlib>

#include <sys/stat.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/http_retry.h"
#include "base/http_url.h"
#include "base/json.h"

namespace mlc {
namespace {

struct TokenServer {
  std::string_view registry, host;
};
// Public registries whose token server is another host.
constexpr TokenServer kTokenServers[] = {
    {"registry-1.docker.io", "auth.docker.io"},
    {"registry.gitlab.com", "gitlab.com"},
};
constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";
constexpr std::uint64_t kMaxConfigFile = 1 << 20;
constexpr std::uint64_t kMaxToken = 256 * 1024;

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

class ChallengeReader {
 public:
  explicit ChallengeReader(std::string_view text) : text_(text) {}

  std::vector<AuthChallenge> read() {
    std::vector<AuthChallenge> out;
    while (skip(" \t,"), !text_.empty()) {
      std::string name = token();
      if (name.empty()) break;
      skip(" \t");
      if (!out.empty() && text_.starts_with('=')) {
        text_.remove_prefix(1);
        skip(" \t");
        std::string value = text_.starts_with('"') ? quoted() : token();
        if (broken_) break;
        out.back().parameters.emplace_back(lower(name), std::move(value));
      } else if (text_.starts_with('=')) {
        break;
      } else {
        out.push_back({lower(name), {}});
      }
    }
    return out;
  }

 private:
  void skip(std::string_view what) {
    text_.remove_prefix(std::min(text_.find_first_not_of(what), text_.size()));
  }
  std::string token() {
    std::size_t n = 0;
    while (n < text_.size() && is_token_char(text_[n]))
      n++;
    std::string out(text_.substr(0, n));
    text_.remove_prefix(n);
    return out;
  }
  std::string quoted() {
    std::string out;
    for (text_.remove_prefix(1); !text_.empty(); text_.remove_prefix(1)) {
      if (text_[0] == '"') {
        text_.remove_prefix(1);
        return out;
      }
      if (text_[0] == '\\' && text_.size() > 1) text_.remove_prefix(1);
      out += text_[0];
    }
    broken_ = true;
    return out;
  }

  std::string_view text_;
  bool broken_ = false;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

RegistryCredentials from_entry(const Json& entry, const std::string& where) {
  RegistryCredentials out;
  out.from = where;
  if (const Json* auth = entry.find("auth"); auth && !auth->as_string(where).empty()) {
    std::optional<std::string> pair = from_base64(auth->as_string(where));
    std::size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) bad_input("{}: auth: expected base64 of USER:PASSWORD", where);
    out.user = pair->substr(0, colon);
    // Docker pads the text with NUL.
    out.password = Secret(pair->substr(colon + 1, pair->find('\0', colon) - colon - 1));
    return out;
  }
  const Json* user = entry.find("username");
  const Json* password = entry.find("password");
  if (!user || !password) return {};
  out.user = user->as_string(where);
  out.password = Secret(password->as_string(where));
  return out;
}

}  // namespace

const std::string& AuthChallenge::get(std::string_view name) const {
  static const std::string kNone;
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return kNone;
}

std::vector<AuthChallenge> parse_challenges(std::string_view header) {
  return ChallengeReader(header).read();
}

RegistryCredentials find_credentials(const std::string& host) {
  std::string user = variable("MLC_REGISTRY_USER");
  Secret password(variable("MLC_REGISTRY_PASSWORD"));
  if (user.empty() != password.empty())
    fail(ExitCode::kUsage, "{} is set without {}",
         user.empty() ? "MLC_REGISTRY_PASSWORD" : "MLC_REGISTRY_USER",
         user.empty() ? "MLC_REGISTRY_USER" : "MLC_REGISTRY_PASSWORD");
  if (!user.empty()) {
    if (user.find(':') != std::string::npos)
      fail(ExitCode::kUsage, "MLC_REGISTRY_USER: a user name has no ':'");
    return {user, password, "MLC_REGISTRY_USER"};
  }
  std::string folder = variable("DOCKER_CONFIG");
  if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") + "/.docker";
  std::string path = folder + "/config.json";
  struct stat status {};
  if (folder.empty() || stat(path.c_str(), &status) != 0) return {};
  Json config = parse_json(read_file(path, kMaxConfigFile), path);
  const Json* auths = config.find("auths");
  if (!auths) return {};
  for (const auto& [key, entry] : auths->members(path + ": auths")) {
    bool hub = host == "registry-1.docker.io" && key == kDockerHubKey;
    if (hub || key == host || key == "https://" + host || key == "http://" + host ||
        key == "https://" + host + "/")
      return from_entry(entry, fmt::format("{}: auths: {}", path, printable(key)));
  }
  return {};
}

RegistryAuth::RegistryAuth(std::string host, std::string origin, std::vector<std::string> scopes,
                           std::vector<std::string> token_hosts)
    : host_(std::move(host)),
      origin_(std::move(origin)),
      scopes_(std::move(scopes)),
      token_hosts_(std::move(token_hosts)),
      credentials_(find_credentials(host_)) {}

Secret RegistryAuth::header() const {
  std::scoped_lock lock(mutex_);
  return header_;
}

std::string RegistryAuth::hint() const {
  return credentials_.from.empty()
             ? "set MLC_REGISTRY_USER and MLC_REGISTRY_PASSWORD, or log in with `docker login` "
               "(helper programs that keep passwords are not asked)"
             : fmt::format("are user and password of {} right, and is this repository theirs?",
                           credentials_.from);
}

void RegistryAuth::check_realm(const std::string& realm) const {
  std::string realm_origin = http_origin(realm);
  std::string realm_host =
      realm_origin.substr(std::min(realm_origin.find("://"), realm_origin.size()));
  if (realm_host.starts_with("://")) realm_host.erase(0, 3);
  bool known = std::any_of(
      std::begin(kTokenServers), std::end(kTokenServers),
      [&](const TokenServer& row) { return row.registry == host_ && row.host == realm_host; });
  bool allowed =
      std::find(token_hosts_.begin(), token_hosts_.end(), realm_host) != token_hosts_.end();
  if (realm_origin.empty() || (realm_origin != origin_ && !known && !allowed))
    fail(ExitCode::kNetwork,
         "{}: the registry wants a token of {}, another host; nothing was sent there (if it is "
         "right, --allow-token-host {})",
         host_, printable(realm_origin.empty() ? shown_url(realm) : realm_origin),
         printable(realm_host.empty() ? "HOST" : realm_host));
  if (origin_.starts_with("https://") && !realm_origin.starts_with("https://"))
    fail(ExitCode::kNetwork, "{}: the registry wants a token of {}, which is not encrypted", host_,
         printable(realm_origin));
}

Secret RegistryAuth::fetch_token(HttpClient& client, const AuthChallenge& challenge) const {
  const std::string& realm = challenge.get("realm");
  check_realm(realm);
  std::string query;
  auto add = [&](std::string_view name, std::string_view value) {
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, url_escaped(value));
  };
  if (!challenge.get("service").empty()) add("service", challenge.get("service"));
  // Our own, not what the challenge says: a registry has no say in what a token may do elsewhere.
  for (const std::string& scope : scopes_)
    add("scope", scope);
  HttpRequest request;
  request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + query;
  request.max_body = kMaxToken;
  if (!credentials_.from.empty())
    request.authorization =
        Secret("Basic " + to_base64(credentials_.user + ":" + credentials_.password.reveal()));
  HttpAnswer answer = exchange_again(client, request);
  if (!answer.ok()) refuse_status(realm, answer, hint());
  Json body;
  try {
    body = parse_json(answer.body, "the answer");
  } catch (const Error&) {
    // Not its text: there may be a token in it.
    fail(ExitCode::kNetwork, "{}: expected a token as JSON", shown_url(realm));
  }
  explicit_bzero(answer.body.data(), answer.body.size());
  const Json* token = body.find("token");
  if (!token) token = body.find("access_token");
  if (!token || !token->is_string() || token->as_string("token").empty() ||
      !is_token_text(token->as_string("token")))
    fail(ExitCode::kNetwork, "{}: the answer has no token", shown_url(realm));
  return Secret("Bearer " + token->as_string("token"));
}

bool RegistryAuth::renew(HttpClient& client, const HttpAnswer& answer, const Secret& used) {
  std::scoped_lock lock(mutex_);
  // Another thread was faster.
  if (header_.reveal() != used.reveal()) return true;
  std::vector<AuthChallenge> challenges;
  for (const std::string& line : answer.headers.all("www-authenticate"))
    for (AuthChallenge& challenge : parse_challenges(line))
      challenges.push_back(std::move(challenge));
  for (const AuthChallenge& challenge : challenges)
    if (challenge.scheme == "bearer") {
      header_ = fetch_token(client, challenge);
      return true;
    }
  for (const AuthChallenge& challenge : challenges)
    if (challenge.scheme == "basic" && !credentials_.from.empty() && used.empty()) {
      header_ =
          Secret("Basic " + to_base64(credentials_.user + ":" + credentials_.password.reveal()));
      return true;
    }
  return false;
}

}  // namespace mlc
