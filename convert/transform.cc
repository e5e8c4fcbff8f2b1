#include "convert/transform.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/error.h"

namespace mlc {
namespace {

using Shape = std::vector<std::int64_t>;

class Layout {
 public:
  Layout(const ParamSpec& spec, std::span<const SourceTensor* const> sources)
      : spec_(spec), sources_(sources) {
    out_.shape = spec.shape;
  }

  Transform finish() {
    checked_elements(out_.shape, spec_.name);
    out_.rows = row_count(out_.shape);
    out_.cols = col_count(out_.shape);
    return std::move(out_);
  }

  // The sources lie one after the other along axis 0 of the param.
  void concat() {
    Shape tail(out_.shape.begin() + 1, out_.shape.end());
    std::int64_t total = 0;
    for (const SourceTensor* s : sources_) {
      Shape wanted = s->shape;
      if (wanted.empty()) wrong_shape(*s, out_.shape);
      if (!std::equal(wanted.begin() + 1, wanted.end(), tail.begin(), tail.end())) {
        wanted = tail;
        wanted.insert(wanted.begin(), s->shape[0]);
        wrong_shape(*s, wanted);
      }
      if (__builtin_add_overflow(total, s->shape[0], &total)) wrong_shape(*s, out_.shape);
    }
    if (spec_.symbolic_rows) out_.shape[0] = total;
    if (total != out_.shape[0]) {
      if (sources_.size() == 1) wrong_shape(*sources_[0], out_.shape);
      bad_input("param {}: its {} sources have {} rows together, expected {} (the first is {} {})",
                spec_.name, sources_.size(), total, out_.shape[0], printable(sources_[0]->name),
                shape_text(sources_[0]->shape));
    }
    append_all();
  }

  // The sources lie side by side.
  void concat_columns() {
    std::int64_t total = 0;
    out_.side_by_side = true;
    for (std::size_t i = 0; i < sources_.size(); i++) {
      const SourceTensor& s = *sources_[i];
      if (s.shape.size() != 2 || s.shape[0] != out_.shape[0] ||
          __builtin_add_overflow(total, s.shape[1], &total) || total > out_.shape[1])
        wrong_shape(s, {out_.shape[0], out_.shape[1] / static_cast<std::int64_t>(sources_.size())});
      if (s.dtype != sources_[0]->dtype)
        bad_input("tensor {} is {}, but {}, which it is joined with for param {}, is {}",
                  printable(s.name), name_of(s.dtype), printable(sources_[0]->name), spec_.name,
                  name_of(sources_[0]->dtype));
      add({.source = i, .rows = s.shape[0], .dst_col = total - s.shape[1]});
    }
    if (total != out_.shape[1])
      bad_input(
          "param {}: its {} sources have {} columns together, expected {} (the first is {} {})",
          spec_.name, sources_.size(), total, out_.shape[1], printable(sources_[0]->name),
          shape_text(sources_[0]->shape));
  }

  // The first of sources that are the same (their reader compares them).
  void shared() {
    for (const SourceTensor* s : sources_)
      if (s->shape != out_.shape) wrong_shape(*s, out_.shape);
    add({.rows = row_count(out_.shape)});
  }

  // E tensors (or E groups of tensors joined along rows) become [E, rows, cols].
  void stack(std::size_t per_expert) {
    auto experts = static_cast<std::size_t>(out_.shape[0]);
    if (sources_.size() != experts * per_expert)
      bad_input("param {}: {} sources, expected {}", spec_.name, sources_.size(),
                experts * per_expert);
    Shape one(out_.shape.begin() + 1, out_.shape.end());
    for (std::size_t e = 0; e < experts; e++) {
      std::int64_t rows = 0;
      for (std::size_t k = 0; k < per_expert; k++) {
        const SourceTensor& s = *sources_[e * per_expert + k];
        Shape wanted = one;
        if (per_expert > 1) wanted[0] = one[0] / static_cast<std::int64_t>(per_expert);
        if (s.shape != wanted) wrong_shape(s, wanted);
        rows += s.shape[0];
      }
      if (rows != one[0])
        bad_input("param {}: expert {} has {} rows, expected {}", spec_.name, e, rows, one[0]);
    }
    append_all();
  }

  void whole() {
    const SourceTensor& s = single();
    if (s.shape != out_.shape) wrong_shape(s, out_.shape);
    append_all();
  }

  void transpose() {
    const SourceTensor& s = single();
    Shape wanted = {out_.shape[1], out_.shape[0]};
    if (s.shape != wanted) wrong_shape(s, wanted);
    add({.src_row = 0, .rows = wanted[0], .dst_row = 0, .transposed = true});
  }

