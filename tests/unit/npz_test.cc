// Arrays that numpy itself has written (tests/data/make_npz.py), and headers that it never would.
#include "convert/npz.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "npz_archive.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using test::npy;
using test::npz_of;

const fs::path kGolden = fs::path(MLC_TEST_DATA) / "golden" / "npz";

#define EXPECT_HAS(outer, inner) EXPECT_PRED_FORMAT2(testing::IsSubstring, inner, outer)

RandomAccess memory(const std::string& bytes) {
  return {"f", bytes.size(), [bytes](std::uint64_t offset, std::span<std::byte> out) {
            if (offset > bytes.size() || out.size() > bytes.size() - offset)
              throw std::logic_error("read beyond the file");
            if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
          }};
}

std::vector<std::byte> values(const SourceTensor& t) {
  std::vector<std::byte> out(static_cast<std::size_t>(t.elements()) * size_of(t.dtype));
  t.reader->read(0, t.elements(), out);
  return out;
}

std::string outcome(const std::string& bytes) {
  try {
    for (const SourceTensor& t : read_npz(memory(bytes)))
      values(t);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
    return e.what();
  }
  return "";
}

TEST(Npz, EveryArrayHasTheExpectedValues) {
  struct Row {
    std::string dtype, shape, hash;
  };
  std::map<std::string, Row> expected;
  std::ifstream lines(kGolden / "expected.tsv");
  std::string name, dtype, shape, hash;
  while (std::getline(lines, name, '\t') && std::getline(lines, dtype, '\t') &&
         std::getline(lines, shape, '\t') && std::getline(lines, hash))
    expected[name] = {dtype, shape, hash};
  Checkpoint checkpoint = open_checkpoint((kGolden / "arrays.npz").string(), "auto");
  EXPECT_EQ(checkpoint.tensors.size(), expected.size());
  EXPECT_GE(expected.size(), 10u);
  for (const SourceTensor& t : checkpoint.tensors) {
    ASSERT_TRUE(expected.contains(t.name)) << t.name;
    const Row& row = expected[t.name];
    EXPECT_EQ(row.dtype, name_of(t.dtype)) << t.name;
    std::string dims;
    for (std::int64_t d : t.shape)
      dims.append(dims.empty() ? "" : ",").append(std::to_string(d));
    EXPECT_EQ(row.shape, dims) << t.name;
    Sha256 sha;
    sha.update(values(t));
    EXPECT_EQ(row.hash, hex(sha.finish())) << t.name;
  }
  EXPECT_EQ(checkpoint.tensors[0].name, "model.f2");  // the order of the archive
  std::printf("%zu arrays of numpy equal\n", checkpoint.tensors.size());
}

TEST(Npz, RefusesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"compressed", "compressed (method 8)"},
      {"objects", "which is a pickle"},
      {"structures", "an array of structures"},
      {"big-endian", "big-endian"},
      {"bfloat16", "as numpy saves bfloat16"},
      {"complex", "'<c8'"},
      {"text", "'<U1'"},
  };
  for (const auto& [file, reason] : cases) {
    fs::path path = kGolden / (std::string("refused-") + file + ".npz");
    EXPECT_HAS(outcome(read_file(path.string(), 1 << 20)), reason);
  }
}

const std::string kData(24, '\x3c');
std::string refusal(const std::string& header) {
  return outcome(npz_of("w.npy", npy(header, kData)));
}

TEST(Npz, HeadersAreReadStrictly) {
  const char* const good[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
      "{'shape':(6,),'descr':'<f4','fortran_order':True}",
      "{'descr': '<f2', 'fortran_order': True, 'shape': (2, 3, 2)}",
  };
  for (const char* header : good)
    EXPECT_EQ(refusal(header), "") << header;
  const std::pair<const char*, const char*> bad[] = {
      {"", "expected {"},
      {"{}", "without descr"},
      {"{'descr': '<f4', 'fortran_order': False}", "without descr"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", "twice"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", "unknown key 'x'"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", "True or False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", "a comma after"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", "a dimension"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (06,)}", "a dimension"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6L,)}", "a comma after"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "64 bits"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}", "w.npy"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "needs 5 x 4 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", "needs 7 x 4 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", "more than 8"},
      {"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (6,)}",
       "expected '"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} or 1", "blanks and a newline"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", "pickle"},
      {"{'descr': 'object', 'fortran_order': False, 'shape': (6,)}", "'object'"},
      {"{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (6,)}", "in quotes"},
  };
  for (const auto& [header, reason] : bad)
    EXPECT_HAS(refusal(header), reason);
}

TEST(Npz, ArraysAreReadStrictly) {
  const char* const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }";
  std::string array = npy(header, kData);
  EXPECT_EQ(outcome(npz_of("w.npy", array)), "");
  for (std::size_t n = 0; n < array.size(); n++)
    EXPECT_NE(outcome(npz_of("w.npy", array.substr(0, n))), "") << n;
  EXPECT_NE(outcome(npz_of("w.npy", array + "x")), "");
  EXPECT_HAS(outcome(npz_of("w.bin", array)), "ends in .npy");
  EXPECT_HAS(outcome(npz_of(".npy", array)), "ends in .npy");
  EXPECT_HAS(outcome(npz_of("../w.npy", array)), "plain relative name");
  std::string version = array;
  version[6] = 9;
  EXPECT_HAS(outcome(npz_of("w.npy", version)), "version 9.0");
  std::string damaged = npz_of("w.npy", array);
  damaged[damaged.find(kData) + 3] ^= 1;
  EXPECT_HAS(outcome(damaged), "CRC-32");
  std::string whole = npz_of("w.npy", array);
  for (std::size_t n = 0; n < whole.size(); n++)
    EXPECT_NE(outcome(whole.substr(0, n)), "") << n;
}

TEST(Npz, FoldersOfNpz) {
  fs::path folder = fs::path(testing::TempDir()) / ("mlc-npz." + std::to_string(::getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::copy(kGolden / "arrays.npz", folder / "weights.npz");
  EXPECT_EQ(open_checkpoint(folder.string(), "auto").tensors.size(), 10u);
  EXPECT_EQ(open_checkpoint(folder.string(), "npz").tensors.size(), 10u);
  EXPECT_THROW(open_checkpoint(folder.string(), "huggingface-torch"), Error);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mlc
