#include "convert/hub.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/http.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxListing = std::uint64_t{32} << 20;
constexpr long kMaxSilence = 3600;

// Files by name, each opened once.
class RemoteFolder : public SourceFolder {
 public:
  RemoteFolder(std::string shown, std::string base, std::string query, HttpOptions options)
      : shown_(std::move(shown)),
        base_(std::move(base)),
        query_(std::move(query)),
        options_(std::move(options)) {}

  const std::string& path() const override { return shown_; }

  std::vector<std::string> list() const override {
    fail(ExitCode::kUsage, "{}: a folder of a web server can't be listed; name a file in it",
         printable(shown_, 1024));
  }

  // What servers say of a file that is not there, or that they don't want to tell about.
  bool holds(const std::string& name) const override {
    try {
      open(name);
      return true;
    } catch (const HttpStatusError& error) {
      if (error.status == 403 || error.status == 404 || error.status == 410) return false;
      throw;
    }
  }

  std::shared_ptr<InputFile> open(const std::string& name) const override {
    std::scoped_lock lock(mutex_);
    std::shared_ptr<InputFile>& file = files_[name];
    if (!file)
      file = std::make_shared<InputFile>(
          path_of(name), std::make_shared<HttpFile>(base_ + url_of(name) + query_, options_));
    return file;
  }

 protected:
  // In an address that the user wrote, names are escaped already.
  virtual std::string url_of(const std::string& name) const { return name; }

 private:
  std::string shown_, base_, query_;
  HttpOptions options_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<InputFile>> files_;
};

class HubFolder : public RemoteFolder {
 public:
  HubFolder(std::string shown, std::string base, HttpOptions options,
            std::vector<std::string> names)
      : RemoteFolder(std::move(shown), std::move(base), "", std::move(options)),
        names_(std::move(names)) {}

  std::vector<std::string> list() const override {
    std::vector<std::string> here;
    std::copy_if(names_.begin(), names_.end(), std::back_inserter(here),
                 [](const std::string& n) { return n.find('/') == std::string::npos; });
    return here;
  }
  bool holds(const std::string& name) const override {
    return std::binary_search(names_.begin(), names_.end(), name);
  }

 protected:
  std::string url_of(const std::string& name) const override { return url_escaped(name); }

 private:
  std::vector<std::string> names_;  // sorted
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

HttpOptions http_options(bool allow_http) {
  HttpOptions options;
  options.allow_http = allow_http;
  if (std::string text = variable("HF_HUB_DOWNLOAD_TIMEOUT"); !text.empty()) {
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), options.silence_seconds);
    if (error != std::errc() || end != text.data() + text.size() || options.silence_seconds < 1 ||
        options.silence_seconds > kMaxSilence)
      fail(ExitCode::kUsage, "HF_HUB_DOWNLOAD_TIMEOUT={}: expected a number of seconds",
           printable(text));
  }
  return options;
}

// One part of "owner/name@revision/file": what the hub allows, so that nothing in it can change the
// meaning of the address.
bool is_plain(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

struct HubPath {
  std::string repository;  // "owner/name"
  std::string revision = "main";
  std::string file;
};

HubPath parse_hub_path(const std::string& path) {
  HubPath out;
  std::string_view rest = std::string_view(path).substr(path.find("://") + 3);
  auto refuse = [&] {
    fail(ExitCode::kUsage, "{}: expected HF://owner/name, HF://owner/name@revision or a file of it",
         printable(path, 1024));
  };
  std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) refuse();
  std::size_t end = std::min(rest.find_first_of("/@", slash + 1), rest.size());
  std::string_view owner = rest.substr(0, slash);
  std::string_view name = rest.substr(slash + 1, end - slash - 1);
  if (!is_plain(owner) || !is_plain(name)) refuse();
  out.repository = fmt::format("{}/{}", owner, name);
  rest.remove_prefix(end);
  if (rest.starts_with('@')) {
    end = std::min(rest.find('/'), rest.size());
    out.revision = rest.substr(1, end - 1);
    if (!is_plain(out.revision)) refuse();
    rest.remove_prefix(end);
  }
  if (rest.starts_with('/')) rest.remove_prefix(1);
  out.file = rest;
  return out;
}

