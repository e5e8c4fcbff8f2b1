#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime-min/kernels/check_dispatch.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {
namespace {

Extents bytes_of(const Instance& t) {
  Extents bytes{};
  for (std::size_t i = 0; i < kMaxBuffers; i++)
    bytes[i] = t.buffer(i).size() * 4;
  return bytes;
}

bool passes(const Instance& t, const Extents& bytes) {
  try {
    check_dispatch(t.kernel, t.words, bytes, "layer 0");
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBug);
    EXPECT_EQ(std::string(error.what()).find("layer 0: kernel "), 0u) << error.what();
    return false;
  }
}

TEST(CheckDispatch, EveryCasePassesAndIsTight) {
  for (const KernelCase& c : all_cases()) {
    const Instance t = c.make();
    const Extents whole = bytes_of(t), needed = extents_of(t.kernel, t.words);
    EXPECT_TRUE(passes(t, whole)) << c.name;
    for (std::size_t i = 0; i < info_of(t.kernel).buffers; i++) {
      if (needed[i] == 0) continue;
      Extents less = whole;
      less[i] = needed[i] - 1;
      EXPECT_FALSE(passes(t, less)) << c.name << ", buffer " << i;
      // The cases' slices end where their data does, but for halves, slots and the rest of a copy.
      const bool slots = t.kernel == Kernel::kKvStore || t.kernel == Kernel::kAttention ||
                         t.kernel == Kernel::kTokenShift || t.kernel == Kernel::kWkv5 ||
                         t.kernel == Kernel::kWkv6 || t.kernel == Kernel::kCopy;
      EXPECT_TRUE(slots || whole[i] <= needed[i] + 2) << c.name << ", buffer " << i;
    }
  }
}

TEST(CheckDispatch, WrongWords) {
  struct Wrong {
    Kernel kernel;
    std::size_t word;
    std::uint32_t value;
  };
  const Wrong wrongs[] = {
      {Kernel::kMatmul, 0, 5},     {Kernel::kMatmul, 1, 3},      {Kernel::kNorm, 0, 2},
      {Kernel::kNorm, 1, 0},       {Kernel::kRope, 2, 7},        {Kernel::kKvStore, 8, 1000},
      {Kernel::kAttention, 2, 0},  {Kernel::kAttention, 2, 999}, {Kernel::kAttention, 10, 1 << 30},
      {Kernel::kActivate, 0, 11},  {Kernel::kCombine, 0, 6},     {Kernel::kTopExperts, 1, 999},
      {Kernel::kTopExperts, 2, 5}, {Kernel::kTopK, 1, 65},       {Kernel::kArgmax, 0, 0},
      {Kernel::kSoftmax, 0, 0},    {Kernel::kMoeMatmul, 5, 0},
  };
  for (const Wrong& wrong : wrongs)
    for (const KernelCase& c : all_cases()) {
      if (c.kernel != wrong.kernel) continue;
      Instance t = c.make();
      t.words[wrong.word] = wrong.value;
      EXPECT_FALSE(passes(t, bytes_of(t))) << c.name << ", word " << wrong.word;
      break;
    }
}

// Products of words that don't fit into 64 bits are large, not small.
TEST(CheckDispatch, SizesDontWrap) {
  std::array<std::uint32_t, kMaxWords> words = {};
  words[0] = 1;
  words[1] = words[2] = words[7] = 0x80000000u;  // 2^31 x 2^31 x 2^31
  words[3] = 1;
  EXPECT_EQ(extents_of(Kernel::kKvStore, words)[2], ~std::uint64_t{0});
}

}  // namespace
}  // namespace mlc
