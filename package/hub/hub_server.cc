#include "package/hub/hub_server.h"

#include "base/error.h"
#include "base/http_retry.h"
#include "base/http_url.h"
#include "base/json.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxAnswer = std::uint64_t{32} << 20;
constexpr unsigned kMaxPages = 1000;

}  // namespace

HubServer::HubServer(HubEnvironment environment, HubAddress address, bool allow_http,
                     std::string ca_file)
    : environment_(std::move(environment)), address_(std::move(address)) {
  policy_.allow_http = allow_http;
  policy_.ca_file = std::move(ca_file);
}

HttpClient HubServer::file_client(const std::atomic<bool>* stop) const {
  HttpPolicy policy = policy_;
  policy.silence_seconds = environment_.silence_seconds;
  policy.stop = stop;
  return HttpClient(std::move(policy));
}

HttpRequest HubServer::request(const std::string& url) const {
  HttpRequest request;
  request.url = url;
  if (!environment_.token.empty())
    request.authorization = Secret("Bearer " + environment_.token.reveal());
  return request;
}

HttpAnswer HubServer::ask(const std::string& url) const {
  HttpPolicy policy = policy_;
  policy.silence_seconds = environment_.ask_seconds;
  HttpClient client(std::move(policy));
  HttpRequest what = request(url);
  what.max_body = kMaxAnswer;
  HttpAnswer answer = exchange_again(client, what);
  if (answer.status != 200) refuse(shown_url(url), answer);
  return answer;
}

void HubServer::refuse(const std::string& what, const HttpAnswer& answer) const {
  const std::string& code = answer.headers.get("x-error-code");
  if (code == "GatedRepo")
    fail(ExitCode::kNetwork, "{}: the model is gated (the server answered {}); {}",
         address_.shown(), answer.status, environment_.access_hint());
  if (code == "RevisionNotFound")
    fail(ExitCode::kNetwork, "{}: the model has no revision {} (the server answered {})",
         address_.shown(), address_.revision, answer.status);
  refuse_status(what, answer,
                code == "RepoNotFound"
                    ? "there is no such model, or it is private; " + environment_.access_hint()
                    : environment_.access_hint());
}

std::string HubServer::commit_of_revision() const {
  const std::string url = fmt::format("{}/api/models/{}/revision/{}", environment_.endpoint,
                                      address_.repository, address_.revision_in_urls());
  HttpAnswer answer = ask(url);
  std::string commit;
  try {
    Json json = parse_json(answer.body, shown_url(url));
    if (const Json* sha = json.find("sha")) commit = sha->as_string("sha");
  } catch (const Error& error) {
    fail(ExitCode::kNetwork, "{}; is HF_ENDPOINT right?", error.what());
  }
  if (!is_commit(commit))
    fail(ExitCode::kNetwork, "{}: the commit is '{}', expected 40 hex digits", shown_url(url),
         printable(commit));
  if (is_commit(address_.revision) && commit != address_.revision)
    fail(ExitCode::kNetwork, "{}: asked for commit {}, the server has {}", shown_url(url),
         address_.revision, commit);
  return commit;
}

HubListing HubServer::listing(const std::string& commit) const {
  const std::string first =
      fmt::format("{}/api/models/{}/tree/{}", environment_.endpoint, address_.repository, commit);
  HubListing listing;
  listing.commit = commit;
  std::string query = "?recursive=true&expand=false";
  for (unsigned page = 0; !query.empty(); page++) {
    if (page == kMaxPages)
      fail(ExitCode::kNetwork, "{}: more than {} pages of files", shown_url(first), kMaxPages);
    HttpAnswer answer = ask(first + query);
    add_listing_page(answer.body, shown_url(first), listing);
    std::string next;
    for (const std::string& link : answer.headers.all("link"))
      if (next.empty()) next = next_page(link);
    if (next == query)
      fail(ExitCode::kNetwork, "{}: a page of files names itself as the next", shown_url(first));
    query = next;
  }
  finish_listing(listing, shown_url(first));
  return listing;
}

DownloadResult HubServer::download_file(HttpClient& client, const std::string& commit,
                                        const HubFile& file, DownloadTarget& target,
                                        const std::function<void(std::uint64_t)>& advance,
                                        const std::function<void(const std::string&)>& note) const {
  Download what;
  what.request = request(fmt::format("{}/{}/resolve/{}/{}", environment_.endpoint,
                                     address_.repository, commit, url_escaped(file.name)));
  what.name = fmt::format("{}/{}", address_.shown(), printable(file.name));
  what.size = file.size;
  what.advance = advance;
  what.note = note;
  std::optional<HttpAnswer> refusal;
  what.authorize = [&](HttpRequest&, const HttpAnswer& answer) {
    refusal = answer;
    return false;
  };
  const std::string name = what.name;
  try {
    return download(client, std::move(what), target);
  } catch (const HttpStatusError& error) {
    if (refusal && (error.status == 401 || error.status == 403)) refuse(name, *refusal);
    throw;
  }
}

}  // namespace mlc
