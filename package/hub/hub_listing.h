// The files of a model at one commit, as the hub lists them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct HubFile {
  std::string name;  // as the hub says it; check_hub_names() before it becomes a path
  std::uint64_t size = 0;
  // Of the content, and the name of the blob in the cache: its SHA-256 (64 hex digits) for a file
  // in LFS or Xet, its git blob hash (40) for others.
  std::string etag;
};

struct HubListing {
  std::string commit;
  std::vector<HubFile> files;  // sorted by name, once finish_listing() was called

  const HubFile* find(std::string_view name) const;
};

// One page of the answer to /api/models/OWNER/NAME/tree/COMMIT?recursive=true. Folders are left
// out. Error(kNetwork) for what can't be a listing.
void add_listing_page(std::string_view text, const std::string& where, HubListing& listing);
// Sorts. Error(kBadInput): two files of one name, or a name that is also a folder's.
void finish_listing(HubListing& listing, const std::string& where);

// The query of the next page, "?..." to be added to the address of the first: an address from a
// server is not followed, since a token would go there. Empty: this was the last page.
std::string next_page(std::string_view link_header);

// Error(kBadInput) for names that relative_path_problem() refuses.
void check_hub_names(const std::vector<HubFile>& files, const std::string& where);

// As it is kept in the cache (docs/formats.md, "Cache of the hub").
std::string listing_text(const HubListing& listing);
HubListing parse_listing_text(std::string_view text, const std::string& where);

bool is_hex(std::string_view text, std::size_t digits);

}  // namespace mlc
