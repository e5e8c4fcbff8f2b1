#include "package/hub/hub_listing.h"

#include <algorithm>

#include "base/error.h"
#include "base/hub_address.h"
#include "base/json.h"
#include "base/relative_path.h"

namespace mlc {
namespace {

constexpr std::size_t kMaxFiles = 100'000;
// More than any file system holds; keeps sums of sizes within 64 bits.
constexpr std::uint64_t kMaxFileSize = std::uint64_t{1} << 46;

HubFile read_file_entry(const Json& item, const std::string& where) {
  auto member = [&](const Json& of, const char* name) -> const Json& {
    const Json* value = of.find(name);
    if (!value) bad_input("{}: a file without {}", where, name);
    return *value;
  };
  HubFile file;
  file.name = member(item, "path").as_string(where + ": path");
  const Json* lfs = item.find("lfs");
  bool is_large = lfs && !lfs->is_null();
  const Json& content = is_large ? *lfs : item;
  file.etag = member(content, "oid").as_string(where + ": oid");
  file.size = member(content, "size").as_size(where + ": size");
  if (!is_hex(file.etag, is_large ? 64 : 40))
    bad_input("{}: {}: the hash is '{}', expected {} hex digits", where, printable(file.name),
              printable(file.etag), is_large ? 64 : 40);
  if (file.size > kMaxFileSize)
    bad_input("{}: {}: a size of {} bytes", where, printable(file.name), file.size);
  return file;
}

bool by_name(const HubFile& a, const HubFile& b) { return a.name < b.name; }

}  // namespace

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

const HubFile* HubListing::find(std::string_view name) const {
  auto at = std::lower_bound(files.begin(), files.end(), name,
                             [](const HubFile& file, std::string_view n) { return file.name < n; });
  return at != files.end() && at->name == name ? &*at : nullptr;
}

void add_listing_page(std::string_view text, const std::string& where, HubListing& listing) {
  try {
    Json page = parse_json(text, where);
    for (const Json& item : page.items(where)) {
      item.members(where);  // an object, or an error
      const Json* type = item.find("type");
      if (!type || type->as_string(where + ": type") != "file") continue;
      if (listing.files.size() == kMaxFiles) bad_input("{}: more than {} files", where, kMaxFiles);
      listing.files.push_back(read_file_entry(item, where));
    }
  } catch (const Error& error) {
    throw Error(ExitCode::kNetwork, error.what());
  }
}

void finish_listing(HubListing& listing, const std::string& where) {
  std::vector<HubFile>& files = listing.files;
  std::sort(files.begin(), files.end(), by_name);
  for (std::size_t i = 1; i < files.size(); i++)
    if (files[i].name == files[i - 1].name)
      bad_input("{}: lists {} twice", where, printable(files[i].name));
  for (const HubFile& file : files)
    for (std::size_t slash = 0; (slash = file.name.find('/', slash)) != std::string::npos; slash++)
      if (listing.find(file.name.substr(0, slash)))
        bad_input("{}: lists {} as a file and as a folder", where,
                  printable(file.name.substr(0, slash)));
}

std::string next_page(std::string_view link_header) {
  // <https://...?recursive=true&cursor=...>; rel="next", <...>; rel="..."
  while (!link_header.empty()) {
    std::size_t open = link_header.find('<'), close = link_header.find('>');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) break;
    std::string_view address = link_header.substr(open + 1, close - open - 1);
    link_header.remove_prefix(close + 1);
    std::string_view about = link_header.substr(0, link_header.find('<'));
    if (about.find("rel=\"next\"") == std::string_view::npos &&
        about.find("rel=next") == std::string_view::npos)
      continue;
    std::size_t question = address.find('?');
    if (question == std::string_view::npos) break;
    std::string_view query = address.substr(question, address.find('#') - question);
    bool plain =
        std::all_of(query.begin(), query.end(), [](char c) { return c > ' ' && c <= '~'; });
    return plain ? std::string(query) : std::string();
  }
  return {};
}

void check_hub_names(const std::vector<HubFile>& files, const std::string& where) {
  for (const HubFile& file : files)
    if (std::string_view problem = relative_path_problem(file.name); !problem.empty())
      bad_input("{}: the file name '{}' can't be used: {}", where, printable(file.name), problem);
}

std::string listing_text(const HubListing& listing) {
  Json files = Json::array();
  for (const HubFile& file : listing.files)
    files.push(Json::object().set("name", file.name).set("size", file.size).set("etag", file.etag));
  return dump_json(Json::object()
                       .set("schema", 1)
                       .set("commit", listing.commit)
                       .set("files", std::move(files))) +
         "\n";
}

HubListing parse_listing_text(std::string_view text, const std::string& where) {
  Json json = parse_json(text, where);
  auto member = [&](const Json& of, const char* name) -> const Json& {
    const Json* value = of.find(name);
    if (!value) bad_input("{}: no {}", where, name);
    return *value;
  };
  HubListing listing;
  if (member(json, "schema").as_int(where + ": schema") != 1)
    bad_input("{}: not of schema 1", where);
  listing.commit = member(json, "commit").as_string(where + ": commit");
  if (!is_commit(listing.commit)) bad_input("{}: no commit", where);
  for (const Json& item : member(json, "files").items(where + ": files")) {
    HubFile file{member(item, "name").as_string(where + ": name"),
                 member(item, "size").as_size(where + ": size"),
                 member(item, "etag").as_string(where + ": etag")};
    if (file.size > kMaxFileSize || (!is_hex(file.etag, 40) && !is_hex(file.etag, 64)))
      bad_input("{}: {}: impossible size or hash", where, printable(file.name));
    listing.files.push_back(std::move(file));
  }
  finish_listing(listing, where);
  return listing;
}

}  // namespace mlc
