// PyTorch files whose tensors are read.
#include "convert/torch_pickle.h"
#include "tests/unit/torch_files.h"

namespace mlc {
namespace {

using namespace torch_files;

TEST(Torch, ReadsAViewOfEveryKind) {
  std::size_t n = 24;
  struct View {
    std::int64_t offset;
    std::vector<std::int64_t> shape, strides;
  };
  const View views[] = {
      {0, {24}, {1}},
      {0, {4, 6}, {6, 1}},
      {0, {6, 4}, {1, 6}},
      {2, {3, 4}, {6, 1}},
      {3, {4}, {6}},
      {1, {2, 3}, {12, 2}},
      {0, {2, 3, 4}, {1, 8, 2}},
      {0, {4, 3, 2}, {2, 8, 1}},
      {5, {}, {}},
      {0, {4, 6}, {1, 0}},
      {0, {5, 4}, {3, 2}},
      {7, {1, 6}, {999, 1}},
      {0, {2, 3, 2, 2}, {12, 1, 6, 3}},
      {24, {0}, {1}},
      {0, {3, 0, 2}, {1, 1, 1}},
  };
  for (const View& v : views) {
    std::string file = archive(dict(kW + tensor(storage("FloatStorage", "0", 24), v.offset,
                                                tuple(v.shape), tuple(v.strides))),
                               floats(n));
    std::vector<SourceTensor> tensors = read_torch(memory(file));
    ASSERT_EQ(tensors.size(), 1U);
    std::int64_t elements = tensors[0].elements();
    std::vector<float> expected;
    for (std::int64_t e = 0; e < elements; e++) {
      std::int64_t at = v.offset, rest = e;
      for (std::size_t d = v.shape.size(); d-- > 0; rest /= v.shape[d])
        at += rest % v.shape[d] * v.strides[d];
      expected.push_back(static_cast<float>(at));
    }
    std::int64_t row = v.shape.empty() ? 1 : std::max<std::int64_t>(1, v.shape.back());
    if (v.shape.size() == 1) row = elements;
    for (std::int64_t first = 0; first < elements; first += row) {
      for (std::int64_t count = row; first + count <= elements; count += row) {
        std::vector<std::byte> out = values(tensors[0], first, count);
        ASSERT_EQ(std::memcmp(out.data(), expected.data() + first, out.size()), 0)
            << testing::PrintToString(v.shape) << testing::PrintToString(v.strides) << first << " "
            << count;
      }
    }
  }
}

TEST(Torch, WidensBfloat16) {
  std::string data("\x80\x3f\x00\xc0\x01\x00\xff\x7f", 8);
  std::vector<SourceTensor> tensors = read_torch(memory(archive(
      dict(kW + tensor(storage("BFloat16Storage", "0", 4), 0, tuple({4}), tuple({1}))), data)));
  EXPECT_EQ(tensors[0].dtype, DType::kF32);
  EXPECT_EQ(tensors[0].nbytes, 8U);
  const std::uint32_t expected[] = {0x3F800000, 0xC0000000, 0x00010000, 0x7FFF0000};
  EXPECT_EQ(std::memcmp(values(tensors[0]).data(), expected, 16), 0);
}

TEST(Torch, KeepsTheOrderOfTheDictAndPassesOverOtherValues) {
  std::string t = tensor(kSix, 0, tuple({2, 3}), tuple({3, 1}));
  std::string inner = "}("s + text("x") + t + text("none") + "N"s + text("y") + t + "u";
  StateDict found = parse_state_dict(
      dict(text("z") + t + text("n") + integer(3) + text("m") + inner + integer(-7) + t), "p");
  std::string names;
  for (const PickledTensor& p : found.tensors)
    names += p.name + " ";
  EXPECT_EQ(names, "z m.x m.y -7 ");
  EXPECT_EQ(found.storages.size(), 1U);
}

TEST(Torch, ReadsAnUntypedStorage) {
  std::string from = "("s + text("storage") + "ctorch.storage\nUntypedStorage\n"s + text("0") +
                     text("cpu") + integer(24) + "tQ";
  std::string v3 = "ctorch._utils\n_rebuild_tensor_v3\n("s + from + integer(0) + tuple({24}) +
                   tuple({1}) + kNewFalse +
                   "ccollections\nOrderedDict\n)Rctorch\nfloat8_e4m3fn\ntR";
  std::vector<SourceTensor> tensors = read_torch(memory(archive(dict(kW + v3), floats(6))));
  EXPECT_EQ(tensors[0].dtype, DType::kF8E4M3FN);
  EXPECT_EQ(values(tensors[0]).size(), 24U);
}

TEST(Torch, RefusesEveryPrefix) {
  std::string file = archive(kGood, floats(6));
  EXPECT_EQ(outcome(memory(file)), "");
  for (std::size_t n = 0; n < file.size(); n++)
    EXPECT_NE(outcome(memory(file.substr(0, n))), "") << n;
  for (std::size_t n = 0; n < kGood.size(); n++)
    EXPECT_NE(refusal_of(kGood.substr(0, n)), "") << n;
}

// Every bit of the archive is either checked or without meaning: the values never change.
TEST(Torch, AChangedBitNeverChangesAValue) {
  std::string file = archive(kGood, floats(6));
  for (std::size_t i = 0; i < file.size() * 8; i++) {
    std::string changed = file;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    try {
      for (const SourceTensor& t : read_torch(memory(changed)))
        EXPECT_EQ(std::memcmp(values(t).data(), floats(6).data(), 24), 0) << i;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
    }
  }
}

}  // namespace
}  // namespace mlc
