// What is asked of the hub itself: which commit a revision is, its files, and the addresses of
// their content.
#pragma once

#include <string>

#include "base/http_download.h"
#include "base/hub_address.h"
#include "package/hub/hub_listing.h"

namespace mlc {

class HubServer {
 public:
  HubServer(HubEnvironment environment, HubAddress address, bool allow_http, std::string ca_file);

  // With `stop`, transfers end when it is set.
  HttpClient file_client(const std::atomic<bool>* stop) const;

  std::string commit_of_revision() const;
  HubListing listing(const std::string& commit) const;
  // base/http_download.h explains the functions.
  DownloadResult download_file(HttpClient& client, const std::string& commit, const HubFile& file,
                               DownloadTarget& target,
                               const std::function<void(std::uint64_t)>& advance,
                               const std::function<void(const std::string&)>& note) const;

 private:
  HttpAnswer ask(const std::string& url) const;
  HttpRequest request(const std::string& url) const;
  // The hub says in headers why it refuses.
  [[noreturn]] void refuse(const std::string& what, const HttpAnswer& answer) const;

  HubEnvironment environment_;
  HubAddress address_;
  HttpPolicy policy_;
};

}  // namespace mlc
