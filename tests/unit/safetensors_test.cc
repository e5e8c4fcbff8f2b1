#include "convert/safetensors.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "convert/safetensors_index.h"
#include "tests/unit/sanitized.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

std::string raw(const std::string& header, std::size_t data) {
  std::string file;
  for (std::size_t i = 0; i < 8; i++)
    file += static_cast<char>((header.size() >> (8 * i)) & 0xFF);
  return file + header + std::string(data, '\0');
}

// The whole reader, on bytes in memory.
std::vector<SourceTensor> parse(std::string_view file) {
  std::uint64_t length = safetensors_header_length(file.substr(0, 512), file.size(), "f");
  return parse_safetensors_header(file.substr(8, length), file.size(), "f");
}

std::string names(const std::vector<SourceTensor>& tensors) {
  std::string text;
  for (const SourceTensor& t : tensors)
    text += (text.empty() ? "" : " ") + t.name;
  return text;
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "mlc_safetensors_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& content) {
    std::ofstream(root_ / name, std::ios::binary) << content;
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }
  Checkpoint open(const std::string& name = "") {
    return open_checkpoint(path(name), "huggingface-safetensor");
  }
  std::string refusal(const std::string& name, ExitCode code) {
    try {
      open_checkpoint(path(name), "auto");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    return "accepted";
  }

  fs::path root_;
};

constexpr const char* kThree = R"({"__metadata__":{"format":"pt","a":""},)"
                               R"("z":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
                               R"("b":{"data_offsets":[28,30],"shape":[],"dtype":"F16"},)"
                               R"("a":{"dtype":"F64","shape":[2],"data_offsets":[12,28]}})";

