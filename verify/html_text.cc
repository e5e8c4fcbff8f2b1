#include "verify/html_text.h"

#include <cmath>

#include "base/error.h"
#include "base/units.h"

namespace mlc {

std::string html_text(std::string_view text, std::size_t limit) {
  std::string escaped;
  for (char c : printable(text, limit)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "not finite";
  double size = std::fabs(value);
  if (size == 0) return "0";
  if (size >= 1e-3 && size < 1e6) return fmt::format("{:.4g}", value);
  // "2.10e-09" to "2.1e-9": the digits that say something.
  std::string text = fmt::format("{:.2e}", value);
  std::size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  while (digits.back() == '0')
    digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return fmt::format("{}e{}", digits, std::stoi(text.substr(e + 1)));
}

std::string percent_text(double share) {
  return std::isfinite(share) ? fmt::format("{:.4g} %", 100 * share) : number_text(share);
}

std::string rate_text(double bytes_per_second) {
  // Beyond that, it is a mistake and not a rate; the conversion would be undefined.
  if (!(bytes_per_second >= 0 && bytes_per_second < 1e18)) return number_text(bytes_per_second);
  return bytes_text(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

std::vector<std::string> short_kinds(const std::vector<std::string>& kinds) {
  std::string_view prefix;
  if (!kinds.empty()) {
    std::size_t star = kinds[0].find("*.");
    if (star != std::string::npos) prefix = std::string_view(kinds[0]).substr(0, star + 2);
  }
  constexpr std::string_view kSuffix = ".weight";
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (std::string_view name : kinds) {
    if (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
    if (name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix)
      name.remove_suffix(kSuffix.size());
    names.emplace_back(name);
  }
  return names;
}

std::string script_json(const Json& value) {
  std::string escaped;
  for (char c : dump_json(value)) {
    // Outside of strings JSON has none of these.
    if (c == '<' || c == '>' || c == '&')
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace mlc
