// PyTorch files: written here byte by byte, and the real ones of tests/golden/torch.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <zlib.h>

#ifdef __x86_64__
#include <csignal>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "convert/convert.h"
#include "convert/torch_checkpoint.h"
#include "convert/torch_pickle.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// These give const strings so that "literal" + them appends: g++ 12 warns of the other way
// (GCC bug 105651).
const std::string little(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; i++)
    bytes += static_cast<char>(i < sizeof value ? value >> (8 * i) & 0xFF : 0);
  return bytes;
}

std::uint32_t crc_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// A zip archive with stored entries in the order given.
const std::string zip(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file, directory;
  for (const auto& [name, data] : entries) {
    std::string common = little(0, 8) + little(crc_of(data), 4) + little(data.size(), 4) +
                         little(data.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory += "PK\x01\x02"s + little(0, 2) + little(0, 2) + common + little(0, 10) +
                 little(file.size(), 4) + name;
    file += "PK\x03\x04"s + little(0, 2) + common + name + data;
  }
  std::size_t offset = file.size();
  return file + directory + "PK\x05\x06"s + little(0, 4) + little(entries.size(), 2) +
         little(entries.size(), 2) + little(directory.size(), 4) + little(offset, 4) + little(0, 2);
}

const std::string text(const std::string& s) { return "X"s + little(s.size(), 4) + s; }
const std::string integer(std::int64_t n) {
  return std::string("\x8a\x08", 2) + little(static_cast<std::uint64_t>(n), 8);
}
const std::string tuple(const std::vector<std::int64_t>& numbers) {
  std::string result = "(";
  for (std::int64_t n : numbers)
    result += integer(n);
  return result + "t";
}
const std::string kProto("\x80\x02", 2);
const std::string kNewFalse("\x89");

const std::string storage(const std::string& type, const std::string& key, std::int64_t numel) {
  return "("s + text("storage") + "ctorch\n"s + type + "\n"s + text(key) + text("cpu") +
         integer(numel) + "tQ";
}
const std::string tensor(const std::string& from, std::int64_t offset, const std::string& shape,
                         const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n("s + from + integer(offset) + shape + strides +
         kNewFalse + "ccollections\nOrderedDict\n)RtR";
}
const std::string dict(const std::string& items) { return kProto + "}("s + items + "u."; }

const std::string archive(const std::string& pickle, const std::string& data) {
  return zip({{"a/data.pkl", pickle}, {"a/data/0", data}, {"a/version", "3\n"}});
}

const std::string floats(std::size_t n) {
  std::string bytes;
  for (std::size_t i = 0; i < n; i++) {
    auto value = static_cast<float>(i);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    bytes += little(bits, 4);
  }
  return bytes;
}

RandomAccess memory(const std::string& bytes) {
  return {"f", bytes.size(), [bytes](std::uint64_t offset, std::span<std::byte> out) {
            if (offset > bytes.size() || out.size() > bytes.size() - offset)
              throw std::logic_error("read beyond the file");
            std::memcpy(out.data(), bytes.data() + offset, out.size());
          }};
}

std::vector<std::byte> values(const SourceTensor& t, std::int64_t first, std::int64_t count) {
  std::vector<std::byte> out(static_cast<std::size_t>(count) * size_of(t.dtype));
  t.reader->read(first, count, out);
  return out;
}
std::vector<std::byte> values(const SourceTensor& t) { return values(t, 0, t.elements()); }

// Opens and reads everything; the error, or "".
std::string outcome(const RandomAccess& file) {
  try {
    for (const SourceTensor& t : read_torch(file))
      values(t);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
    return e.what();
  }
  return "";
}

std::string refusal_of(const std::string& pickle) {
  return outcome(memory(archive(pickle, floats(6))));
}

#define EXPECT_HAS(outer, inner) EXPECT_PRED_FORMAT2(testing::IsSubstring, inner, outer)

const std::string kW = text("w");
const std::string kSix = storage("FloatStorage", "0", 6);
const std::string kGood = dict(kW + tensor(kSix, 0, tuple({2, 3}), tuple({3, 1})));

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

std::string slurp(const fs::path& path) { return read_file(path.string(), 1 << 28); }

const fs::path kGolden = fs::path(MLC_TEST_DATA) / "golden" / "torch";

struct Expected {
  std::string dtype, shape, sha256;
};

std::map<std::string, std::map<std::string, Expected>> expected_tensors() {
  std::map<std::string, std::map<std::string, Expected>> result;
  std::ifstream lines(kGolden / "expected.tsv");
  std::string file, name, dtype, shape, hash;
  while (std::getline(lines, file, '\t') && std::getline(lines, name, '\t') &&
         std::getline(lines, dtype, '\t') && std::getline(lines, shape, '\t') &&
         std::getline(lines, hash))
    result[file][name] = {dtype, shape, hash};
  return result;
}

std::string shape_of(const SourceTensor& t) {
  std::string text_of;
  for (std::int64_t d : t.shape)
    text_of.append(text_of.empty() ? "" : ",").append(std::to_string(d));
  return text_of;
}

std::string hash_of(const SourceTensor& t, const std::string& dtype) {
  std::vector<std::byte> bytes = values(t);
  if (dtype == "bfloat16") {
    for (std::size_t i = 0; i < bytes.size() / 4; i++) {
      EXPECT_EQ(bytes[4 * i], std::byte{0});
      EXPECT_EQ(bytes[4 * i + 1], std::byte{0});
      bytes[2 * i] = bytes[4 * i + 2];
      bytes[2 * i + 1] = bytes[4 * i + 3];
    }
    bytes.resize(bytes.size() / 2);
  } else {
    EXPECT_EQ(name_of(t.dtype), dtype) << t.name;
  }
  Sha256 sha;
  sha.update(bytes);
  return hex(sha.finish());
}

TEST(TorchGolden, EveryTensorHasTheExpectedHash) {
  int compared = 0, refused = 0;
  auto expected = expected_tensors();
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    std::string file = entry.path().filename().string();
    if (!file.starts_with("zip-") && !entry.is_directory()) continue;
    SCOPED_TRACE(file);
    const auto& tensors = expected[entry.is_directory() ? file + "/" : file];
    bool known = !tensors.empty() && file != "zip-complex-quant.bin";
    Checkpoint checkpoint;
    try {
      checkpoint = open_checkpoint(entry.path().string(), "huggingface-torch");
      EXPECT_TRUE(known);
    } catch (const Error& e) {
      EXPECT_FALSE(known) << e.what();
      EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
      refused++;
      continue;
    }
    EXPECT_EQ(checkpoint.tensors.size(), tensors.size());
    for (const SourceTensor& t : checkpoint.tensors) {
      auto found = tensors.find(t.name);
      ASSERT_NE(found, tensors.end()) << t.name;
      EXPECT_EQ(shape_of(t), found->second.shape);
      EXPECT_EQ(hash_of(t, found->second.dtype), found->second.sha256) << t.name;
      compared++;
    }
  }
  std::printf("%d tensors equal, %d files refused\n", compared, refused);
  EXPECT_GE(compared, 180);
  EXPECT_EQ(refused, 4);
}

TEST(TorchGolden, RefusesTheFormatBeforeZip) {
  for (const char* name : {"legacy-float32.bin", "legacy-nested.bin"}) {
    try {
      open_checkpoint((kGolden / name).string(), "auto");
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kBadInput);
      EXPECT_HAS(std::string(e.what()), "safe_serialization=True");
    }
  }
}

