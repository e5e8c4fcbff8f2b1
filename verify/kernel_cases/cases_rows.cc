// Cases of norm, activate, combine, copy, moe_sum.
#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

struct NormShape {
  std::size_t rows, heads, width;
  std::uint32_t kind;
  bool residual, weight, bias, per_head;
  // Which buffers are x itself.
  bool sum_is_x, y_is_x;
  std::size_t gap, offset;
  Values values = Values::kUnit;
};

Instance norm(const std::string& name, const NormShape& s) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kNorm;
  const std::size_t row = s.heads * s.width, x_stride = s.offset + row + s.gap;
  const std::size_t y_offset = s.y_is_x ? s.offset : s.gap;
  const std::size_t y_stride = s.y_is_x ? x_stride : y_offset + row + s.offset;
  t.words = {s.kind,         word(s.width),  s.residual,    s.weight,       s.bias,
             s.per_head,     word(s.rows),   word(s.heads), word(x_stride), word(s.offset),
             word(y_stride), word(y_offset), word(1e-5f)};
  t.buffers[0] = random_rows(random, {s.rows, row, x_stride, s.offset}, s.values);
  if (s.residual) t.buffers[1] = random_rows(random, {s.rows, row, x_stride, s.offset}, s.values);
  const std::size_t vector = s.per_head ? row : s.width;
  if (s.weight) t.buffers[2] = random_vector(random, vector);
  if (s.bias) t.buffers[3] = random_vector(random, vector);
  if (s.residual && s.sum_is_x)
    t.same_as[4] = 0;
  else if (s.residual)
    t.buffers[4] = random_rows(random, {s.rows, row, x_stride, s.offset});
  if (s.y_is_x)
    t.same_as[5] = 0;
  else
    t.buffers[5] = random_rows(random, {s.rows, row, y_stride, y_offset});
  return t;
}

Instance activate(const std::string& name, std::uint32_t kind, bool gated, std::size_t width,
                  Values values) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kActivate;
  const std::size_t rows = width % 9 == 0 ? 1 : 3, x_width = gated ? 2 * width : width,
                    gap = width % 2 * 3;
  const bool in_place = !gated && width % 4 == 0;
  const std::size_t x_stride = gap + x_width, y_stride = in_place ? x_stride : width + 1;
  const std::size_t y_offset = in_place ? gap : 1;
  t.words = {kind,           gated,     word(rows),     word(width),
             word(x_stride), word(gap), word(y_stride), word(y_offset)};
  t.buffers[0] = random_rows(random, {rows, x_width, x_stride, gap}, values);
  if (values == Values::kUnit)  // wider, and the ends of exp
    for (std::size_t r = 0; r < rows; r++)
      for (std::size_t i = 0; i < width; i++) {
        std::uint32_t& x = t.buffers[0][r * x_stride + gap + i];
        x = word(bits_f32(x) * (i % 3 == 0 ? 88.0f : i % 3 == 1 ? 10.0f : 0.5f));
        if (i == 7) x = word(0.0f);
      }
  if (in_place)
    t.same_as[1] = 0;
  else
    t.buffers[1] = random_rows(random, {rows, width, y_stride, y_offset});
  return t;
}

// Which of a, b, c are one vector for all rows, and which is y.
struct CombineForm {
  bool broadcast, b_vector, c_vector;
  int y_is;  // 0: a, 1: b, -1: neither
  std::size_t rows, width;
};

