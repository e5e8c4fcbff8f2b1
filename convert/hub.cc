#include "convert/hub.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/http.h"
#include "base/hub_address.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxListing = std::uint64_t{32} << 20;

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

HttpOptions http_options(bool allow_http) {
  HttpOptions options;
  options.allow_http = allow_http;
  options.silence_seconds = download_timeout();
  return options;
}

RemotePlace open_hub(const std::string& path, bool allow_http) {
  HubAddress hub = parse_hub_address(path);
  HubEnvironment environment = hub_environment();
  HttpOptions options = http_options(allow_http);
  options.token_origin = environment.origin;
  options.token = environment.token;
  options.hint = environment.access_hint();

  const std::string api = fmt::format("{}/api/models/{}/revision/{}", environment.endpoint,
                                      hub.repository, hub.revision_in_urls());
  Json listing = parse_json(http_get(api, options, kMaxListing), api);
  std::string commit = hub.revision;
  if (const Json* sha = listing.find("sha")) commit = sha->as_string(api + ": sha");
  if (!is_commit(commit))
    fail(ExitCode::kNetwork, "{}: the commit is '{}'", api, printable(commit));
  const Json* siblings = listing.find("siblings");
  if (!siblings) fail(ExitCode::kNetwork, "{}: the server does not list files", api);
  std::vector<std::string> names;
  for (const Json& item : siblings->items(api + ": siblings"))
    if (const Json* name = item.find("rfilename"))
      names.push_back(name->as_string(api + ": rfilename"));
  std::sort(names.begin(), names.end());

  std::string shown = hub.shown();
  std::string base = fmt::format("{}/{}/resolve/{}/", environment.endpoint, hub.repository, commit);
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

}  // namespace

bool is_remote(std::string_view path) {
  return is_hub_address(path) || path.starts_with("https://") || path.starts_with("http://");
}

RemotePlace open_remote(const std::string& path, bool allow_http) {
  return is_hub_address(path) ? open_hub(path, allow_http) : open_address(path, allow_http);
}

}  // namespace mlc