// The real mlc_llm's conversions of the same .bin files.
TEST(TorchGolden, ConversionsAreByteIdentical) {
  fs::path out = fs::path(testing::TempDir()) / ("mlc-torch-"s + std::to_string(::getpid()));
  for (const char* quantization : {"q0f16", "q4f16_1"}) {
    fs::remove_all(out);
    ConvertOptions options;
    options.config = (kGolden / "u1-bf16-sharded").string();
    options.quantization = quantization;
    options.output = out.string();
    options.numerics = "mlc-2024";
    options.threads = 2;
    SilentReporter reporter;
    Prepared prepared = prepare_conversion(options, reporter);
    run_conversion(options, prepared, reporter);
    std::string want =
        slurp(kGolden / ("u1-bf16-sharded-"s + std::string(quantization) + ".ndarray-cache.json"));
    EXPECT_EQ(want, slurp(out / "ndarray-cache.json")) << quantization;
    for (const auto& entry : fs::directory_iterator(out)) {
      if (entry.path().extension() != ".bin") continue;
      std::string bytes = slurp(entry.path());
      Md5 md5;
      md5.update(std::as_bytes(std::span(bytes)));
      EXPECT_HAS(want, hex(md5.finish()));
    }
  }
  fs::remove_all(out);
}

// Opens and reads a source completely; the error, or "".
std::string read_all(const fs::path& path) {
  try {
    Checkpoint checkpoint = open_checkpoint(path.string(), "huggingface-torch");
    for (const SourceTensor& t : checkpoint.tensors)
      values(t);
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == ExitCode::kBadInput || e.code() == ExitCode::kUsage) << e.what();
    return e.what();
  }
  return "";
}

