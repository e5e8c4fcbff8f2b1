#include "convert/missing.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/spelling.h"

namespace mlc {
namespace {

constexpr std::size_t kListed = 10;

// The one of `names` with the smallest edit distance; empty if none is near.
std::string nearest_name(const std::vector<std::string_view>& names, const std::string& wanted) {
  std::size_t best = wanted.size() / 3;
  std::string nearest;
  for (std::string_view name : names) {
    std::size_t distance = edit_distance(wanted, name, best);
    if (distance > best || (distance == best && !nearest.empty())) continue;
    best = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace

void throw_if_missing(const Checkpoint& checkpoint, const std::vector<ParamSpec>& params) {
  std::vector<std::string> missing;
  std::set<std::string_view> wanted;
  for (const ParamSpec& param : params)
    for (const std::string& source : param.sources)
      if (wanted.insert(source).second && !checkpoint.find(source)) missing.push_back(source);
  if (missing.empty()) return;
  // More and longer names than any real model's would make the search quadratic in hostile input.
  constexpr std::size_t kLongest = 256;
  constexpr std::size_t kSearched = 20000;
  std::vector<std::string_view> spare;
  for (const SourceTensor& t : checkpoint.tensors)
    if (spare.size() < kSearched && t.name.size() <= kLongest && !wanted.contains(t.name))
      spare.push_back(t.name);
  std::string text;
  for (std::size_t i = 0; i < std::min(missing.size(), kListed); i++) {
    text += "\n  " + missing[i];
    std::string near = nearest_name(spare, missing[i]);
    if (!near.empty()) text += fmt::format(" (nearest: {})", printable(near));
  }
  if (missing.size() > kListed) text += fmt::format("\n  and {} more", missing.size() - kListed);
  bad_input(
      "{}: {} of the model's tensors {} not in the checkpoint; do config and weights belong "
      "together?{}",
      printable(checkpoint.folder, 1024), missing.size(), missing.size() == 1 ? "is" : "are", text);
}

}  // namespace mlc
