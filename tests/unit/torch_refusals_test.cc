// PyTorch files that are damaged, impossible, or call for something else than tensors.
#include <cstdint>

#include "tests/unit/torch_files.h"

namespace mlc {
namespace {

using namespace torch_files;

// PT-01, PT-02 and PT-04: wherever the name or opcode stands, and whatever follows.
TEST(Torch, NamesTheOpcodeOrGlobalThatItRefuses) {
  const std::pair<std::string, std::string> cases[] = {
      {"cos\nsystem\n"s + text("id") + "\x85R", "os.system"},
      {"cposix\nsystem\n", "posix.system"},
      {"cbuiltins\neval\n", "builtins.eval"},
      {"c__builtin__\neval\n", "__builtin__.eval"},
      {"ctorch.hub\nload\n", "torch.hub.load"},
      {"ctorch\nload\n", "torch.load"},
      {"ctorch.serialization\nos.system\n", "torch.serialization.os.system"},
      {"ctorch._utils\n_rebuild_sparse_tensor\n", "torch._utils._rebuild_sparse_tensor"},
      {"ctorch\nQUInt8Storage\n", "torch.QUInt8Storage"},
      {"c_codecs\nencode\n"s + text("a") + text("rot13") + "\x86R", "_codecs.encode"},
      {text("os") + text("system") + "\x93", "os.system"},
      {"(S'id'\nios\nsystem\n", "STRING"},
      {"(ios\nsystem\n", "INST"},
      {"(o", "OBJ"},
      {std::string("\x82\x01", 2), "EXT1"},
      {std::string("\x83\x01\x00", 3), "EXT2"},
      {std::string("\x84\x01\x00\x00\x00", 5), "EXT4"},
      {"\x81", "NEWOBJ"},
      {"\x92", "NEWOBJ_EX"},
      {"0", "POP"},
      {"2", "DUP"},
      {"P0\n", "PERSID"},
      {"I1\n", "INT"},
      {"\x97", "NEXT_BUFFER"},
      {"\xff", "unknown"},
  };
  for (const auto& [code, name] : cases) {
    EXPECT_HAS(refusal_of(kProto + code + kGood.substr(2)), name);
    EXPECT_HAS(refusal_of(dict(kW + tensor(kSix, 0, tuple({2, 3}), tuple({3, 1})) + code)), name);
    EXPECT_HAS(refusal_of(kProto + code + "\xff\xfe broken"), name);
  }
}

TEST(Torch, RefusesImpossibleViews) {
  constexpr std::int64_t kBig = std::int64_t{1} << 62;
  const std::string cases[] = {
      tensor(kSix, 0, tuple({2, 4}), tuple({4, 1})),
      tensor(kSix, 1, tuple({2, 3}), tuple({3, 1})),
      tensor(kSix, -1, tuple({2, 3}), tuple({3, 1})),
      tensor(kSix, 0, tuple({2, 3}), tuple({-3, 1})),
      tensor(kSix, 0, tuple({-2, 3}), tuple({3, 1})),
      tensor(kSix, 0, tuple({kBig, 4}), tuple({0, 0})),
      tensor(kSix, 0, tuple({kBig, 4, 0}), tuple({0, 0, 0})),
      tensor(kSix, 0, tuple({5}), tuple({kBig})),
      tensor(kSix, 2 * (kBig - 1) + 1, tuple({1}), tuple({1})),
      tensor(kSix, 0, tuple({1 << 30}), tuple({0})),
      tensor(kSix, 7, tuple({0}), tuple({1})),
      tensor(kSix, 0, tuple({2, 3}), tuple({1})),
      tensor(kSix, 0, tuple({1, 1, 1, 1, 1, 1, 1, 1, 1}), tuple({1, 1, 1, 1, 1, 1, 1, 1, 1})),
      tensor(kSix, 0, "("s + text("2") + "t", tuple({1})),
      tensor(text("0"), 0, tuple({2, 3}), tuple({3, 1})),
  };
  for (const std::string& code : cases)
    EXPECT_HAS(refusal_of(dict(kW + code)), "_rebuild_tensor_v2");
}

TEST(Torch, RefusesImpossibleStorages) {
  for (const char* key :
       {"9", "../../../../etc/passwd", "/etc/passwd", "../data.pkl", "", ".", "..\\..\\x"})
    EXPECT_HAS(
        refusal_of(dict(kW + tensor(storage("FloatStorage", key, 6), 0, tuple({6}), tuple({1})))),
        "is not in the archive");
  for (std::int64_t numel : {std::int64_t{5}, std::int64_t{7}, std::int64_t{1} << 62})
    EXPECT_HAS(refusal_of(dict(
                   kW + tensor(storage("FloatStorage", "0", numel), 0, tuple({2}), tuple({1})))),
               "has 24 bytes");
  EXPECT_HAS(
      refusal_of(dict(kW + tensor(storage("FloatStorage", "0", -6), 0, tuple({0}), tuple({1})))),
      "-6 elements");
  EXPECT_HAS(refusal_of(dict(kW + tensor(kSix, 0, tuple({6}), tuple({1})) + text("v") +
                             tensor(storage("IntStorage", "0", 6), 0, tuple({6}), tuple({1})))),
             "two types or sizes");
}

TEST(Torch, RefusesWhatAStackMachineCanGetWrong) {
  std::string deep = kProto;
  for (int i = 0; i < 30000; i++)
    deep += "}"s + text("a");
  std::string deep_end;
  for (int i = 0; i < 30000; i++)
    deep_end += "s";
  std::string laughs = kProto + "](}"s;
  laughs += text("a") + "Nsq"s + std::string(1, '\0');
  for (int i = 1; i < 14; i++)
    laughs += "}("s + text("a") + "h"s + std::string(1, static_cast<char>(i - 1)) + text("b") +
              "h"s + std::string(1, static_cast<char>(i - 1)) + "uq"s +
              std::string(1, static_cast<char>(i));
  const std::pair<std::string, std::string> cases[] = {
      {kProto + "R.", "stack underflow"},
      {kProto + ".", "stack underflow"},
      {kProto + "(N.", "unexpected MARK"},
      {kProto + "t.", "no MARK"},
      {kProto + "h\x07.", "never filled"},
      {kProto + "X\xff\xff\xff\xff", "pickle ends here"},
      {kProto + "\x8d"s + std::string(8, '\xff'), "pickle ends here"},
      {kProto + "\x95"s + std::string(8, '\x7f'), "FRAME"},
      {kProto + "K\x05.", "neither a dict nor a list"},
      {kProto + "N"s + text("a") + "a.", "expected a list"},
      {kProto + "}("s + text("a") + "u.", "without its value"},
      {kProto + "}]Ns.", "neither text nor an integer"},
      {kProto + "]q"s + std::string(1, '\0') + "h"s + std::string(1, '\0') + "a.",
       "nested more than"},
      {deep + "N"s + deep_end + ".", "nested more than"},
      {laughs + "e.", "no tensors"},
      {kGood + "N.", "bytes follow"},
      {std::string("\x80\x09", 2) + kGood.substr(2), "protocol 9"},
      {dict(kW + tensor(kSix, 0, tuple({6}), tuple({1})) + kW +
            tensor(kSix, 0, tuple({6}), tuple({1}))),
       "two tensors 'w'"},
      {dict(text("\xff") + tensor(kSix, 0, tuple({6}), tuple({1}))), "expected a name of UTF-8"},
  };
  for (const auto& [pickle, reason] : cases)
    EXPECT_HAS(refusal_of(pickle), reason);
}

TEST(Torch, RefusesArchivesThatDisagreeWithThemselves) {
  std::string w = floats(6);
  const std::pair<std::string, std::string> cases[] = {
      {zip({{"a/data.pkl", kGood}, {"a/data/0", w}}), "no record version"},
      {zip({{"a/data.pkl", kGood}, {"a/data/0", w}, {"a/version", "99999\n"}}), "version '99999"},
      {zip({{"a/data.pkl", kGood}, {"a/data/0", w}, {"a/version", "3\n"}, {"a/byteorder", "big"}}),
       "byteorder 'big'"},
      {zip({{"a/data/0", w}, {"a/version", "3\n"}}), "no record data.pkl"},
      {zip({{"a/data.pkl", kGood}, {"a/data.pkl", kGood}, {"a/data/0", w}, {"a/version", "3"}}),
       "two entries 'a/data.pkl'"},
      {zip({{"a/data.pkl", kGood}, {"a/data/0", w}, {"b/data.pkl", kGood}}), "outside the top"},
      {zip({{"a/data.pkl", kGood}, {"a/data/../data/0", w}}), "plain relative name"},
      {zip({{"data.pkl", kGood}}), "top folder"},
      {zip({}), "zip archive"},
      {archive(kGood, w) + "x", "no end record"},
      {"x"s + archive(kGood, w), "not the zip archive"},
  };
  for (const auto& [file, reason] : cases)
    EXPECT_HAS(outcome(memory(file)), reason);
  std::string damaged = archive(kGood, w);
  damaged[damaged.find(w) + 5] ^= 1;
  EXPECT_HAS(outcome(memory(damaged)), "CRC-32");
}

// PT-03 and PT-04.
TEST(Torch, SaysWhatStandsInPlaceOfAnArchive) {
  EXPECT_HAS(outcome(memory(kProto +
                            std::string("\x8a\x0al\xfc\x9c"
                                        "F\xf9 j\xa8P\x19.") +
                            kGood)),
             "safe_serialization");
  EXPECT_HAS(outcome(memory(kGood)), "bare pickle");
  EXPECT_HAS(outcome(memory(std::string(257, 'a') + "ustar"s + std::string(300, '\0'))),
             "tar archive");
  EXPECT_HAS(outcome(memory("7z\xbc\xaf\x27\x1c rest")), "7z archive");
  EXPECT_HAS(outcome(memory("<!DOCTYPE html><html>")), "web page");
  EXPECT_HAS(
      outcome(memory("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n")),
      "git lfs pull");
  EXPECT_HAS(outcome(memory("")), "empty file");
}

}  // namespace
}  // namespace mlc
