// Cases of embed, matmul, moe_matmul.
#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

struct MatmulShape {
  std::size_t rows, k, n;
  bool bias, residual, in_place;
  std::size_t x_gap, x_offset, y_gap, y_offset;
  float scale;
  Values values = Values::kUnit;
  WeightData data = WeightData::kMixed;
};

// What the numbers of a case are besides the usual ones.
struct Data {
  std::string_view name;
  WeightData weights;
  Values values;
  bool groups_only;
};
constexpr Data kData[] = {
    {"scales of both signs", WeightData::kMixed, Values::kUnit, true},
    {"positive scales", WeightData::kPositive, Values::kUnit, true},
    {"negative scales", WeightData::kNegative, Values::kUnit, true},
    {"the highest code", WeightData::kTopCode, Values::kUnit, true},
    {"code 0", WeightData::kBottomCode, Values::kUnit, true},
    {"the code of zero", WeightData::kZeroCode, Values::kUnit, true},
    {"scales of zero", WeightData::kZeroScale, Values::kUnit, true},
    {"subnormal scales", WeightData::kDenormalScale, Values::kUnit, true},
    {"usual numbers", WeightData::kMixed, Values::kUnit, false},
    {"subnormal weights", WeightData::kTiny, Values::kUnit, false},
    {"sums beyond float16", WeightData::kMixed, Values::kLarge, false},
    {"sums near the end of float32", WeightData::kLarge, Values::kHuge, false},
    {"tiny activations", WeightData::kMixed, Values::kTiny, false},
    {"subnormal activations", WeightData::kMixed, Values::kDenormal, false},
    {"activations of zero", WeightData::kMixed, Values::kZero, false},
};
bool has_data(const Format& f, const Data& d) {
  const bool grouped = f.weight == WeightFormat::kQ4 || f.weight == WeightFormat::kQ3;
  // Of groups "usual numbers" are scales of both signs.
  return grouped ? d.groups_only || d.weights != WeightData::kMixed || d.values != Values::kUnit
                 : !d.groups_only;
}

Instance matmul(const std::string& name, const Format& f, const MatmulShape& s,
                std::uint64_t front) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kMatmul;
  t.front = front;
  const std::size_t x_stride = s.x_offset + s.k + s.x_gap, y_stride = s.y_offset + s.n + s.y_gap;
  t.words = {word(std::size_t{static_cast<std::uint32_t>(f.weight)}),
             static_cast<std::uint32_t>(f.scale),
             word(s.k),
             word(s.n),
             s.bias,
             s.residual,
             word(s.rows),
             word(x_stride),
             word(s.x_offset),
             word(y_stride),
             word(s.y_offset),
             word(s.scale)};
  t.buffers[0] = random_rows(random, {s.rows, s.k, x_stride, s.x_offset}, s.values);
  t.buffers[1] = random_weight(random, f.weight, s.n, s.k, s.data);
  t.buffers[2] = random_scale(random, f.weight, f.scale, s.n, s.k, s.data);
  if (s.bias) t.buffers[3] = random_vector(random, s.n);
  const Rows y{s.rows, s.n, y_stride, s.y_offset};
  if (s.residual) t.buffers[4] = random_rows(random, y);
  if (s.in_place)
    t.same_as[5] = 4;
  else
    t.buffers[5] = random_rows(random, y);
  return t;
}

