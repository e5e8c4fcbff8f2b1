// Base64 with '+', '/' and padding (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mlc {

std::string to_base64(std::string_view bytes);
// Nothing: another character, missing padding, or bits left over that are not zero.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace mlc