TEST(SafetensorsHeader, GivesTensorsInTheOrderOfTheirData) {
  auto tensors = parse(raw(kThree, 30));
  ASSERT_EQ(names(tensors), "z a b");
  std::uint64_t data = 8 + std::string_view(kThree).size();
  EXPECT_EQ(tensors[0].dtype, DType::kBF16);
  EXPECT_EQ(tensors[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(tensors[0].offset, data);
  EXPECT_EQ(tensors[0].nbytes, 12u);
  EXPECT_EQ(tensors[1].offset, data + 12);
  EXPECT_EQ(tensors[2].shape.size(), 0u);
  EXPECT_EQ(tensors[2].elements(), 1);
  EXPECT_EQ(tensors[2].nbytes, 2u);
}

TEST(SafetensorsHeader, EveryPrefixOfAValidFileIsRefused) {
  std::string file = raw(kThree, 30);
  for (std::size_t n = 0; n < file.size(); n++) {
    // In memory of exactly that size, so that a sanitizer sees a read beyond it.
    std::vector<char> prefix(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
    try {
      parse({prefix.data(), prefix.size()});
      ADD_FAILURE() << n << " bytes were accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kBadInput);
    }
  }
  // The same for the header alone, as if its length had been patched.
  std::string header = kThree;
  for (std::size_t n = 0; n < header.size(); n++)
    EXPECT_THROW(parse(raw(header.substr(0, n), 30)), Error) << n;
  EXPECT_EQ(parse(file).size(), 3u);
}

TEST(SafetensorsHeader, EverySingleByteChangeIsRefusedOrGivesAConsistentTable) {
  std::string file = raw(kThree, 30);
  std::size_t header_end = file.size() - 30;
  for (std::size_t i = 0; i < header_end; i++) {
    for (int value = 0; value < 256; value++) {
      std::string changed = file;
      changed[i] = static_cast<char>(value);
      try {
        std::uint64_t end = 0;
        for (const SourceTensor& t : parse(changed)) {
          EXPECT_EQ(t.nbytes, static_cast<std::uint64_t>(t.elements()) * size_of(t.dtype));
          EXPECT_TRUE(end == 0 || t.offset == end);
          end = t.offset + t.nbytes;
        }
        EXPECT_EQ(end, changed.size());
      } catch (const Error&) {
      }
    }
  }
}

TEST(SafetensorsHeader, AcceptsWhatTheFormatAllows) {
  EXPECT_EQ(parse(raw("{}", 0)).size(), 0u);
  EXPECT_EQ(parse(raw(" \n\t{} \r\n  ", 0)).size(), 0u);
  EXPECT_EQ(parse(raw(R"({"__metadata__":{}})", 0)).size(), 0u);
  // Zero-sized tensors lie anywhere; ties are in header order.
  auto tensors = parse(raw(R"({"e":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                           R"("y":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                           R"("x":{"dtype":"F32","shape":[7,0],"data_offsets":[0,0]},)"
                           R"("w":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}})",
                           2));
  EXPECT_EQ(names(tensors), "y x e w");
  EXPECT_EQ(tensors[0].elements(), 0);
  // Every dtype, and an unaligned start.
  for (const DTypeInfo& row : dtypes()) {
    std::string header =
        fmt::format(R"({{"u":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},)"
                    R"("t":{{"dtype":"{}","shape":[1,3,1,1,1,1,1,1],"data_offsets":[1,{}]}}}})",
                    row.safetensors, 1 + 3 * row.size);
    auto two = parse(raw(header, 1 + 3 * row.size));
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[1].dtype, row.dtype);
  }
}

TEST(SafetensorsHeader, NamesAreData) {
  auto file = [](const std::string& name) {
    return raw(R"({")" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  };
  EXPECT_EQ(parse(file("../../x"))[0].name, "../../x");
  EXPECT_EQ(parse(file("a\\u001b[31m\\n"))[0].name, "a\x1b[31m\n");
  EXPECT_EQ(parse(file(""))[0].name, "");
  EXPECT_EQ(parse(file(std::string(65536, 'n')))[0].name.size(), 65536u);
  try {
    parse(file(std::string(65537, 'n')));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("of 65537 bytes, the limit is 65536"), std::string::npos);
  }
}

TEST(SafetensorsHeader, MillionsOfBracketsNeedNoStack) {
  EXPECT_THROW(parse(raw(std::string(1000000, '['), 0)), Error);
  EXPECT_THROW(parse(raw(R"({"__metadata__":)" + std::string(1000000, '['), 0)), Error);
  std::string objects;
  for (int i = 0; i < 200000; i++)
    objects += R"({"a":)";
  EXPECT_THROW(parse(raw(objects, 0)), Error);
}

// Peak resident memory in bytes since the last call with `reset`.
std::size_t peak_memory(bool reset) {
  if (reset) std::ofstream("/proc/self/clear_refs") << "5";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  return 0;
}

TEST_F(Folder, AHeaderOf25MillionBytesTakesLittleMemoryAndTime) {
  std::string header = "{";
  std::size_t n = 0;
  for (; header.size() < 24'999'900; n++)
    header += fmt::format(R"("{:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},)", n);
  header.back() = '}';
  write("model.safetensors", raw(header, 0));
  std::size_t size = header.size();
  header = std::string();

  std::size_t before = peak_memory(true);
  std::clock_t start = std::clock();  // CPU time: other programs may be busy, too
  EXPECT_EQ(open().tensors.size(), n);
  double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::size_t used = peak_memory(false) - before;
  std::cout << n << " tensors, " << used / size << " x the header, " << seconds << " s\n";
  if (kSanitized) return;
  EXPECT_LT(seconds, 5);
  EXPECT_LT(used, 10 * size);
}

TEST_F(Folder, AHeaderAboveTheLimitIsNotRead) {
  std::string head = raw("", 0);
  constexpr std::uint64_t kLength = 100'000'001;
  for (std::size_t i = 0; i < 8; i++)
    head[i] = static_cast<char>((kLength >> (8 * i)) & 0xFF);
  write("model.safetensors", head + "{");
  fs::resize_file(path("model.safetensors"), 200'000'000);
  std::size_t before = peak_memory(true);
  EXPECT_NE(refusal("", ExitCode::kBadInput).find("100000001 is above the limit of 100000000"),
            std::string::npos);
  EXPECT_LT(peak_memory(false) - before, std::size_t{1} << 20);
}

TEST_F(Folder, ALargeHeaderGivesAWarning) {
  std::string header;
  header.resize(25'000'000, ' ');
  header += R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  write("model.safetensors", raw(header, 1));
  Checkpoint checkpoint = open();
  ASSERT_EQ(checkpoint.warnings.size(), 1u);
  EXPECT_NE(checkpoint.warnings[0].find("header has 25000053 bytes"), std::string::npos)
      << checkpoint.warnings[0];
}

TEST_F(Folder, AFileThatShrinksIsAnInputOutputError) {
  write("model.safetensors", raw(kThree, 30));
  Checkpoint checkpoint = open();
  fs::resize_file(path("model.safetensors"), 100);
  const SourceTensor* tensor = checkpoint.find("b");
  ASSERT_NE(tensor, nullptr);
  std::vector<std::byte> data(tensor->nbytes);
  try {
    checkpoint.files[tensor->file].file->read(tensor->offset, data);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kIo);
    EXPECT_NE(std::string(e.what()).find("model.safetensors"), std::string::npos);
  }
}

// Names in the order given, one byte each.
std::string bytes_named(const std::vector<std::string>& list) {
  std::string header = "{";
  for (std::size_t i = 0; i < list.size(); i++)
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})",
                          i == 0 ? "" : ",", list[i], i, i + 1);
  return raw(header + "}", list.size());
}