void add_matmul(Cases& cases) {
  const MatmulShape shapes[] = {
      // rows, k, n, bias, residual, in_place, x_gap, x_offset, y_gap, y_offset, scale
      {3, 100, 17, true, false, false, 3, 5, 1, 7, -1.5f},  // nothing is aligned
      {1, 32, 1, false, false, false, 0, 0, 0, 0, 1},       // one row of one group
      {1, 40, 7, true, false, false, 0, 0, 0, 0, 1},        // a group of q3, and 8 of the next q4's
      {1, 1024, 65, false, true, false, 0, 0, 0, 0, 1},     // one row more than a multiple
      {1, 2, 3, false, false, false, 0, 0, 0, 0, 1},        // less than a group
      {1, 2080, 33, true, true, true, 0, 4, 0, 8, 0.5f},    // 65 and 52 groups
      {2, 96, 130, false, false, false, 4, 0, 4, 0, 1},     //
      {4, 640, 24, false, true, true, 0, 0, 0, 0, 1},       //
      {5, 320, 40, false, false, false, 0, 0, 0, 0, 1},     //
      {7, 130, 9, true, true, false, 2, 0, 0, 0, 1},        //
      {8, 256, 64, false, true, true, 0, 0, 0, 0, 0.125f},  // the most of the narrow kernels
      {9, 160, 31, false, false, false, 0, 0, 0, 0, 1},     // the least of the tiled ones
      {16, 128, 16, true, false, false, 0, 0, 0, 0, 1},     //
      {33, 288, 70, false, true, true, 4, 4, 4, 4, 1},      // tails in every direction
      {70, 640, 19, false, false, false, 0, 0, 0, 0, 1},    //
      {32, 1056, 36, false, false, false, 0, 0, 0, 0, 1},   // several tiles of k
      {1, 512, 6, false, false, false, 0, 0, 0, 0, 1, Values::kLarge},
      {3, 512, 6, false, false, false, 0, 0, 0, 0, 1, Values::kTiny},
      {1, 512, 6, false, false, false, 0, 0, 0, 0, 1, Values::kDenormal},
      {2, 512, 6, false, false, false, 0, 0, 0, 0, 1, Values::kMixed},
      {12, 320, 6, false, false, false, 0, 0, 0, 0, 1, Values::kMixed},
  };
  for (const Format& f : kFormats) {
    std::size_t index = 0;
    for (const MatmulShape& s : shapes) {
      const std::string name =
          fmt::format("matmul/{} {}x{}x{} #{}", f.name, s.rows, s.k, s.n, index++);
      // Large, and with tails in every direction.
      const bool core = (s.rows == 1 && s.n == 33) || (s.rows == 33 && s.n == 70);
      cases.push_back(
          {name, Kernel::kMatmul, false, [=] { return matmul(name, f, s, 0); }, f.name, "", core});
    }
    // One row and several; k is no whole number of groups.
    for (const Data& d : kData) {
      if (!has_data(f, d)) continue;
      for (const std::size_t rows : {1u, 5u}) {
        const MatmulShape s{rows, 208, 38, false, false, false, 0, 0, 2, 0, 1, d.values, d.weights};
        const std::string name =
            fmt::format("matmul/{} {} row{}, {}", f.name, rows, rows == 1 ? "" : "s", d.name);
        cases.push_back({name, Kernel::kMatmul, false, [=] { return matmul(name, f, s, 0); },
                         f.name, d.name, true});
      }
    }
  }
  // Slices behind the 128 MiB that some devices can bind at once.
  const Format& f = kFormats[3];
  for (const std::size_t rows : {1u, 40u}) {
    const MatmulShape s{rows, 512, 48, false, false, false, 0, 0, 0, 0, 1};
    const std::string name = fmt::format("matmul/{} {} rows behind 128 MiB", f.name, rows);
    cases.push_back({name, Kernel::kMatmul, true,
                     [=] { return matmul(name, f, s, (144u << 20) + 64); }, f.name});
  }
}

Instance embed(const std::string& name, const Format& f, std::size_t variant, WeightData data) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kEmbed;
  const std::size_t widths[] = {32, 100, 2, 256, 80, 320};
  const std::uint32_t count_of_rows = variant == 0 ? 1 : 9;
  const std::size_t width = widths[variant % 6], begin = variant % 3 * 10, count = 20;
  const bool by_position = variant % 2 == 1, add = variant % 4 >= 2;
  std::vector<RowState> rows;
  for (std::uint32_t r = 0; r < count_of_rows; r++) {
    // Some indices lie before and behind the slice.
    const std::uint32_t index = random.below(50), other = random.below(1u << 30);
    rows.push_back(
        {by_position ? other : index, r == 4 ? kInactive : r % 3, by_position ? index : other, 0});
  }
  const std::size_t stride = width + variant % 3;
  t.words = {static_cast<std::uint32_t>(f.weight),
             static_cast<std::uint32_t>(f.scale),
             word(width),
             by_position,
             count_of_rows,
             word(begin),
             word(count),
             add,
             word(variant % 2 == 0 ? 1.0f : 45.25f),
             word(stride)};
  t.buffers[0] = states(rows);
  t.buffers[1] = random_weight(random, f.weight, count, width, data);
  t.buffers[2] = random_scale(random, f.weight, f.scale, count, width, data);
  t.buffers[3] = random_rows(random, {count_of_rows, width, stride, 0});
  return t;
}

