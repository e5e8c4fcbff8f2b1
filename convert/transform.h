// How the rows of a param are gathered from its source tensors.
//
// Every op of the registry except the element-wise ones only moves rows, so all of them become one
// list of segments; the executor knows segments, not ops. A tensor [d0, ..., dn] is seen as rows of
// its last dimension; a 1-D tensor as rows of one element.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "convert/source.h"
#include "models/param_spec.h"

namespace mlc {

// Rows [src_row, src_row + rows) of one source go to the param's rows from dst_row on. Transposed:
// the block [rows, source cols] is turned first, and gives `source cols` rows of `rows` elements.
struct RowSegment {
  std::size_t source = 0;  // index into the param's sources
  std::int64_t src_row = 0;
  std::int64_t rows = 0;
  std::int64_t dst_row = 0;
  bool transposed = false;
  std::int64_t dst_col = 0;  // other than 0 in joins of columns only (Transform::side_by_side)
  std::int64_t step = 1;     // every step-th row of the source: src_row, src_row + step, ...
};

// What happens to each element between reading and the cast; all but kNone are rare (norms, RWKV).
enum class Elementwise : std::uint8_t { kNone, kAddOne, kAddOneF32, kDivPow2, kExpNegExp };

struct Transform {
  std::vector<std::int64_t> shape;   // of the param, symbolic rows made concrete
  std::int64_t rows = 0;             // product of all dimensions but the last (1-D: shape[0])
  std::int64_t cols = 0;             // the last dimension (1-D: 1)
  std::vector<RowSegment> segments;  // cover [0, rows) without overlap
  // Instead, all segments cover all rows, and different columns of them.
  bool side_by_side = false;
  // Within each row of a source the even columns come first, then the odd ones; before turning.
  bool even_columns_first = false;
  Elementwise elementwise = Elementwise::kNone;
  std::int64_t exponent = 0;  // kDivPow2
};

// The element count of a shape; Error(kBadInput) naming `what` on overflow or a negative dimension.
std::int64_t checked_elements(std::span<const std::int64_t> shape, std::string_view what);

// Rows and columns of a tensor as segments see it.
std::int64_t row_count(std::span<const std::int64_t> shape);
std::int64_t col_count(std::span<const std::int64_t> shape);

// Checks the shapes of the sources against the spec and lays out the segments. Error(kBadInput)
// names the param, the source, the shape found and the one expected.
Transform make_transform(const ParamSpec& spec, std::span<const SourceTensor* const> sources);

std::string_view op_name(Op op);
// "[2, 3]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace mlc
