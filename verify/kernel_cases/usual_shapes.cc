// Dispatches as a model of some billions of params does them: for the time that a kernel takes
// where the model at hand has none of its own.
#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"
#include "verify/kernel_cases/dispatch_case.h"

namespace mlc {
namespace {

struct UsualShape {
  Kernel kernel;
  std::string_view name;
  std::array<std::uint32_t, kMaxWords> words;
  std::uint32_t position;
};

constexpr std::uint32_t kOne = word(1.0f), kSmall = word(1e-5f), kScale = word(0.0883883476f);

// Words as kernels.h has them. q4f16: formats 3 and 1.
constexpr UsualShape kShapes[] = {
    {Kernel::kEmbed, "4096", {3, 1, 4096, 0, 1, 0, 4096, 0, kOne, 4096}, 0},
    {Kernel::kNorm, "4096", {0, 4096, 0, 1, 0, 0, 1, 1, 4096, 0, 4096, 0, kSmall}, 0},
    {Kernel::kMatmul, "1x4096x4096", {3, 1, 4096, 4096, 0, 0, 1, 4096, 0, 4096, 0, kOne}, 0},
    {Kernel::kMatmul, "32x4096x4096", {3, 1, 4096, 4096, 0, 0, 32, 4096, 0, 4096, 0, kOne}, 0},
    {Kernel::kMoeMatmul, "2 of 8 4096x1024", {3, 1, 4096, 1024, 0, 2, 0, 1, 4096, 0, 8}, 0},
    {Kernel::kRope, "32 heads of 128", {0, 128, 128, 1, 32, 4096, 0}, 0},
    {Kernel::kKvStore, "8 heads of 128", {0, 128, 8, 1, 2048, 0, 1024, 1024, 0}, 1023},
    {Kernel::kAttention,
     "32 heads of 128, 1024 positions",
     {0, 128, 8, 32, 1, 4096, 0, 4096, 0, 1024, 0, 0, kScale, 0},
     1023},
    {Kernel::kActivate, "11008", {0, 1, 1, 11008, 22016, 0, 11008, 0}, 0},
    {Kernel::kCombine, "4096", {0, 0, 1, 4096, 4096, 0, 4096, 0, 0, 0, 4096, 0, kOne, kOne}, 0},
    {Kernel::kTopExperts, "8 of 64", {64, 8, 1, 1, 64, kOne}, 0},
    {Kernel::kMoeSum, "2 of 4096", {2, 0, 1, 4096, 4096}, 0},
    {Kernel::kArgmax, "32000", {32000, 1, 32000}, 0},
    {Kernel::kSoftmax, "32000", {32000, 1, 32000, 32000, kOne}, 0},
    {Kernel::kTopK, "40 of 32000", {32000, 40, 1, 32000}, 0},
    {Kernel::kTokenShift, "4096", {4096, 1, 4096, 4096}, 0},
    {Kernel::kWkv5, "64 heads of 64", {64, 64, 1, 4096}, 0},
    {Kernel::kWkv6, "64 heads of 64", {64, 64, 1, 4096}, 0},
    {Kernel::kCopy, "64x4096", {64, 4096, 4096, 0, 4096, 0}, 0},
};

}  // namespace

std::vector<KernelCase> usual_cases(std::uint64_t max_bytes) {
  std::vector<KernelCase> cases;
  for (const UsualShape& shape : kShapes) {
    KernelCase c{fmt::format("{}/{}", info_of(shape.kernel).name, shape.name), shape.kernel};
    Dispatch dispatch{shape.kernel};
    dispatch.words = shape.words;
    c.make = [=] { return instance_of(dispatch, shape.position, max_bytes); };
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace mlc