#ifdef __x86_64__
// From here on the process is killed when it starts a program, a process or a connection.
bool forbid_processes() {
  constexpr std::uint32_t kForbidden[] = {SYS_execve, SYS_execveat, SYS_fork,   SYS_vfork,
                                          SYS_clone,  SYS_clone3,   SYS_socket, SYS_connect};
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (std::uint32_t call : kForbidden) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

constexpr int kNoSeccomp = 77;

// How a child ends that may start nothing: its exit code, or minus the signal.
template <class Work>
int end_of_child(Work work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(forbid_processes() ? work() : kNoSeccomp);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(TorchHostile, StartsNoProcess) {
  int control = end_of_child([] {
    // What os.system does.
    if (::fork() == 0) ::_exit(0);
    return 0;
  });
  if (control == kNoSeccomp) {
    std::cout << "skipped: no seccomp here\n";
    return;
  }
  ASSERT_EQ(control, -SIGSYS);
  fs::path hostile = fs::path(MLC_TEST_SHARED) / "golden" / "formats" / "torch" / "hostile";
  std::vector<fs::path> files;
  if (fs::exists(hostile))
    for (const auto& entry : fs::directory_iterator(hostile))
      if (entry.path().extension() == ".bin") files.push_back(entry.path());
  EXPECT_EQ(end_of_child([&] {
              for (const char* module : {"os", "posix", "subprocess", "builtins", "pty"})
                for (const char* name : {"system", "Popen", "eval", "exec", "spawn"}) {
                  std::string call = "c"s + module + "\n"s + name + "\n"s + text("true") + "\x85R"s;
                  if (refusal_of(kProto + call + kGood.substr(2)).empty()) return 1;
                }
              for (const fs::path& file : files)
                read_all(file);
              return 0;
            }),
            0);
  std::printf("25 calls and %zu files read under a filter that kills what starts a process\n",
              files.size());
}
#endif

TEST(TorchHostile, EveryFileIsRefused) {
  fs::path folder = fs::path(MLC_TEST_SHARED) / "golden" / "formats" / "torch" / "hostile";
  if (!fs::exists(folder / "hostile.json")) {
    std::cout << "skipped: no shared data\n";
    return;
  }
  const fs::path payload = "/tmp/golden-hostile-PWNED";  // what they make where they run
  fs::remove(payload);
  int refused = 0, accepted = 0, absent = 0, named = 0;
  Json list = read_json_file((folder / "hostile.json").string());
  for (const auto& [name, entry] : list.members("hostile.json")) {
    SCOPED_TRACE(name);
    if (!fs::exists(folder / name)) {
      absent++;
      continue;
    }
    std::string expect = entry.find("expect")->as_string("expect");
    if (name.starts_with("legacy-")) expect = "refuse";
    auto start = std::chrono::steady_clock::now();
    std::string error = read_all(folder / name);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    if (expect == "accept") {
      EXPECT_EQ(error, "");
    }
    if (expect == "refuse") {
      EXPECT_NE(error, "") << entry.find("why")->as_string("why");
    }
    if (name.starts_with("pk-") && expect == "refuse") {
      EXPECT_HAS(error, "opcode ");
      named++;
    }
    (error.empty() ? accepted : refused)++;
    if (std::getenv("MLC_TEST_VERBOSE") != nullptr)
      std::cout << name << " [" << expect << "]: " << error << "\n";
  }
  EXPECT_FALSE(fs::exists(payload));
  EXPECT_GE(named, 15);
  std::printf("%d pickles refused with the opcode or global named\n", named);
  std::printf("%d refused, %d accepted, %d not there\n", refused, accepted, absent);
}

}  // namespace
}  // namespace mlc
