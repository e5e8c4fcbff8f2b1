#include "package/registry/reference.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/http_url.h"
#include "package/oci/layout.h"

namespace mlc {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter_or_digit(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_port(std::string_view text) {
  unsigned port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    std::size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    std::string_view rest = host.substr(end + 1);
    return std::all_of(host.begin() + 1, host.begin() + static_cast<std::ptrdiff_t>(end),
                       [](char c) { return is_letter_or_digit(c) || c == ':' || c == '.'; }) &&
           (rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1))));
  }
  std::size_t colon = std::min(host.find(':'), host.size());
  if (colon < host.size() && !is_port(host.substr(colon + 1))) return false;
  std::string_view name = host.substr(0, colon);
  bool may_start = true;  // a label
  for (char c : name) {
    if (c == '.' || c == '-') {
      if (may_start) return false;
    } else if (!is_letter_or_digit(c)) {
      return false;
    }
    may_start = c == '.';
  }
  return !name.empty() && !may_start && name.back() != '-';
}

}  // namespace

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* in each part.
bool is_registry_repository(std::string_view repository) {
  if (repository.empty() || repository.size() > 255) return false;
  for (std::size_t at = 0; at < repository.size();) {
    if (!is_lower_or_digit(repository[at])) return false;
    while (at < repository.size() && is_lower_or_digit(repository[at]))
      at++;
    if (at == repository.size()) return true;
    std::size_t from = at;
    while (at < repository.size() && !is_lower_or_digit(repository[at]))
      at++;
    std::string_view between = repository.substr(from, at - from);
    bool dashes = between.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && between != "." && between != "_" && between != "__" && between != "/")
      return false;
  }
  return false;  // ended between two parts
}

RegistryReference parse_registry_reference(const std::string& text) {
  RegistryReference out;
  std::string_view rest = text;
  auto refuse = [&](std::string_view why) {
    fail(ExitCode::kUsage, "{}: {}; expected HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]",
         printable(text, 1024), why);
  };
  for (std::string_view scheme : {"oci://", "OCI://"})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  if (rest.find("://") != std::string_view::npos) refuse("an address of another kind");
  if (std::size_t at = rest.find('@'); at != std::string_view::npos) {
    out.digest = Digest::parse(rest.substr(at + 1), text);
    rest = rest.substr(0, at);
  }
  std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) refuse("no repository");
  out.host = rest.substr(0, slash);
  if (!is_host(out.host) || http_origin(fmt::format("https://{}/", out.host)).empty())
    refuse("the host can't be");
  if (out.host.find('.') == std::string::npos && out.host.find(':') == std::string::npos &&
      out.host != "localhost")
    refuse(fmt::format("'{}' is no host", printable(out.host)));
  std::transform(out.host.begin(), out.host.end(), out.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  rest.remove_prefix(slash + 1);
  if (std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    out.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(out.tag)) refuse(fmt::format("'{}' is no tag", printable(out.tag)));
  }
  out.repository = rest;
  if (!is_registry_repository(rest))
    refuse(
        fmt::format("'{}' is no repository (lower case letters and digits, with '.', '_', '-' "
                    "and '/' between them)",
                    printable(rest)));
  return out;
}

std::string RegistryReference::text() const {
  std::string out = fmt::format("{}/{}", host, repository);
  if (!tag.empty()) out += fmt::format(":{}", tag);
  if (digest) out += fmt::format("@{}", digest->text());
  return out;
}

std::string RegistryReference::target() const {
  if (digest) return digest->text();
  return tag.empty() ? "latest" : tag;
}

}  // namespace mlc
