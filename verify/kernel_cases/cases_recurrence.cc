// Cases of token_shift, wkv5, wkv6.
#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

const std::vector<std::vector<RowState>>& batches() {
  const RowState idle{1, kInactive, 77, 0};
  static const std::vector<std::vector<RowState>> kBatches = {
      {{5, 0, 9, 0}},                                            // decode
      {{5, 2, 0, 0}, {5, 0, 4, 0}, {5, 1, 1, 0}},                // decode of three sequences
      {{1, 1, 3, 0}, {1, 1, 4, 0}, {1, 1, 5, 0}, {1, 1, 6, 0}},  // a prompt
      {idle, {1, 2, 3, 0}, {1, 2, 4, 0}, idle, {1, 0, 0, 0}, {1, 0, 1, 0}, {1, 0, 2, 0}, idle},
  };
  return kBatches;
}

Instance token_shift(const std::string& name, std::size_t width, const std::vector<RowState>& s) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kTokenShift;
  const std::size_t rows = s.size(), x_stride = width + 3, y_stride = width + 1;
  t.words = {word(width), word(rows), word(x_stride), word(y_stride)};
  t.buffers[0] = states(s);
  t.buffers[1] = random_rows(random, {rows, width, x_stride, 0});
  t.buffers[2] = random_vector(random, 3 * width);
  t.buffers[3] = random_rows(random, {rows, width, y_stride, 0});
  return t;
}

Instance wkv(const std::string& name, Kernel kernel, std::size_t d, std::size_t heads,
             const std::vector<RowState>& s) {
  Random random(name);
  Instance t;
  t.kernel = kernel;
  const std::size_t rows = s.size(), width = heads * d, stride = width + 4;
  t.words = {word(d), word(heads), word(rows), word(stride)};
  t.buffers[0] = states(s);
  for (std::size_t i = 1; i <= 3; i++)
    t.buffers[i] = random_rows(random, {rows, width, stride, 0});
  t.buffers[4] = kernel == Kernel::kWkv6
                     ? random_rows(random, {rows, width, stride, 0}, Values::kPositive)
                     : random_vector(random, width, Values::kPositive);
  t.buffers[5] = random_vector(random, width);
  t.buffers[6] = random_vector(random, 3 * width * d);
  t.buffers[7] = random_rows(random, {rows, width, stride, 0});
  return t;
}

}  // namespace

void add_recurrence_cases(Cases& cases) {
  std::size_t index = 0;
  for (const std::vector<RowState>& batch : batches()) {
    for (const std::size_t width : {5u, 64u, 600u}) {
      const std::string name = fmt::format("token_shift/{} #{}", width, index);
      cases.push_back({name, Kernel::kTokenShift, false,
                       [=] { return token_shift(name, width, batch); }, "", "", width == 600});
    }
    for (const Kernel kernel : {Kernel::kWkv5, Kernel::kWkv6})
      for (const std::size_t d : {8u, 64u}) {
        const std::string name = fmt::format("{}/{} #{}", info_of(kernel).name, d, index);
        cases.push_back(
            {name, kernel, false, [=] { return wkv(name, kernel, d, 3, batch); }, "", "", d == 64});
      }
    index++;
  }
}

}  // namespace mlc