  // Rows [groups, parts..., dim]: part p of every group goes to the p-th run of the output.
  void split(std::int64_t groups, std::span<const std::int64_t> part_rows) {
    const SourceTensor& s = single();
    if (s.shape != out_.shape) wrong_shape(s, out_.shape);
    std::int64_t group_rows = 0;
    for (std::int64_t p : part_rows)
      group_rows += p;
    if (groups <= 0 || group_rows <= 0 || groups * group_rows != s.shape[0])
      bad_input("param {}: {} rows can't be split into {} groups of {} (heads in the config?)",
                spec_.name, s.shape[0], groups, group_rows);
    std::int64_t dst = 0;
    std::int64_t part_start = 0;
    for (std::int64_t p : part_rows) {
      for (std::int64_t g = 0; g < groups; g++) {
        add({.src_row = g * group_rows + part_start, .rows = p, .dst_row = dst});
        dst += p;
      }
      part_start += p;
    }
  }

  // Rows [groups, parts..., dim]: of some parts, one after the other, the rows of every group.
  void split_groups() {
    const SourceTensor& s = single();
    const OpArgs& a = spec_.args;
    std::int64_t group_rows = 0;
    for (std::int64_t part : a.parts)
      if (__builtin_add_overflow(group_rows, part, &group_rows)) wrong_shape(s, out_.shape);
    Shape wanted = out_.shape;
    if (__builtin_mul_overflow(a.heads, group_rows, &wanted[0]) || s.shape != wanted)
      wrong_shape(s, wanted);
    std::int64_t dst = 0;
    std::int64_t start = 0;
    for (std::size_t p = 0; p < a.first_part + a.part_count; p++) {
      for (std::int64_t g = 0; p >= a.first_part && g < a.heads; g++) {
        add({.src_row = g * group_rows + start, .rows = a.parts[p], .dst_row = dst});
        dst += a.parts[p];
      }
      start += a.parts[p];
    }
    if (dst != out_.shape[0])
      bad_input("param {}: its parts of {} have {} rows together, expected {}", spec_.name,
                printable(s.name), dst, out_.shape[0]);
  }

  // [E, 2 n, cols]: the even rows of each E, then the odd ones.
  void deinterleave_rows() {
    const SourceTensor& s = single();
    if (s.shape != out_.shape) wrong_shape(s, out_.shape);
    std::int64_t rows = even(out_.shape[1]);
    for (std::int64_t e = 0; e < out_.shape[0]; e++)
      for (std::int64_t odd = 0; odd < 2; odd++)
        add({.src_row = e * rows + odd,
             .rows = rows / 2,
             .dst_row = e * rows + odd * (rows / 2),
             .step = 2});
  }

  // [..., 2 n]: the same within each row.
  void deinterleave_columns() {
    even(out_.shape.back());
    out_.even_columns_first = true;
    whole();
  }

  // [E, a, b] -> [E, b, a].
  void transpose_each(bool deinterleaved) {
    const SourceTensor& s = single();
    Shape wanted = {out_.shape[0], out_.shape[2], out_.shape[1]};
    if (s.shape != wanted) wrong_shape(s, wanted);
    if (deinterleaved) even(wanted[2]);
    out_.even_columns_first = deinterleaved;
    for (std::int64_t e = 0; e < wanted[0]; e++)
      add({.src_row = e * wanted[1],
           .rows = wanted[1],
           .dst_row = e * wanted[2],
           .transposed = true});
  }

  // [heads * (nope + value), rank]: the key half turned per head, or the value half as it is.
  void mla(bool key) {
    const SourceTensor& s = single();
    const OpArgs& a = spec_.args;
    std::int64_t per_head = a.nope + a.value;
    std::int64_t rank = key ? out_.shape[1] : out_.shape[2];
    Shape wanted = {a.heads * per_head, rank};
    if (s.shape != wanted) wrong_shape(s, wanted);
    for (std::int64_t h = 0; h < a.heads; h++) {
      if (key)
        add({.src_row = h * per_head, .rows = a.nope, .dst_row = h * rank, .transposed = true});
      else
        add({.src_row = h * per_head + a.nope, .rows = a.value, .dst_row = h * a.value});
    }
  }

  void elementwise(Elementwise e) {
    out_.elementwise = e;
    out_.exponent = spec_.args.exponent;
    whole();
  }

 private:
  std::int64_t even(std::int64_t count) const {
    if (count % 2 != 0)
      bad_input("param {}: {} rows or columns can't alternate between two halves", spec_.name,
                count);
    return count;
  }

  void add(RowSegment segment) { out_.segments.push_back(segment); }

  void append_all() {
    std::int64_t dst = 0;
    for (std::size_t i = 0; i < sources_.size(); i++) {
      std::int64_t rows = row_count(sources_[i]->shape);
      add({.source = i, .rows = rows, .dst_row = dst});
      dst += rows;
    }
  }

