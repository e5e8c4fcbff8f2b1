#include "convert/missing.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/spelling.h"

namespace mlc {
namespace {

constexpr std::size_t kListed = 10;

}  // namespace

std::string nearest_name(const Checkpoint& checkpoint, const std::string& wanted) {
  // Names longer than any real one would make the search quadratic in hostile input.
  constexpr std::size_t kLongest = 256;
  constexpr std::size_t kSearched = 20000;
  std::size_t best = wanted.size() / 3;
  std::string nearest;
  for (std::size_t i = 0; i < std::min(checkpoint.tensors.size(), kSearched); i++) {
    const std::string& name = checkpoint.tensors[i].name;
    if (name.size() > kLongest) continue;
    std::size_t distance = edit_distance(wanted, name, best);
    if (distance > best || (distance == best && !nearest.empty())) continue;
    best = distance;
    nearest = name;
  }
  return nearest;
}

std::string list_names(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kListed); i++)
    text += (i ? ", " : "") + printable(names[i]);
  if (names.size() > kListed) text += fmt::format(" and {} more", names.size() - kListed);
  return text;
}

void throw_if_missing(const Checkpoint& checkpoint, const std::vector<ParamSpec>& params) {
  std::vector<std::string> missing;
  std::set<std::string_view> seen;
  for (const ParamSpec& param : params)
    for (const std::string& source : param.sources)
      if (!checkpoint.find(source) && seen.insert(source).second) missing.push_back(source);
  if (missing.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(missing.size(), kListed); i++) {
    text += "\n  " + missing[i];
    std::string near = nearest_name(checkpoint, missing[i]);
    if (!near.empty()) text += fmt::format(" (nearest: {})", printable(near));
  }
  if (missing.size() > kListed) text += fmt::format("\n  and {} more", missing.size() - kListed);
  bad_input("{}: {} of the model's tensors are not in the checkpoint:{}",
            printable(checkpoint.folder, 1024), missing.size(), text);
}

}  // namespace mlc
