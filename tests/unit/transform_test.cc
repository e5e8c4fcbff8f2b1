// The ops of the architectures that mlc_llm lacks, on numbers that can be followed by eye, and what
// does not fit them.
#include "convert/transform.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/plain_path.h"

namespace mlc {
namespace {

using Shape = std::vector<std::int64_t>;

ParamSpec make_spec(Op op, Shape shape, OpArgs args = {}) {
  ParamSpec spec;
  spec.name.push_back('p');
  spec.shape = std::move(shape);
  spec.op = op;
  spec.args = args;
  spec.sources.emplace_back("s");
  return spec;
}

// 0, 1, 2, ... in the source, moved as the segments say.
std::vector<double> moved(const ParamSpec& spec, const Shape& shape) {
  SourceTensor source;
  source.name = "s";
  source.shape = shape;
  const SourceTensor* const sources[] = {&source};
  Transform t = make_transform(spec, sources);
  std::int64_t cols = col_count(shape);
  auto at = [&](std::int64_t row, std::int64_t col) {
    if (t.even_columns_first) col = col < cols / 2 ? 2 * col : 2 * (col - cols / 2) + 1;
    return static_cast<double>(row * cols + col);
  };
  std::vector<double> out(static_cast<std::size_t>(t.rows * t.cols), -1);
  for (const RowSegment& s : t.segments)
    for (std::int64_t r = 0; r < s.rows; r++)
      for (std::int64_t c = 0; c < cols; c++) {
        std::int64_t row = s.dst_row + (s.transposed ? c : r);
        std::int64_t col = s.transposed ? r : c;
        out[static_cast<std::size_t>(row * t.cols + col)] = at(s.src_row + r * s.step, c);
      }
  return out;
}

// The same by the path that conversions are compared with.
std::vector<double> plain(const ParamSpec& spec, const Shape& shape) {
  PlainTensor source;
  source.shape = shape;
  std::int64_t count = 1;
  for (std::int64_t dim : shape)
    count *= dim;
  for (std::int64_t i = 0; i < count; i++)
    source.values.push_back(static_cast<double>(i));
  return plain_elements(spec, {&source});
}

void expect_moved(const ParamSpec& spec, const Shape& shape, const std::vector<double>& expected) {
  EXPECT_EQ(moved(spec, shape), expected) << op_name(spec.op);
  EXPECT_EQ(plain(spec, shape), expected) << op_name(spec.op);
}

// Two heads of q (1 row), k (1 row), v (2 rows), z (2 rows), as in Qwen 3 Next.
TEST(Transform, SplitsGroups) {
  OpArgs args{.heads = 2, .parts = {1, 1, 2, 2}, .first_part = 0, .part_count = 3};
  expect_moved(make_spec(Op::kSplitGroups, {8}, args), {12}, {0, 6, 1, 7, 2, 3, 8, 9});
  args.first_part = 3;
  args.part_count = 1;
  expect_moved(make_spec(Op::kSplitGroups, {4}, args), {12}, {4, 5, 10, 11});
  expect_moved(make_spec(Op::kSplitGroups, {4, 2}, args), {12, 2}, {8, 9, 10, 11, 20, 21, 22, 23});
}

// Two experts; gate and up alternate.
TEST(Transform, TakesAlternatingHalvesApart) {
  expect_moved(make_spec(Op::kDeinterleaveRows, {2, 4, 2}), {2, 4, 2},
               {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15});
  expect_moved(make_spec(Op::kDeinterleaveColumns, {2, 4}), {2, 4}, {0, 2, 1, 3, 4, 6, 5, 7});
}

TEST(Transform, TurnsEachExpert) {
  expect_moved(make_spec(Op::kTransposeEach, {2, 3, 2}), {2, 2, 3},
               {0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11});
  expect_moved(make_spec(Op::kTransposeDeinterleaved, {1, 4, 2}), {1, 2, 4},
               {0, 4, 2, 6, 1, 5, 3, 7});
}

void expect_refused(const ParamSpec& spec, const Shape& shape, const std::string& part) {
  try {
    moved(spec, shape);
    ADD_FAILURE() << op_name(spec.op) << " took " << shape_text(shape);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadInput);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Transform, RefusesWhatDoesNotFit) {
  OpArgs args{.heads = 2, .parts = {1, 1, 2, 2}, .first_part = 0, .part_count = 3};
  expect_refused(make_spec(Op::kSplitGroups, {8, 3}, args), {11, 3}, "expected [12, 3]");
  expect_refused(make_spec(Op::kSplitGroups, {9, 3}, args), {12, 3}, "8 rows together, expected 9");
  expect_refused(make_spec(Op::kDeinterleaveRows, {2, 4, 2}), {2, 2, 4}, "expected [2, 4, 2]");
  expect_refused(make_spec(Op::kDeinterleaveRows, {2, 3, 2}), {2, 3, 2}, "3 rows or columns");
  expect_refused(make_spec(Op::kDeinterleaveColumns, {2, 3}), {2, 3}, "3 rows or columns");
  expect_refused(make_spec(Op::kTransposeEach, {2, 3, 4}), {2, 3, 4}, "expected [2, 4, 3]");
  expect_refused(make_spec(Op::kTransposeDeinterleaved, {2, 3, 4}), {2, 4, 3}, "3 rows or columns");
}

}  // namespace
}  // namespace mlc