struct MoeShape {
  std::size_t rows, k, n, top_k, experts, begin, count;
  bool bias, per_slot;
  Values values = Values::kUnit;
  WeightData data = WeightData::kMixed;
};

Instance moe_matmul(const std::string& name, const Format& f, const MoeShape& s) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kMoeMatmul;
  const std::size_t slots = s.rows * s.top_k, x_rows = s.per_slot ? slots : s.rows;
  const std::size_t x_stride = s.k + (s.per_slot ? 0 : 4);
  t.words = {static_cast<std::uint32_t>(f.weight),
             static_cast<std::uint32_t>(f.scale),
             word(s.k),
             word(s.n),
             s.bias,
             word(s.top_k),
             s.per_slot,
             word(s.rows),
             word(x_stride),
             word(s.begin),
             word(s.count)};
  t.buffers[0] = random_rows(random, {x_rows, s.k, x_stride, 0}, s.values);
  t.buffers[1] = random_weight(random, f.weight, s.count * s.n, s.k, s.data);
  t.buffers[2] = random_scale(random, f.weight, f.scale, s.count * s.n, s.k, s.data);
  if (s.bias) t.buffers[3] = random_vector(random, s.count * s.n);
  for (std::size_t slot = 0; slot < slots; slot++)
    t.buffers[4].push_back(random.below(static_cast<std::uint32_t>(s.experts)));
  t.buffers[5] = random_vector(random, slots * s.n);
  return t;
}

}  // namespace

void add_weight_cases(Cases& cases) {
  for (const Format& f : kFormats) {
    const auto add = [&](const std::string& name, std::size_t variant, const Data& d, bool core) {
      cases.push_back({name, Kernel::kEmbed, false,
                       [=] { return embed(name, f, variant, d.weights); }, f.name, d.name, core});
    };
    for (std::size_t variant = 0; variant < 6; variant++)
      add(fmt::format("embed/{} #{}", f.name, variant), variant, {}, variant == 1 || variant == 2);
    for (const Data& d : kData)
      if (has_data(f, d) && d.values == Values::kUnit)
        add(fmt::format("embed/{}, {}", f.name, d.name), 1, d, true);
  }
  add_matmul(cases);
  const MoeShape shapes[] = {
      // rows, k, n, top_k, experts, begin, count, bias, per_slot
      {3, 104, 17, 2, 6, 2, 3, true, false},  // a part of the experts; the others are left alone
      {1, 32, 5, 2, 4, 0, 4, false, false},   // one group
      {1, 64, 40, 2, 8, 0, 8, false, false}, {1, 320, 33, 4, 16, 0, 16, true, true},
      {3, 100, 17, 2, 6, 2, 3, true, false}, {12, 160, 24, 2, 4, 0, 4, false, true},
      {5, 40, 1, 1, 3, 0, 3, false, false},
  };
  for (const Format& f : kFormats) {
    std::size_t index = 0;
    const auto add = [&](const std::string& name, const MoeShape& s, std::string_view data) {
      const bool core = !data.empty() || (s.per_slot && s.bias);
      cases.push_back({name, Kernel::kMoeMatmul, false, [=] { return moe_matmul(name, f, s); },
                       f.name, data, core});
    };
    for (const MoeShape& s : shapes)
      add(fmt::format("moe_matmul/{} #{}", f.name, index++), s, "");
    for (const Data& d : kData)
      if (has_data(f, d))
        add(fmt::format("moe_matmul/{}, {}", f.name, d.name),
            {3, 208, 22, 2, 4, 0, 4, false, false, d.values, d.weights}, d.name);
  }
}

}  // namespace mlc