TEST_F(Folder, WithoutIndexTheOrderIsThatOfTheData) {
  write("model.safetensors", bytes_named({"q", "c", "k"}));
  Checkpoint checkpoint = open();
  EXPECT_EQ(names(checkpoint.tensors), "q c k");
  EXPECT_EQ(checkpoint.files[0].name, "model.safetensors");
  EXPECT_EQ(checkpoint.files[0].elements, 3u);
  EXPECT_TRUE(checkpoint.warnings.empty());
  EXPECT_EQ(checkpoint.find("c"), &checkpoint.tensors[1]);
  EXPECT_EQ(checkpoint.find("d"), nullptr);
  EXPECT_EQ(names(open("model.safetensors").tensors), "q c k");
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), {}), 1) << "nothing is written";
}

TEST_F(Folder, WithIndexTheOrderIsThatOfTheIndexFileByFile) {
  write("1.safetensors", bytes_named({"a", "b", "x", "c"}));
  write("2.safetensors", bytes_named({"d", "e"}));
  write("model.safetensors.index.json",
        R"({"metadata":{"total_size":5,"more":[{"weight_map":{"a":1}}]},"other":[1,{"a":[]}],
            "weight_map":{"e":"2.safetensors","c":"1.safetensors","d":"2.safetensors",
                          "a":"1.safetensors","b":"1.safetensors"}})");
  Checkpoint checkpoint = open();
  EXPECT_EQ(names(checkpoint.tensors), "e d c a b");
  ASSERT_EQ(checkpoint.files.size(), 2u);
  EXPECT_EQ(checkpoint.files[0].name, "2.safetensors");
  EXPECT_EQ(checkpoint.files[0].elements, 2u);
  EXPECT_EQ(checkpoint.files[1].elements, 4u);
  EXPECT_EQ(checkpoint.find("c")->file, 1u);
  ASSERT_EQ(checkpoint.warnings.size(), 1u);
  EXPECT_TRUE(checkpoint.warnings[0].ends_with(
      "model.safetensors.index.json: does not mention 1 tensor that the files hold: x"))
      << checkpoint.warnings[0];
  EXPECT_EQ(names(open("model.safetensors.index.json").tensors), "e d c a b");
}

TEST_F(Folder, AWrongTotalSizeIsAWarning) {
  write("1.safetensors", bytes_named({"a", "b"}));
  auto warnings = [&](const std::string& total) {
    write("model.safetensors.index.json",
          R"({"metadata":{"total_size":)" + total +
              R"(},"weight_map":{"a":"1.safetensors","b":"1.safetensors"}})");
    return open().warnings;
  };
  EXPECT_TRUE(warnings("2").empty());
  EXPECT_TRUE(warnings("2.0").empty());
  ASSERT_EQ(warnings("3").size(), 1u);
  EXPECT_TRUE(warnings("3")[0].ends_with("total_size is 3, but the tensors have 2 bytes"))
      << warnings("3")[0];
}

TEST_F(Folder, SeveralFilesWithoutIndexAreReadInTheOrderOfTheirNames) {
  write("model-2.safetensors", bytes_named({"d", "c"}));
  write("model-1.safetensors", bytes_named({"b", "a"}));
  EXPECT_EQ(names(open().tensors), "b a d c");
  write("other.safetensors", bytes_named({"e", "a"}));
  EXPECT_TRUE(refusal("", ExitCode::kBadInput)
                  .ends_with("1 tensor in two files: a (in model-1.safetensors and "
                             "other.safetensors); name one file, or an index, as the source"));
  EXPECT_EQ(names(open("other.safetensors").tensors), "e a");
  // A file of the usual name is read alone, as mlc_llm does.
  write("model.safetensors", bytes_named({"a"}));
  Checkpoint checkpoint = open();
  EXPECT_EQ(names(checkpoint.tensors), "a");
  ASSERT_EQ(checkpoint.warnings.size(), 1u);
  EXPECT_TRUE(checkpoint.warnings[0].ends_with(
      "only model.safetensors is read, not model-1.safetensors, model-2.safetensors, "
      "other.safetensors"));
}

