// Strict JSON: any bytes are refused or give a tree that the writer and the reader agree on.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace {

// A number's own text stays the same; Python's spelling of it is reached after one writing.
void check(const mlc::Json& value, std::string_view text) {
  using Kind = mlc::Json::Kind;
  if (value.offset() >= text.size()) __builtin_trap();
  std::string_view at = text.substr(value.offset());
  switch (value.kind()) {
    case Kind::kNull:
      if (!at.starts_with("null")) __builtin_trap();
      break;
    case Kind::kBool:
      if (!at.starts_with(value.as_bool("v") ? "true" : "false")) __builtin_trap();
      break;
    case Kind::kInt:
    case Kind::kFloat:
      if (!at.starts_with(value.number_text())) __builtin_trap();
      break;
    case Kind::kString:
      if (at[0] != '"') __builtin_trap();
      break;
    case Kind::kArray:
      if (at[0] != '[') __builtin_trap();
      for (const mlc::Json& item : value.items("v"))
        check(item, text);
      break;
    case Kind::kObject:
      if (at[0] != '{') __builtin_trap();
      for (const auto& [key, member] : value.members("v"))
        check(member, text);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  mlc::Json value;
  try {
    value = mlc::parse_json(text, "fuzz");
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
    return 0;
  }
  check(value, text);
  for (int indent : {-1, 2}) {
    std::string written = mlc::dump_json(value, indent, indent < 0);
    mlc::Json again = mlc::parse_json(written, "written");
    if (mlc::dump_json(again, indent, indent < 0) != written) __builtin_trap();
  }
  return 0;
}
