// Addresses of web servers: what they name, how they are shown, and which networks they lead to.
// libcurl's own parser takes them apart, so that what is checked is what is connected to.
#pragma once

#include <string>
#include <string_view>

struct sockaddr;

namespace mlc {

// "https://host" or "https://host:port" (a default port is left out), in lower case; empty for
// what is no address of http or https, or has a user name in it.
std::string http_origin(std::string_view text);
// The host alone: "host", "127.0.0.1", "[::1]"; empty as above.
std::string http_host(std::string_view text);
// What a Location header means in the answer to a request to `base`; empty when it can't be used
// (another scheme, a user name, control characters).
std::string resolve_url(const std::string& base, std::string_view location);
// As it may be printed: without query, fragment and user name, which may be secrets.
std::string shown_url(std::string_view text);
// Every byte but letters, digits and "-._~/" as %XX.
std::string url_escaped(std::string_view path);

// localhost, 127.0.0.0/8, [::1].
bool is_this_machine(std::string_view origin);
// Not on the public internet: loopback, private, link-local (with clouds' metadata services),
// shared, multicast and reserved addresses; also when written as IPv6. Kinds of addresses that are
// not IP count as private.
bool is_private_address(const sockaddr* address);
bool is_private_address(const std::string& ip);  // text; what is no address counts as private

}  // namespace mlc