Instance combine(const std::string& name, std::uint32_t kind, const CombineForm& f) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kCombine;
  const std::size_t rows = f.rows, w = f.width;
  const Rows a{rows, w, w + 2, 1};
  const Rows b = f.broadcast  ? Rows{rows, 1, 3, 2}
                 : f.b_vector ? Rows{1, w, 0, 5}
                              : Rows{rows, w, w, 0};
  const Rows c = f.c_vector ? Rows{1, w, 0, 3} : Rows{rows, w, w + 5, 2};
  const Rows y = f.y_is == 0 ? a : f.y_is == 1 ? b : Rows{rows, w, w + 1, 1};
  const auto combination = Combine{kind};
  const float alpha = combination == Combine::kSoftcap ? 30.0f : 0.75f;
  t.words = {kind,           f.broadcast,    word(rows),     word(w),        word(a.stride),
             word(a.offset), word(b.stride), word(b.offset), word(c.stride), word(c.offset),
             word(y.stride), word(y.offset), word(alpha),    word(-2.0f)};
  t.buffers[0] = random_rows(random, a);
  if (combination == Combine::kSoftcap)
    for (auto& value : t.buffers[0])
      value = word(bits_f32(value) * 100.0f);
  if (combination != Combine::kSoftcap) t.buffers[1] = random_rows(random, b);
  if (combination == Combine::kLerp || combination == Combine::kAddScaled)
    t.buffers[2] = random_rows(random, c);
  if (f.y_is >= 0)
    t.same_as[3] = static_cast<std::size_t>(f.y_is);
  else
    t.buffers[3] = random_rows(random, y);
  return t;
}

Instance copy(const std::string& name, std::size_t rows, std::size_t width, std::size_t gap) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kCopy;
  t.words = {word(rows), word(width), word(width + gap), word(gap), word(width + 2), word(gap / 2)};
  t.buffers[0].resize(rows * (width + gap) + gap);
  for (auto& value : t.buffers[0])  // any bits, NaN among them
    value = static_cast<std::uint32_t>(random.next());
  t.buffers[1] = random_rows(random, {rows, width, width + 2, gap / 2});
  return t;
}

Instance moe_sum(const std::string& name, std::size_t top_k, int residual, std::size_t width) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kMoeSum;
  const std::size_t rows = residual == 1 ? 1 : 3, stride = width + 4;
  t.words = {word(top_k), residual > 0, word(rows), word(width), word(stride)};
  t.buffers[0] = random_vector(random, rows * top_k * width);
  t.buffers[1] = random_vector(random, rows * top_k);
  if (residual > 0) t.buffers[2] = random_rows(random, {rows, width, stride, 0});
  if (residual == 2)
    t.same_as[3] = 2;
  else
    t.buffers[3] = random_rows(random, {rows, width, stride, 0});
  return t;
}

std::string_view data_name(Values values) {
  switch (values) {
    case Values::kLarge:
      return "large activations";
    case Values::kSteep:
      return "squares near the end of float32";
    case Values::kTiny:
      return "tiny activations";
    case Values::kDenormal:
      return "subnormal activations";
    case Values::kMixed:
      return "activations of all magnitudes";
    case Values::kZero:
      return "activations of zero";
    default:
      return "";
  }
}

// Of numbers of 2^40.
bool overflows(Activation kind) {
  return kind == Activation::kExp || kind == Activation::kExpNegExp;
}

}  // namespace

