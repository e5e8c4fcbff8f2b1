// Files that PyTorch wrote, in tests/golden/torch.
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "convert/convert.h"
#include "tests/unit/torch_files.h"

namespace mlc {
namespace {

using namespace torch_files;
namespace fs = std::filesystem;

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

}  // namespace
}  // namespace mlc