RemotePlace open_hub(const std::string& path, bool allow_http) {
  HubPath hub = parse_hub_path(path);
  std::string endpoint = variable("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = "https://huggingface.co";
  while (endpoint.ends_with('/'))
    endpoint.pop_back();
  HttpOptions options = http_options(allow_http);
  options.token_origin = http_origin(endpoint);
  if (options.token_origin.empty())
    fail(ExitCode::kUsage, "HF_ENDPOINT={}: expected an https:// address", printable(endpoint));
  options.token = variable("HF_TOKEN");
  if (std::any_of(options.token.begin(), options.token.end(),
                  [](char c) { return c <= ' ' || c > '~'; }))
    fail(ExitCode::kUsage, "HF_TOKEN: expected a token without spaces and line ends");
  options.hint = options.token.empty()
                     ? "set HF_TOKEN if the model is gated or private, and check its name"
                     : "does the token in HF_TOKEN have access to this model?";

  const std::string api =
      fmt::format("{}/api/models/{}/revision/{}", endpoint, hub.repository, hub.revision);
  Json listing = parse_json(http_get(api, options, kMaxListing), api);
  std::string commit = hub.revision;
  if (const Json* sha = listing.find("sha")) commit = sha->as_string(api + ": sha");
  if (!is_plain(commit)) fail(ExitCode::kNetwork, "{}: the commit is '{}'", api, printable(commit));
  const Json* siblings = listing.find("siblings");
  if (!siblings) fail(ExitCode::kNetwork, "{}: the server does not list files", api);
  std::vector<std::string> names;
  for (const Json& item : siblings->items(api + ": siblings"))
    if (const Json* name = item.find("rfilename"))
      names.push_back(name->as_string(api + ": rfilename"));
  std::sort(names.begin(), names.end());

  std::string shown = "HF://" + hub.repository;
  if (hub.revision != "main") shown += "@" + hub.revision;
  std::string base = fmt::format("{}/{}/resolve/{}/", endpoint, hub.repository, commit);
  RemotePlace place{std::make_shared<HubFolder>(shown, std::move(base), std::move(options), names),
                    hub.file};
  if (!hub.file.empty() && !place.folder->holds(hub.file))
    fail(ExitCode::kNetwork, "{}: holds no file {}", shown, printable(hub.file));
  return place;
}

RemotePlace open_address(const std::string& path, bool allow_http) {
  if (http_origin(path).empty())
    fail(ExitCode::kUsage, "{}: expected https://host/path/file", printable(path, 1024));
  std::string address = path.substr(0, path.find('#'));
  std::size_t question = std::min(address.find('?'), address.size());
  std::string query = address.substr(question);
  address.resize(question);
  std::size_t slash = address.rfind('/');
  if (slash < address.find("://") + 3 || slash + 1 == address.size())
    fail(ExitCode::kUsage, "{}: expected the address of a file{}", printable(path, 1024),
         address.find("huggingface.co/") != std::string::npos ? ", or HF://owner/name" : "");
  std::string folder = address.substr(0, slash);
  return {std::make_shared<RemoteFolder>(folder, folder + "/", query, http_options(allow_http)),
          address.substr(slash + 1)};
}

bool is_hub(std::string_view path) {
  return path.starts_with("HF://") || path.starts_with("hf://");
}

}  // namespace

bool is_remote(std::string_view path) {
  return is_hub(path) || path.starts_with("https://") || path.starts_with("http://");
}

RemotePlace open_remote(const std::string& path, bool allow_http) {
  return is_hub(path) ? open_hub(path, allow_http) : open_address(path, allow_http);
}

}  // namespace mlc