TEST_F(Folder, AnIndexOfAnotherNameIsTakenIfItIsTheOnlyOne) {
  write("x-1.safetensors", bytes_named({"a", "b"}));
  write("x.safetensors.index.json",
        R"({"weight_map":{"b":"x-1.safetensors","a":"x-1.safetensors"}})");
  EXPECT_EQ(names(open().tensors), "b a");
  write("y.safetensors.index.json", R"({"weight_map":{"b":"x-1.safetensors"}})");
  EXPECT_NE(refusal("", ExitCode::kBadInput).find("several index files (x.safe"),
            std::string::npos);
  EXPECT_EQ(names(open("y.safetensors.index.json").tensors), "b");
}

TEST_F(Folder, FollowsTheLinksOfTheHubsCache) {
  fs::create_directories(root_ / "blobs");
  fs::create_directories(root_ / "snapshot");
  write("blobs/0a1b", bytes_named({"a"}));
  fs::create_symlink("../blobs/0a1b", root_ / "snapshot/model.safetensors");
  EXPECT_EQ(names(open("snapshot").tensors), "a");
  fs::remove(root_ / "blobs/0a1b");
  EXPECT_NE(refusal("snapshot", ExitCode::kIo).find("model.safetensors"), std::string::npos);
}

TEST_F(Folder, SaysWhatItFoundInstead) {
  EXPECT_NE(refusal("", ExitCode::kBadInput)
                .find("no weights of source format auto; looked for *.safetensors"),
            std::string::npos);
  EXPECT_NE(refusal("absent", ExitCode::kUsage).find("does not exist"), std::string::npos);
  write("notes.txt", "");
  EXPECT_NE(refusal("notes.txt", ExitCode::kBadInput).find("expected a folder"), std::string::npos);
  write("model.onnx", "");
  EXPECT_NE(refusal("", ExitCode::kUnsupported).find("found model.onnx (ONNX)"), std::string::npos);
  EXPECT_NE(refusal("model.onnx", ExitCode::kUnsupported).find("is ONNX"), std::string::npos);
  write("a.safetensors", bytes_named({"a"}));
  write("pytorch_model.bin", "");
  Checkpoint checkpoint = open();
  ASSERT_EQ(checkpoint.warnings.size(), 1u);
  EXPECT_NE(checkpoint.warnings[0].find("pytorch_model.bin is not read"), std::string::npos);
}

TEST_F(Folder, KnowsTheNamesOfFormats) {
  write("model.safetensors", bytes_named({"a"}));
  auto code = [&](std::string_view format) {
    try {
      open_checkpoint(path(""), format);
    } catch (const Error& e) {
      return e.code();
    }
    return ExitCode::kDone;
  };
  EXPECT_EQ(code("auto"), ExitCode::kDone);
  EXPECT_EQ(code("huggingface-safetensor"), ExitCode::kDone);
  EXPECT_EQ(code("huggingface-torch"), ExitCode::kBadInput);  // none here
  EXPECT_EQ(code("safetensors"), ExitCode::kUsage);
  EXPECT_EQ(source_formats().front().name, "auto");
}

TEST(SafetensorsIndex, EveryPrefixIsRefused) {
  std::string text =
      R"({"metadata":{"total_size":1e3},"weight_map":{"b":"x/1.safetensors","a":"2"}})";
  SafetensorsIndex index = parse_safetensors_index(text, "i");
  EXPECT_EQ(index.files, (std::vector<std::string>{"x/1.safetensors", "2"}));
  ASSERT_EQ(index.entries.size(), 2u);
  EXPECT_EQ(index.entries[1].tensor, "a");
  EXPECT_EQ(index.entries[1].file, 1u);
  EXPECT_EQ(index.total_size, 1000.0);
  for (std::size_t n = 0; n < text.size(); n++) {
    std::vector<char> prefix(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_THROW(parse_safetensors_index({prefix.data(), n}, "i"), Error) << n;
  }
}

// Checkpoints that the real mlc_llm has converted.
TEST(Safetensors, ReadsTheSharedCheckpoints) {
  fs::path shared = fs::path(MLC_TEST_SHARED) / "golden";
  if (!fs::exists(shared)) GTEST_SKIP() << "skipped: no shared data";
  std::size_t n = 0;
  for (const auto& entry : fs::recursive_directory_iterator(shared)) {
    if (entry.path().filename() != "model.safetensors" ||
        entry.path().string().find("formats") != std::string::npos)
      continue;
    Checkpoint checkpoint = open_checkpoint(entry.path().parent_path().string(), "auto");
    EXPECT_FALSE(checkpoint.tensors.empty()) << entry.path();
    n++;
  }
  std::cout << n << " shared checkpoints read\n";
}

}  // namespace
}  // namespace mlc