  const SourceTensor& single() const {
    if (sources_.size() != 1)
      fail(ExitCode::kBug, "param {}: {} takes one source, the table gives {}", spec_.name,
           op_name(spec_.op), sources_.size());
    return *sources_[0];
  }

  [[noreturn]] void wrong_shape(const SourceTensor& s, const Shape& wanted) const {
    bad_input(
        "tensor {} has shape {}, expected {} (for param {}); do config and weights belong "
        "together?",
        printable(s.name), shape_text(s.shape), shape_text(wanted), spec_.name);
  }

  const ParamSpec& spec_;
  std::span<const SourceTensor* const> sources_;
  Transform out_;
};

}  // namespace

std::int64_t checked_elements(std::span<const std::int64_t> shape, std::string_view what) {
  std::int64_t n = 1;
  for (std::int64_t d : shape)
    if (d < 0 || __builtin_mul_overflow(n, d, &n))
      bad_input("{}: shape {} is impossible", printable(what), shape_text(shape));
  return n;
}

std::int64_t row_count(std::span<const std::int64_t> shape) {
  if (shape.empty()) return 1;
  if (shape.size() == 1) return shape[0];
  std::int64_t n = 1;
  for (std::int64_t d : shape.first(shape.size() - 1))
    n *= d;
  return n;
}

std::int64_t col_count(std::span<const std::int64_t> shape) {
  return shape.size() < 2 ? 1 : shape.back();
}

Transform make_transform(const ParamSpec& spec, std::span<const SourceTensor* const> sources) {
  Layout layout(spec, sources);
  const OpArgs& a = spec.args;
  switch (spec.op) {
    case Op::kCopy:
    case Op::kConcat:
      spec.shape.empty() ? layout.whole() : layout.concat();
      break;
    case Op::kConcatColumns:
      layout.concat_columns();
      break;
    case Op::kShared:
      layout.shared();
      break;
    case Op::kStack:
      layout.stack(1);
      break;
    case Op::kStackOfConcat:
      layout.stack(2);
      break;
    case Op::kTranspose:
      layout.transpose();
      break;
    case Op::kAddOne:
      layout.elementwise(Elementwise::kAddOne);
      break;
    case Op::kAddOneF32:
      layout.elementwise(Elementwise::kAddOneF32);
      break;
    case Op::kDivPow2:
      layout.elementwise(Elementwise::kDivPow2);
      break;
    case Op::kExpNegExp:
      layout.elementwise(Elementwise::kExpNegExp);
      break;
    case Op::kSplitInterleavedQkv: {
      const std::int64_t parts[] = {a.head_dim, a.head_dim, a.head_dim};
      layout.split(a.heads, parts);
      break;
    }
    case Op::kSplitGroupedQkv: {
      const std::int64_t parts[] = {a.queries * a.head_dim, a.head_dim, a.head_dim};
      layout.split(a.heads, parts);
      break;
    }
    case Op::kSplitGroups:
      layout.split_groups();
      break;
    case Op::kDeinterleaveRows:
      layout.deinterleave_rows();
      break;
    case Op::kDeinterleaveColumns:
      layout.deinterleave_columns();
      break;
    case Op::kTransposeEach:
      layout.transpose_each(false);
      break;
    case Op::kTransposeDeinterleaved:
      layout.transpose_each(true);
      break;
    case Op::kMlaKvBK:
      layout.mla(true);
      break;
    case Op::kMlaKvBV:
      layout.mla(false);
      break;
  }
  return layout.finish();
}

std::string_view op_name(Op op) {
  switch (op) {
    case Op::kCopy:
      return "copy";
    case Op::kConcat:
      return "concat";
    case Op::kConcatColumns:
      return "concat_columns";
    case Op::kShared:
      return "shared";
    case Op::kStack:
      return "stack";
    case Op::kStackOfConcat:
      return "stack_of_concat";
    case Op::kTranspose:
      return "transpose";
    case Op::kAddOne:
      return "add_one";
    case Op::kAddOneF32:
      return "add_one_f32";
    case Op::kSplitInterleavedQkv:
      return "split_interleaved_qkv";
    case Op::kSplitGroupedQkv:
      return "split_grouped_qkv";
    case Op::kSplitGroups:
      return "split_groups";
    case Op::kDeinterleaveRows:
      return "deinterleave_rows";
    case Op::kDeinterleaveColumns:
      return "deinterleave_columns";
    case Op::kTransposeEach:
      return "transpose_each";
    case Op::kTransposeDeinterleaved:
      return "transpose_deinterleaved";
    case Op::kMlaKvBK:
      return "mla_kv_b_k";
    case Op::kMlaKvBV:
      return "mla_kv_b_v";
    case Op::kDivPow2:
      return "div_pow2";
    case Op::kExpNegExp:
      return "exp_neg_exp";
  }
  return "";
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace mlc
