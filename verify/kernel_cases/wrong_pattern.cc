#include "verify/kernel_cases/wrong_pattern.h"

#include <algorithm>

#include <fmt/format.h>

namespace mlc {
namespace {

// How often each place is wrong, of `parts` repetitions.
std::vector<std::size_t> counts(const std::vector<bool>& wrong, std::size_t width, bool by_row) {
  std::vector<std::size_t> found(by_row ? (wrong.size() + width - 1) / width : width);
  for (std::size_t i = 0; i < wrong.size(); i++)
    if (wrong[i]) found[by_row ? i / width : i % width]++;
  return found;
}

// An element may be right by chance: where more than half of those of a class are wrong, and none
// of the others, the class is what matters.
bool most(std::size_t wrong, std::size_t of) { return wrong * 2 > of; }

// The last elements of a row, less than half of it.
std::size_t tail_of(const std::vector<std::size_t>& columns) {
  const auto first =
      std::find_if(columns.begin(), columns.end(), [](std::size_t n) { return n > 0; });
  const auto length = static_cast<std::size_t>(columns.end() - first);
  const auto bad = static_cast<std::size_t>(
      std::count_if(first, columns.end(), [](std::size_t n) { return n > 0; }));
  return length * 2 < columns.size() && most(bad, length) && columns.back() > 0 ? length : 0;
}

struct Lane {
  std::size_t step = 0;  // 0: none
  std::size_t first = 0;
};
// The coarsest step that all wrong places have in common.
Lane lane_of(const std::vector<std::size_t>& places) {
  Lane found;
  for (std::size_t step = 2; step <= 128 && step * 2 <= places.size(); step *= 2) {
    std::size_t bad = 0, residues = 0, first = 0;
    for (std::size_t r = 0; r < step; r++) {
      std::size_t here = 0;
      for (std::size_t i = r; i < places.size(); i += step)
        here += places[i] > 0 ? std::size_t{1} : 0;
      if (here == 0) continue;
      residues++;
      first = r;
      bad = here;
    }
    if (residues == 1 && bad > 1 && most(bad, (places.size() - first + step - 1) / step))
      found = {step, first};
  }
  return found;
}

std::string ordinal(std::size_t n) {
  return n == 2 ? "second" : n == 32 ? "32nd" : fmt::format("{}th", n);
}

}  // namespace

std::string wrong_pattern(const std::vector<bool>& wrong, std::size_t width) {
  const auto count = static_cast<std::size_t>(std::count(wrong.begin(), wrong.end(), true));
  if (count == 0) return "";
  if (count == wrong.size()) return fmt::format("all {} elements", count);
  width = std::clamp<std::size_t>(width, 1, wrong.size());
  const std::vector<std::size_t> columns = counts(wrong, width, false);
  const std::vector<std::size_t> rows = counts(wrong, width, true);
  if (const Lane lane = lane_of(columns); lane.step != 0)
    return fmt::format("every {} element of a row, from {} on", ordinal(lane.step), lane.first);
  if (const std::size_t tail = tail_of(columns); tail != 0)
    return fmt::format("the last {} of {} elements of a row", tail, width);
  if (std::count_if(rows.begin(), rows.end(), [](std::size_t n) { return n > 0; }) == 1 &&
      rows.size() > 1) {
    const auto row = std::find_if(rows.begin(), rows.end(), [](std::size_t n) { return n > 0; });
    return fmt::format("{} of {} elements of row {} of {}", *row, width, row - rows.begin(),
                       rows.size());
  }
  if (const Lane lane = lane_of(rows); lane.step != 0)
    return fmt::format("every {} row, from {} on", ordinal(lane.step), lane.first);
  return fmt::format("{} of {} elements", count, wrong.size());
}

}  // namespace mlc