void add_row_cases(Cases& cases) {
  const NormShape norms[] = {
      // rows, heads, width, kind, residual, weight, bias, per_head, sum_is_x, y_is_x, gap, offset
      {1, 1, 64, 0, false, true, false, false, false, false, 0, 0},
      {1, 1, 2048, 0, true, true, false, false, true, false, 0, 0},
      {3, 1, 100, 0, true, true, false, false, false, false, 4, 8},
      {2, 4, 64, 0, false, true, false, false, false, true, 64, 32},  // heads' norms in place
      {2, 3, 80, 0, false, true, false, true, false, true, 0, 0},
      {5, 1, 7, 0, false, false, false, false, false, false, 3, 1},
      {1, 1, 4099, 0, false, true, false, false, false, false, 0, 0},
      {1, 1, 1, 0, false, true, false, false, false, false, 0, 0},
      {1, 1, 768, 1, false, true, true, false, false, false, 0, 0},
      {4, 1, 768, 1, true, true, true, false, true, false, 0, 0},
      {3, 1, 101, 1, true, true, false, false, false, false, 1, 1},
      {2, 2, 64, 1, false, true, true, true, false, false, 8, 4},
      {2, 5, 64, 1, false, false, false, false, false, true, 0, 0},
      {40, 1, 256, 1, true, true, true, false, true, false, 0, 0},
      {1, 1, 300, 1, false, true, true, false, false, false, 0, 0, Values::kPositive},
      {2, 1, 512, 0, false, true, false, false, false, false, 0, 0, Values::kLarge},
      {2, 1, 512, 0, true, true, false, false, true, false, 0, 0, Values::kTiny},
      {2, 1, 512, 1, false, true, true, false, false, false, 0, 0, Values::kDenormal},
      {2, 1, 512, 1, false, true, true, false, false, false, 0, 0, Values::kMixed},
      {2, 1, 512, 0, false, true, false, false, false, false, 0, 0, Values::kSteep},
      {2, 1, 512, 1, false, true, true, false, false, false, 0, 0, Values::kSteep},
      {2, 1, 512, 0, false, true, false, false, false, false, 0, 0, Values::kZero},
      {2, 1, 512, 1, false, true, true, false, false, false, 0, 0, Values::kZero},
      {2, 1, 512, 0, false, true, false, false, false, false, 0, 0, Values::kDenormal},
      {2, 1, 512, 0, false, true, false, false, false, false, 0, 0, Values::kMixed},
  };
  std::size_t index = 0;
  for (const NormShape& s : norms) {
    const std::string name = fmt::format("norm/{} {}x{}x{} #{}", s.kind == 0 ? "rms" : "layer",
                                         s.rows, s.heads, s.width, index++);
    const bool core = s.width == 101 || s.width == 80 || s.width == 512 || s.width == 2048;
    cases.push_back(
        {name, Kernel::kNorm, false, [=] { return norm(name, s); }, "", data_name(s.values), core});
  }
  for (std::uint32_t kind = 0; kind <= 10; kind++)
    for (const bool gated : {false, true})
      for (const std::size_t width : {1u, 64u, 333u})
        for (const Values values : {Values::kUnit, Values::kDenormal, Values::kLarge}) {
          if (values != Values::kUnit && width != 64) continue;
          if (values == Values::kLarge && overflows(Activation{kind})) continue;
          const std::string_view data = data_name(values);
          const std::string name = fmt::format("activate/{}{} {}{}{}", kind, gated ? " gated" : "",
                                               width, data.empty() ? "" : " ", data);
          cases.push_back({name, Kernel::kActivate, false,
                           [=] { return activate(name, kind, gated, width, values); }, "", data,
                           width != 1});
        }
  const CombineForm forms[] = {
      {false, false, false, -1, 3, 64}, {false, false, true, 0, 1, 100},
      {false, true, true, -1, 4, 33},   {false, false, true, 1, 4, 7},
      {true, false, false, -1, 4, 64},  {true, false, true, 0, 4, 1},
  };
  for (std::uint32_t kind = 0; kind <= 5; kind++) {
    std::size_t form = 0;
    for (const CombineForm& f : forms) {
      const std::string name = fmt::format("combine/{} #{}", kind, form++);
      if (Combine{kind} == Combine::kSoftcap && f.y_is == 1) continue;  // has no b
      cases.push_back(
          {name, Kernel::kCombine, false, [=] { return combine(name, kind, f); }, "", "", true});
    }
  }
  for (const std::size_t width : {1u, 3u, 64u, 1000u})
    for (const std::size_t rows : {1u, 5u}) {
      const std::string name = fmt::format("copy/{}x{}", rows, width);
      cases.push_back({name, Kernel::kCopy, false,
                       [=] { return copy(name, rows, width, width % 4); }, "", "", true});
    }
  for (const std::size_t top_k : {1u, 2u, 8u})
    for (const int residual : {0, 1, 2}) {
      const std::size_t width = top_k == 2 ? 97 : 64;
      const std::string name = fmt::format("moe_sum/{} of {} #{}", top_k, width, residual);
      cases.push_back({name, Kernel::kMoeSum, false,
                       [=] { return moe_sum(name, top_k, residual, width); }, "", "", top_k == 2});
    }
}

}  // namespace mlc
