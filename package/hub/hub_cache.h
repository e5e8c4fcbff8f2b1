// One model in the hub's cache, laid out as huggingface_hub does:
//
//   CACHE/CACHEDIR.TAG
//   CACHE/.locks/models--OWNER--NAME/ETAG.lock          held while a blob is made
//   CACHE/models--OWNER--NAME/blobs/ETAG                content, by its hash
//   CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE     link to ../../blobs/ETAG
//   CACHE/models--OWNER--NAME/refs/BRANCH               the commit, as text
//   CACHE/models--OWNER--NAME/.mlc/COMMIT.json          ours: what the hub lists for the commit
//   CACHE/models--OWNER--NAME/.mlc/tmp-*                ours: what is not finished
//
// COMMIT.json is what tells a complete snapshot from a partial one without the hub.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "package/hub/hub_listing.h"

namespace mlc {

class HubCache {
 public:
  // `root` is what HF_HUB_CACHE names. Nothing is made yet.
  HubCache(std::string root, const std::string& repository);

  const std::string& root() const { return root_; }
  const std::string& folder() const { return folder_; }
  std::string blob(const std::string& etag) const;
  std::string lock(const std::string& etag) const;
  std::string snapshot(const std::string& commit) const;

  // Makes the folders that blobs need, and CACHEDIR.TAG.
  void make() const;

  // The commit of a branch or tag when it was last asked for.
  std::optional<std::string> ref(const std::string& revision) const;
  void write_ref(const std::string& revision, const std::string& commit) const;

  std::optional<HubListing> listing(const std::string& commit) const;
  void write_listing(const HubListing& listing) const;
  // The files that the snapshot has, by its links: of a cache that another program made. Of a link
  // that leads nowhere the size is 0.
  HubListing listing_of_snapshot(const std::string& commit) const;

  // Makes every file a link in the snapshot. A new snapshot appears as a whole; in one that is
  // there, links that are right stay as they are.
  void link(const std::string& commit, const std::vector<HubFile>& files) const;

 private:
  std::string temporary() const;
  void write(const std::string& path, std::string_view text) const;
  void remove_leftovers() const;
  bool is_linked(const std::string& commit, const HubFile& file) const;

  std::string root_, name_, folder_;
};

}  // namespace mlc
