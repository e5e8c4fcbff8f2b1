// Cases of top_experts, argmax, softmax, top_k.
#include <limits>

#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

Instance top_experts(const std::string& name, std::size_t experts, std::size_t top_k,
                     std::uint32_t mode, Values values) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kTopExperts;
  const std::size_t rows = values == Values::kTied ? 1 : 5, stride = experts + 3;
  t.words = {word(experts), word(top_k),  mode,
             word(rows),    word(stride), word(mode == 4 ? 2.5f : 1.0f)};
  t.buffers[0] = random_rows(random, {rows, experts, stride, 0}, values);
  t.buffers[1] = random_vector(random, rows * top_k);
  t.buffers[2] = random_vector(random, rows * top_k);
  return t;
}

Instance argmax(const std::string& name, std::size_t width, Values values, bool with_nan) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kArgmax;
  const std::size_t rows = values == Values::kTied && !with_nan ? 1 : 3;
  const std::size_t stride = width + width % 3;
  t.words = {word(width), word(rows), word(stride)};
  t.buffers[0] = random_rows(random, {rows, width, stride, 0}, values);
  t.buffers[0][0] = word(-std::numeric_limits<float>::infinity());
  if (with_nan)  // both signs, and two of them in a row
    for (const std::size_t at : {width / 2, width - 1, stride + width / 3})
      t.buffers[0][at] = at % 2 == 0 ? 0x7fc00000u : 0xffc00001u;
  t.buffers[1] = random_vector(random, rows);
  return t;
}

Instance softmax(const std::string& name, std::size_t width, float scale, bool masked) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kSoftmax;
  const std::size_t rows = scale < 0 ? 1 : 3, x_stride = width + 2, y_stride = width + 5;
  t.words = {word(width), word(rows), word(x_stride), word(y_stride), word(scale)};
  t.buffers[0] = random_rows(random, {rows, width, x_stride, 0});
  for (std::size_t r = 0; masked && r < rows; r++)
    for (std::size_t i = r; i + 1 < width; i += 2)
      t.buffers[0][r * x_stride + i] = word(-std::numeric_limits<float>::infinity());
  t.buffers[1] = random_rows(random, {rows, width, y_stride, 0});
  return t;
}

Instance top_k(const std::string& name, std::size_t width, std::size_t count, Values values) {
  Random random(name);
  Instance t;
  t.kernel = Kernel::kTopK;
  const std::size_t rows = values == Values::kTied ? 1 : 3, stride = width + 1;
  t.words = {word(width), word(count), word(rows), word(stride)};
  t.buffers[0] = random_rows(random, {rows, width, stride, 0}, values);
  t.buffers[1] = random_vector(random, rows * count);
  t.buffers[2] = random_vector(random, rows * count);
  return t;
}

}  // namespace

void add_choice_cases(Cases& cases) {
  for (std::uint32_t mode = 0; mode <= 4; mode++)
    for (const auto& [experts, count] :
         {std::pair{8u, 2u}, {60u, 4u}, {128u, 8u}, {4u, 4u}, {3u, 1u}, {512u, 10u}})
      for (const Values values : {Values::kUnit, Values::kTied}) {
        const std::string name = fmt::format("top_experts/mode {} {} of {}{}", mode, count, experts,
                                             values == Values::kTied ? " tied" : "");
        cases.push_back({name, Kernel::kTopExperts, false,
                         [=, e = std::size_t{experts}, k = std::size_t{count}] {
                           return top_experts(name, e, k, mode, values);
                         },
                         "", "", experts == 60});
      }
  for (const std::size_t width : {1u, 5u, 100u, 32003u, 151936u})
    for (const Values values : {Values::kUnit, Values::kTied})
      for (const bool with_nan : {false, true}) {
        const std::string name = fmt::format(
            "argmax/{}{}{}", width, values == Values::kTied ? " tied" : "", with_nan ? " NaN" : "");
        cases.push_back({name, Kernel::kArgmax, false,
                         [=] { return argmax(name, width, values, with_nan); }, "", "",
                         width == 100 || width == 32003});
      }
  for (const std::size_t width : {1u, 7u, 64u, 1000u, 32003u})
    for (const float scale : {1.0f, 25.0f, -0.5f})
      for (const bool masked : {false, true}) {
        if (masked && scale < 0) continue;
        const std::string name =
            fmt::format("softmax/{} x {}{}", width, scale, masked ? " masked" : "");
        cases.push_back({name, Kernel::kSoftmax, false,
                         [=] { return softmax(name, width, scale, masked); }, "", "",
                         width == 1000});
      }
  for (const auto& [width, count] :
       {std::pair{64u, 64u}, {65u, 1u}, {5000u, 40u}, {32003u, 64u}, {3u, 2u}})
    for (const Values values : {Values::kUnit, Values::kTied}) {
      const std::string name =
          fmt::format("top_k/{} of {}{}", count, width, values == Values::kTied ? " tied" : "");
      cases.push_back({name, Kernel::kTopK, false,
                       [=, w = std::size_t{width}, k = std::size_t{count}] {
                         return top_k(name, w, k, values);
                       },
                       "", "", width == 5000});
    }
}

}  // namespace mlc
