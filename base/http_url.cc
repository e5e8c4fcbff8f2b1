#include "base/http_url.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"

namespace mlc {
namespace {

struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlCleanup>;

std::string part(const Url& url, CURLUPart what) {
  char* text = nullptr;
  if (curl_url_get(url.get(), what, &text, 0) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

Url parse(std::string_view text, unsigned flags) {
  // Browsers read "\" as "/", so what the host is would be a matter of taste.
  std::string_view authority = text.substr(0, text.find_first_of("/?#", text.find("://") + 3));
  if (text.find("://") == std::string_view::npos || authority.find('\\') != std::string_view::npos)
    return nullptr;
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), flags) != CURLUE_OK)
    return nullptr;
  return url;
}

bool is_web(const Url& url) {
  if (!url) return false;
  std::string scheme = part(url, CURLUPART_SCHEME);
  return (scheme == "http" || scheme == "https") && part(url, CURLUPART_USER).empty() &&
         part(url, CURLUPART_PASSWORD).empty();
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

struct Network {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
};

// IPv4 as ::ffff:0:0/96, so that there is one table.
constexpr Network v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, unsigned bits) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, 0}, 96 + bits};
}
constexpr Network kPrivate[] = {
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
    {{0}, 96},                    // ::, ::1 and the old form of IPv4
    {{0, 0x64, 0xff, 0x9b}, 32},  // translated IPv4
    {{0x20, 0x02}, 16},           // 6to4, which carries IPv4
    {{0xfc}, 7},
    {{0xfe, 0x80}, 10},
    {{0xfe, 0xc0}, 10},
    {{0xff}, 8},
};

bool lies_in(std::span<const std::uint8_t, 16> address, const Network& network) {
  for (unsigned i = 0; i < network.bits; i++) {
    std::uint8_t mask = static_cast<std::uint8_t>(0x80u >> (i % 8));
    if ((address[i / 8] & mask) != (network.prefix[i / 8] & mask)) return false;
  }
  return true;
}

bool is_private(std::span<const std::uint8_t, 16> address) {
  return std::any_of(std::begin(kPrivate), std::end(kPrivate),
                     [&](const Network& network) { return lies_in(address, network); });
}

bool is_private_v4(const void* four_bytes) {
  std::array<std::uint8_t, 16> address = v4(0, 0, 0, 0).prefix;
  std::memcpy(address.data() + 12, four_bytes, 4);
  return is_private(address);
}

}  // namespace

std::string http_origin(std::string_view text) {
  Url url = parse(text, 0);
  if (!is_web(url)) return {};
  std::string scheme = part(url, CURLUPART_SCHEME);
  std::string port = part(url, CURLUPART_PORT);
  std::string origin = scheme + "://" + lower(part(url, CURLUPART_HOST));
  if (!port.empty() && port != (scheme == "https" ? "443" : "80")) origin += ":" + port;
  return origin;
}

std::string http_host(std::string_view text) {
  Url url = parse(text, 0);
  return is_web(url) ? lower(part(url, CURLUPART_HOST)) : std::string();
}

std::string resolve_url(const std::string& base, std::string_view location) {
  if (std::any_of(location.begin(), location.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
    return {};
  Url url = parse(base, 0);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(location).c_str(),
                           CURLU_URLENCODE) != CURLUE_OK)
    return {};
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  std::string out = part(url, CURLUPART_URL);
  return http_origin(out).empty() ? std::string() : out;
}

std::string shown_url(std::string_view text) {
  text = text.substr(0, text.find_first_of("?#"));
  std::string out(text);
  std::size_t host = out.find("://");
  host = host == std::string::npos ? 0 : host + 3;
  std::size_t end = std::min(out.find_first_of("/\\", host), out.size());
  if (std::size_t at = out.rfind('@', end); at != std::string::npos && at >= host && at < end)
    out.erase(host, at + 1 - host);
  return printable(out, 1024);
}

std::string url_escaped(std::string_view path) {
  std::string out;
  for (char c : path) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool is_this_machine(std::string_view origin) {
  std::string host = http_host(origin);
  in_addr v4_address{};
  if (inet_pton(AF_INET, host.c_str(), &v4_address) == 1) return host.starts_with("127.");
  return host == "localhost" || host == "[::1]";
}

bool is_private_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return is_private_v4(&in.sin_addr);
  }
  if (address->sa_family != AF_INET6) return true;
  sockaddr_in6 in{};
  std::memcpy(&in, address, sizeof in);
  return is_private(std::span<const std::uint8_t, 16>(in.sin6_addr.s6_addr));
}

bool is_private_address(const std::string& ip) {
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, ip.c_str(), bytes.data()) == 1) return is_private_v4(bytes.data());
  return inet_pton(AF_INET6, ip.c_str(), bytes.data()) != 1 || is_private(bytes);
}

}  // namespace mlc
