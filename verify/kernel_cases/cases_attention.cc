// Cases of rope, kv_store, attention.
#include <algorithm>

#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

Instance rope(const std::string& name, bool interleaved, std::size_t head_dim, std::size_t rotary,
              std::size_t rows, std::size_t heads) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kRope;
  const std::size_t offset = rows % 2 * 16, stride = offset + heads * head_dim + 8 * (rows % 3);
  t.words = {interleaved, word(head_dim), word(rotary), word(rows),
             word(heads), word(stride),   word(offset)};
  t.buffers[0] = random_vector(random, rows * rotary);
  t.buffers[1] = random_rows(random, {rows, heads * head_dim, stride, offset});
  return t;
}

Instance kv_store(const std::string& name, std::uint32_t format, std::size_t head_dim,
                  std::size_t heads, std::size_t capacity, std::size_t sink,
                  const std::vector<RowState>& rows) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kKvStore;
  const std::size_t width = heads * head_dim, k_offset = 8, v_offset = 8 + width;
  const std::size_t stride = v_offset + width + 4;
  t.words = {format,         word(head_dim), word(heads),    word(rows.size()), word(stride),
             word(k_offset), word(v_offset), word(capacity), word(sink)};
  t.buffers[0] = states(rows);
  t.buffers[1] = random_rows(random, {rows.size(), 2 * width, stride, k_offset}, Values::kMixed);
  // Within float16: 65504 at most.
  for (auto& value : t.buffers[1])
    if (std::fabs(bits_f32(value)) > 60000) value = word(60000.0f);
  const std::size_t cached = 3 * width * capacity;
  for (std::size_t cache = 2; cache < 4; cache++)
    t.buffers[cache] =
        format == 1 ? random_vector(random, cached) : random_halves(random, cached, Values::kUnit);
  return t;
}

struct AttentionShape {
  std::uint32_t format;
  std::size_t head_dim, kv_heads, q_heads, capacity, sink, window;
  float softcap;
  std::vector<RowState> rows;  // token, slot, position
  float size = 1;              // of the queries: larger ones give peaked weights
  float value_size = 1;        // of the cached values
  bool core = false;
};

Instance attention(const std::string& name, const AttentionShape& s) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kAttention;
  const std::size_t width = s.q_heads * s.head_dim, rows = s.rows.size();
  const std::size_t q_stride = width + 2 * s.kv_heads * s.head_dim, y_stride = width + 8;
  t.words = {s.format,
             word(s.head_dim),
             word(s.kv_heads),
             word(s.q_heads),
             word(rows),
             word(q_stride),
             0,
             word(y_stride),
             8,
             word(s.capacity),
             word(s.sink),
             word(s.window),
             word(1 / std::sqrt(static_cast<float>(s.head_dim))),
             word(s.softcap)};
  std::uint32_t slots = 1;
  for (const RowState& row : s.rows)
    if (row.slot != kInactive) slots = std::max(slots, row.slot + 1);
  t.buffers[0] = states(s.rows);
  t.buffers[1] = random_rows(random, {rows, width, q_stride, 0});
  for (auto& value : t.buffers[1])
    if (value != kGap) value = word(bits_f32(value) * s.size);
  // Places that are not seen hold numbers as well: those of an earlier sequence.
  const std::size_t cached = slots * s.kv_heads * s.capacity * s.head_dim;
  for (std::size_t cache = 2; cache < 4; cache++)
    t.buffers[cache] = s.format == 1 ? random_vector(random, cached)
                                     : random_halves(random, cached, Values::kUnit);
  if (s.value_size != 1)
    for (auto& pair : t.buffers[3]) {
      const auto scaled = [&](std::uint32_t half) {
        return f32_to_f16(f16_to_f32(static_cast<std::uint16_t>(half)) * s.value_size);
      };
      pair = scaled(pair & 0xffffu) | std::uint32_t{scaled(pair >> 16)} << 16;
    }
  t.buffers[4] = random_rows(random, {rows, width, y_stride, 8});
  return t;
}

std::vector<RowState> prompt(std::uint32_t slot, std::uint32_t first, std::uint32_t count) {
  std::vector<RowState> rows;
  for (std::uint32_t i = 0; i < count; i++)
    rows.push_back({7, slot, first + i, 0});
  return rows;
}

