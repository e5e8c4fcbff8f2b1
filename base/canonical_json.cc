#include "base/canonical_json.h"

#include <map>

#include "base/error.h"

namespace mlc {
namespace {

void append(std::string& out, const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kFloat:
      fail(ExitCode::kBug, "a canonical document can't hold the number {}", value.number_text());
    case Json::Kind::kArray: {
      char before = '[';
      for (const Json& item : value.items({})) {
        out += std::exchange(before, ',');
        append(out, item);
      }
      if (before == '[') out += before;
      out += ']';
      return;
    }
    case Json::Kind::kObject: {
      // The order of UTF-8's bytes is the order of code points.
      std::map<std::string_view, const Json*> members;
      for (const Json::Member& member : value.members({}))
        members.emplace(member.first, &member.second);
      char before = '{';
      for (const auto& [key, member] : members) {
        out += std::exchange(before, ',');
        out += dump_json(key, -1, false);
        out += ':';
        append(out, *member);
      }
      if (before == '{') out += before;
      out += '}';
      return;
    }
    default:
      out += dump_json(value, -1, false);
  }
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace mlc
