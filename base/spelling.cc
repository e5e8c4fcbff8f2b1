#include "base/spelling.h"

#include <algorithm>
#include <utility>

namespace mlc {
namespace {

constexpr std::size_t kMinPrefix = 3;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return limit + 1;
  // Three rows of the table of distances between prefixes; the third is for swaps.
  std::vector<std::size_t> two_back(a.size() + 1), back(a.size() + 1), row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); i++)
    back[i] = i;
  for (std::size_t j = 1; j <= b.size(); j++) {
    row[0] = j;
    std::size_t least = j;
    for (std::size_t i = 1; i <= a.size(); i++) {
      std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      row[i] = std::min({row[i - 1] + 1, back[i] + 1, back[i - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[i] = std::min(row[i], two_back[i - 2] + 1);
      least = std::min(least, row[i]);
    }
    // A later row is nowhere less than the least of this one, except through a swap, which starts
    // one row further back and adds one: hence the strict comparison against both.
    if (least > limit && *std::min_element(back.begin(), back.end()) >= limit) return limit + 1;
    std::swap(two_back, back);
    std::swap(back, row);
  }
  return std::min(back[a.size()], limit + 1);
}

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t count) {
  std::vector<std::pair<std::size_t, const std::string*>> found;
  for (const std::string& other : known) {
    std::size_t limit = std::max<std::size_t>(1, std::max(name.size(), other.size()) / 3);
    std::size_t distance = edit_distance(name, other, limit);
    // A word that breaks off is nearer to what it begins than any word of its own length is.
    if (name.size() >= kMinPrefix && other.starts_with(name)) distance = 0;
    if (distance <= limit) found.emplace_back(distance, &other);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(count, found.size()); i++)
    names.push_back(*found[i].second);
  return names;
}

}  // namespace mlc
