#include "genconfig/json_text.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace mlc {

std::string json_string(std::string_view text) { return dump_json(Json(text), -1, false); }

std::string serde_double(double value) {
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[32];
  char* end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  std::string sign;
  if (text.starts_with('-')) {
    sign = "-";
    text.remove_prefix(1);
  }
  std::size_t e = text.find('e');
  std::string_view exponent_text = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
  int exponent = 0;
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  std::string digits;
  for (char c : text.substr(0, e))
    if (c != '.') digits += c;

  int point = exponent + 1;  // digits before the decimal point
  if (point > 16 || point <= -5)
    return fmt::format("{}{}{}{}e{}", sign, digits[0], digits.size() > 1 ? "." : "",
                       digits.substr(1), exponent);
  if (point <= 0)
    return fmt::format("{}0.{}{}", sign, std::string(static_cast<std::size_t>(-point), '0'),
                       digits);
  auto whole = static_cast<std::size_t>(point);
  if (digits.size() <= whole)
    return fmt::format("{}{}{}.0", sign, digits, std::string(whole - digits.size(), '0'));
  return fmt::format("{}{}.{}", sign, digits.substr(0, whole), digits.substr(whole));
}

Json added_token_json(std::uint64_t id, const AddedToken& token) {
  Json json = Json::object();
  json.set("id", id)
      .set("content", token.content)
      .set("single_word", token.single_word)
      .set("lstrip", token.lstrip)
      .set("rstrip", token.rstrip)
      .set("normalized", token.normalized)
      .set("special", token.special);
  return json;
}

Json typed(std::string_view type) {
  Json json = Json::object();
  json.set("type", type);
  return json;
}

std::string with_model(const Json& head, std::string_view model) {
  std::string text = dump_json(head, 2, false);
  text.resize(text.size() - 2);  // "\n}"
  text += ",\n  \"model\": ";
  text += model;
  text += "\n}";
  return text;
}

}  // namespace mlc
