#include "package/canonical_json.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace mlc {
namespace {

void append_text(const std::string& text, std::string& out) {
  if (find_invalid_utf8(text) != std::string_view::npos)
    fail(ExitCode::kBug, "canonical JSON of a text that is no UTF-8: {}", printable(text));
  out += dump_json(Json(text), -1, false);
}

void append(const Json& value, std::string& out) {
  if (value.is_string()) return append_text(value.as_string({}), out);
  if (value.is_array()) {
    out += '[';
    const std::vector<Json>& items = value.items({});
    for (std::size_t i = 0; i < items.size(); i++) {
      if (i > 0) out += ',';
      append(items[i], out);
    }
    out += ']';
    return;
  }
  if (value.is_object()) {
    std::vector<const Json::Member*> members;
    for (const Json::Member& member : value.members({}))
      members.push_back(&member);
    // UTF-8 sorts as the code points do.
    std::sort(members.begin(), members.end(),
              [](const Json::Member* a, const Json::Member* b) { return a->first < b->first; });
    out += '{';
    for (std::size_t i = 0; i < members.size(); i++) {
      if (i > 0) out += ',';
      append_text(members[i]->first, out);
      out += ':';
      append(members[i]->second, out);
    }
    out += '}';
    return;
  }
  if (value.is_number() && !value.is_int()) fail(ExitCode::kBug, "canonical JSON of a float");
  out += dump_json(value);
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace mlc
