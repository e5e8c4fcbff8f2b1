#include "base/hub_address.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

// What the hub allows in names, so that nothing in one can change the meaning of an address.
bool is_plain(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.size() <= 96 &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

[[noreturn]] void refuse(const std::string& address) {
  fail(ExitCode::kUsage, "{}: expected HF://owner/name, HF://owner/name@revision or a file of it",
       printable(address, 1024));
}

// Up to the first of `stops`, which stays.
std::string_view take(std::string_view& rest, std::string_view stops) {
  std::string_view part = rest.substr(0, rest.find_first_of(stops));
  rest.remove_prefix(part.size());
  return part;
}

std::string take_revision(std::string_view& rest) {
  int slashes = rest.starts_with("refs/pr/") || rest.starts_with("refs/convert/") ? 2 : 0;
  std::string revision(take(rest, "/"));
  for (int i = 0; i < slashes; i++) {
    rest.remove_prefix(1);
    revision += '/';
    revision += take(rest, "/");
  }
  for (std::size_t at = 0; (at = revision.find('%', at)) != std::string::npos; at++)
    if (revision.compare(at, 3, "%2F") == 0 || revision.compare(at, 3, "%2f") == 0)
      revision.replace(at, 3, "/");
  return revision;
}

bool is_plain_path(std::string_view path) {
  for (std::size_t from = 0; from <= path.size();) {
    std::size_t slash = std::min(path.find('/', from), path.size());
    if (!is_plain(path.substr(from, slash - from))) return false;
    from = slash + 1;
  }
  return true;
}

}  // namespace

bool is_hub_address(std::string_view text) {
  return text.starts_with("HF://") || text.starts_with("hf://");
}

bool is_model_address(std::string_view text) {
  return is_hub_address(text) || text.starts_with("oci://");
}

std::string HubAddress::shown() const {
  return fmt::format("HF://{}{}", repository, revision == "main" ? "" : "@" + revision);
}

std::string HubAddress::revision_in_urls() const {
  std::string out;
  for (char c : revision)
    out += c == '/' ? "%2F" : std::string(1, c);
  return out;
}

HubAddress parse_hub_address(const std::string& address) {
  HubAddress out;
  std::string_view rest = std::string_view(address).substr(address.find("://") + 3);
  std::string_view owner = take(rest, "/");
  if (rest.empty()) refuse(address);
  rest.remove_prefix(1);
  std::string_view name = take(rest, "/@");
  // "--" stands for '/' in names of cache folders; the hub allows it in no name.
  if (!is_plain(owner) || !is_plain(name) || owner.find("--") != std::string_view::npos ||
      name.find("--") != std::string_view::npos)
    refuse(address);
  out.repository = fmt::format("{}/{}", owner, name);
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    out.revision = take_revision(rest);
    if (!is_plain_path(out.revision)) refuse(address);
  }
  if (rest.starts_with('/')) rest.remove_prefix(1);
  out.file = rest;
  return out;
}

bool is_commit(std::string_view revision) {
  return revision.size() == 40 && std::all_of(revision.begin(), revision.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace mlc
