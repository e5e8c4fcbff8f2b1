// Which elements of an output are wrong, in words: what a lane, a tail or a row has in common
// points at the line of a kernel that is at fault.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mlc {

// wrong[i]: of element i of rows of `width`. "all 96 elements", "every 8th element of a row, from
// 3 on", "the last 5 of 37 elements of a row", "row 2 of 4", else "12 of 96 elements".
std::string wrong_pattern(const std::vector<bool>& wrong, std::size_t width);

}  // namespace mlc
