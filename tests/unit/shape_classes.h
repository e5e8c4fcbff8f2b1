// Which classes of shapes a kernel's case belongs to, and which of them every kernel has to be
// tested with: the table that says whether the cases are enough.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "verify/kernel_cases/instance.h"

namespace mlc {

enum class ShapeClass : std::uint8_t {
  kOneRow,
  kOddRows,   // more than one
  kTail,      // the width is no multiple of a group (q3: 40, else 32)
  kWhole,     // it is
  kPart,      // of a matrix: its slices lie behind 128 MiB, or it has some of the experts or tokens
  kOneGroup,  // a row of a matrix is one group, or less
  kOddCount,  // of a matrix' rows
};

inline std::string_view name_of(ShapeClass shape) {
  constexpr std::string_view kNames[] = {"one row", "odd rows",  "tail",     "whole groups",
                                         "part",    "one group", "odd count"};
  return kNames[static_cast<std::size_t>(shape)];
}

// Which words of a kernel are its kind (format, activation, mode), its rows, its width; of its
// matrix, how many rows it has and the first of them.
struct ShapeWords {
  static constexpr std::size_t kNone = kMaxWords;

  Kernel kernel;
  std::size_t kind, rows, width;
  bool weights = false;  // reads a matrix in one of their formats
  std::size_t count = kNone, begin = kNone;
};

inline const ShapeWords& shape_words(Kernel kernel) {
  constexpr std::size_t kNone = ShapeWords::kNone;
  static constexpr ShapeWords kWords[] = {
      {Kernel::kEmbed, 0, 4, 2, true, kNone, 5},
      {Kernel::kNorm, 0, 6, 1},
      {Kernel::kMatmul, 0, 6, 2, true, 3},
      {Kernel::kMoeMatmul, 0, 7, 2, true, 3, 9},
      {Kernel::kRope, 0, 3, 2},
      {Kernel::kKvStore, 0, 3, 1},
      {Kernel::kAttention, 0, 4, 1},
      {Kernel::kActivate, 0, 2, 3},
      {Kernel::kCombine, 0, 2, 3},
      {Kernel::kTopExperts, 2, 3, 0},
      {Kernel::kMoeSum, kNone, 2, 3},
      {Kernel::kArgmax, kNone, 1, 0},
      {Kernel::kSoftmax, kNone, 1, 0},
      {Kernel::kTopK, kNone, 2, 0},
      {Kernel::kTokenShift, kNone, 1, 0},
      {Kernel::kWkv5, kNone, 2, 0},
      {Kernel::kWkv6, kNone, 2, 0},
      {Kernel::kCopy, kNone, 0, 1},
  };
  static_assert(std::size(kWords) == kKernels.size());
  return *std::find_if(std::begin(kWords), std::end(kWords),
                       [&](const ShapeWords& words) { return words.kernel == kernel; });
}

// The classes that cases of this kernel must have.
inline std::span<const ShapeClass> classes_for(Kernel kernel) {
  static constexpr ShapeClass kAll[] = {
      ShapeClass::kOneRow, ShapeClass::kOddRows,  ShapeClass::kTail,    ShapeClass::kWhole,
      ShapeClass::kPart,   ShapeClass::kOneGroup, ShapeClass::kOddCount};
  const ShapeWords& words = shape_words(kernel);
  return std::span(kAll).first(words.count != ShapeWords::kNone ? 7 : words.weights ? 6 : 4);
}

inline std::vector<ShapeClass> classes_of(const Instance& t) {
  const ShapeWords& words = shape_words(t.kernel);
  const bool q3 = words.weights && WeightFormat{t.words[words.kind]} == WeightFormat::kQ3;
  const std::size_t group = q3 ? 40 : 32, rows = t.size(words.rows), width = t.size(words.width);
  const bool counted = words.count != ShapeWords::kNone, begins = words.begin != ShapeWords::kNone;
  std::vector<ShapeClass> classes;
  const auto add_if = [&](bool holds, ShapeClass c) {
    if (holds) classes.push_back(c);
  };
  add_if(rows == 1, ShapeClass::kOneRow);
  add_if(rows > 1 && rows % 2 == 1, ShapeClass::kOddRows);
  add_if(width % group != 0, ShapeClass::kTail);
  add_if(width % group == 0, ShapeClass::kWhole);
  add_if(t.front > 128 << 20 || (begins && t.words[words.begin] != 0), ShapeClass::kPart);
  add_if(words.weights && width <= group, ShapeClass::kOneGroup);
  add_if(counted && t.size(words.count) % 2 == 1, ShapeClass::kOddCount);
  return classes;
}

}  // namespace mlc