std::vector<RowState> joined(std::vector<RowState> a, const std::vector<RowState>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

void add_attention_cases(Cases& cases) {
  for (const bool interleaved : {false, true})
    for (const auto& [head_dim, rotary] :
         {std::pair{64u, 64u}, {80u, 32u}, {128u, 128u}, {256u, 64u}, {6u, 2u}})
      for (const std::size_t rows : {1u, 5u}) {
        const std::size_t heads = rows == 1 ? 9 : 3;
        const std::string name = fmt::format(
            "rope/{}{} of {} {} rows", interleaved ? "interleaved " : "", rotary, head_dim, rows);
        cases.push_back({name, Kernel::kRope, false,
                         [=, d = std::size_t{head_dim}, r = std::size_t{rotary}] {
                           return rope(name, interleaved, d, r, rows, heads);
                         },
                         "", "", head_dim == 80});
      }
  const RowState idle{123456, kInactive, 99999, 0};
  for (const std::uint32_t format : {0u, 1u}) {
    const std::vector<RowState> plain = joined(prompt(1, 3, 4), {idle, {0, 0, 9, 0}, {0, 2, 0, 0}});
    const std::vector<RowState> wrapped = joined(prompt(0, 14, 5), {{0, 2, 1000003, 0}, idle});
    std::size_t index = 0;
    for (const auto& [rows, capacity, sink] : {std::tuple{plain, 10u, 0u},
                                               {wrapped, 10u, 0u},
                                               {wrapped, 16u, 4u},
                                               {plain, 10u, 4u},
                                               {prompt(1, 12, 1), 10u, 4u}}) {
      const std::string name = fmt::format("kv_store/{} #{}", format == 0 ? "f16" : "f32", index++);
      cases.push_back({name, Kernel::kKvStore, false,
                       [=, states = rows, c = std::size_t{capacity}, s = std::size_t{sink}] {
                         return kv_store(name, format, 16 + 4 * index, 3, c, s, states);
                       },
                       "", "", index != 2});
    }
  }
  const AttentionShape shapes[] = {
      // format, head_dim, kv_heads, q_heads, capacity, sink, window, softcap, rows
      {0, 64, 4, 32, 40, 0, 0, 0, prompt(0, 0, 1)},       // the first token sees itself
      {0, 64, 4, 32, 40, 0, 0, 0, prompt(0, 39, 1)},      //
      {0, 128, 2, 8, 300, 0, 0, 0, prompt(0, 258, 1)},    //
      {0, 80, 3, 3, 20, 0, 0, 0, prompt(0, 0, 17)},       // every head its own keys
      {0, 128, 1, 7, 64, 0, 0, 0, prompt(0, 20, 33)},     // a later part of a prompt
      {1, 64, 2, 4, 32, 0, 0, 0, prompt(0, 0, 9)},        //
      {1, 16, 1, 1, 8, 0, 0, 0, prompt(0, 7, 1)},         //
      {0, 256, 1, 4, 50, 0, 0, 50, prompt(0, 30, 3)},     // soft caps
      {0, 256, 1, 4, 50, 0, 0, 5, prompt(0, 30, 3), 20},  //
      {1, 96, 2, 6, 50, 0, 0, 0, prompt(0, 45, 2), 40},   // peaked
      {0, 64, 2, 8, 24, 0, 16, 0, prompt(0, 30, 5)},      // a window, in a ring
      {0, 64, 2, 8, 24, 0, 16, 0, prompt(0, 3, 8)},       // not yet full
      {0, 64, 2, 8, 28, 4, 16, 0, prompt(0, 1000, 6)},    // with sinks
      {1, 32, 2, 4, 28, 4, 16, 0, prompt(0, 0, 24)},      //
      {0, 64, 1, 4, 64, 0, 1, 0, prompt(0, 60, 1)},       // sees itself only
      {0, 100, 2, 2, 70, 0, 8, 0, prompt(0, 50, 3)},      // a window without a ring
      {0, 64, 2, 16, 48, 0, 0, 0,
       joined(joined(prompt(2, 10, 3), {idle, {0, 0, 0, 0}}), {{0, 1, 47, 0}, idle})},
      {1, 64, 2, 4, 20, 0, 0, 0, {idle, idle}},
      {0, 64, 1, 2, 1600, 0, 0, 0, prompt(0, 1500, 2)},  // long
      {0, 128, 2, 6, 70, 0, 0, 0, prompt(0, 64, 5), 1, 1, true},
      {0, 128, 2, 6, 70, 0, 0, 0, prompt(0, 64, 5), 0, 1, true},         // all weights the same
      {0, 128, 2, 6, 70, 0, 0, 0, prompt(0, 64, 5), -30, 1, true},       // peaked
      {0, 128, 2, 6, 70, 0, 0, 0, prompt(0, 64, 5), 1, 60000, true},     // near float16's end
      {0, 128, 2, 6, 70, 0, 0, 0, prompt(0, 64, 5), 1, 0x1p-18f, true},  // subnormal float16
      {1, 64, 2, 4, 28, 4, 16, 50, prompt(0, 1000, 6), 1, 1, true},
  };
  std::size_t index = 0;
  for (const AttentionShape& s : shapes) {
    const std::string name =
        fmt::format("attention/{} {} {}of{} #{}", s.format == 0 ? "f16" : "f32", s.head_dim,
                    s.q_heads, s.kv_heads, index++);
    cases.push_back(
        {name, Kernel::kAttention, false, [=] { return attention(name, s); }, "", "", s.core});
  }
}

}  // namespace mlc
