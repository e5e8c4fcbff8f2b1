// Which known names a mistyped one probably meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

// Fewest insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
// (optimal string alignment), or limit + 1 when more than `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The closest of `known`, best first, at most `count`; ties keep the order of `known`. First what
// begins with `name` (three letters or more), then by edit distance, and only names within a third
// of the longer name's length (at least 1 edit), so an unrelated name gets nothing.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t count = 1);

}  // namespace mlc
