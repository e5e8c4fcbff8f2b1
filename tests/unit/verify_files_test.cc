// Level *files*: a clean folder has no finding, and each way to damage one has its own id.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/tensor_cache.h"
#include "tests/unit/verify_folder.h"
#include "verify/files_hash.h"
#include "verify/files_index.h"
#include "verify/levels.h"

namespace mlc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Ids = std::vector<std::string>;

std::string md5_of(const std::string& bytes) {
  return hex(md5_many({{std::as_bytes(std::span(bytes))}})[0]);
}

std::string sha256_of(const std::string& bytes) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(bytes)));
  return hex(sha.finish());
}

// Bytes that differ from shard to shard.
std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class VerifyFiles : public VerifyTest {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    std::filesystem::create_directories(model_);
    make({pattern(600, 1), pattern(600, 2), pattern(900, 3)});
  }

  // A folder of these shards, each of two float16 records.
  void make(const std::vector<std::string>& shards) {
    cache_ = {};
    for (std::size_t i = 0; i < shards.size(); i++) {
      Shard shard;
      shard.data_path = shard_name(i);
      shard.nbytes = shards[i].size();
      shard.md5sum = md5_of(shards[i]);
      std::uint64_t half = shards[i].size() / 4 * 2;
      for (std::uint64_t offset : {std::uint64_t{0}, half}) {
        std::uint64_t bytes = offset == 0 ? half : shards[i].size() - half;
        shard.records.push_back({.name = fmt::format("p{}.{}", i, offset),
                                 .shape = {static_cast<std::int64_t>(bytes / 2)},
                                 .nbytes = bytes,
                                 .byte_offset = offset});
      }
      cache_.shards.push_back(std::move(shard));
      write(shard_name(i), shards[i]);
    }
    cache_.param_size = 2 * shards.size();
    write_index();
  }

  void write_index() { write_index_text(write_tensor_cache(cache_)); }
  void write_index_text(const std::string& text) {
    write("tensor-cache.json", text);
    write("ndarray-cache.json", text);
  }
  // The index with one text in place of another, under both names.
  void edit_index(const std::string& from, const std::string& to) {
    std::string text = write_tensor_cache(cache_);
    std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write_index_text(text.replace(at, from.size(), to));
  }

  Ids files() { return verify({Level::kFile}); }

  TensorCache cache_;
};

TEST_F(VerifyFiles, ACleanFolderHasNoFinding) {
  EXPECT_THAT(files(), IsEmpty());
  ASSERT_TRUE(report_->files);
  EXPECT_EQ(report_->files->shards, 3U);
  EXPECT_EQ(report_->files->files, 5U);
  EXPECT_EQ(report_->files->bytes, 2100U);
}

TEST_F(VerifyFiles, TheOutcomeDoesNotDependOnThreads) {
  std::vector<std::string> shards;
  for (unsigned i = 0; i < 90; i++)
    shards.push_back(pattern(4 + 2 * (i * 977 % 4096), i));
  make(shards);
  EXPECT_THAT(files(), IsEmpty());
  for (std::size_t i : {3U, 40U, 77U}) {
    shards[i][0] = static_cast<char>(shards[i][0] ^ 1);
    write(shard_name(i), shards[i]);
  }
  std::string first;
  for (unsigned threads : {1U, 2U, 7U, 200U}) {
    options_.threads = threads;
    EXPECT_THAT(files(), ElementsAre("F09"));
    Json json = *report_json(*report_).find("findings");
    if (first.empty()) first = dump_json(json);
    EXPECT_EQ(dump_json(json), first);
  }
  EXPECT_EQ(report_->findings.count("F09"), 3U);
}

TEST_F(VerifyFiles, NoIndexAtAll) {
  remove_file(path("tensor-cache.json"));
  remove_file(path("ndarray-cache.json"));
  EXPECT_THAT(files(), ElementsAre("F01"));
}

// TC-06.
TEST_F(VerifyFiles, OneNameOfTheIndexIsAccepted) {
  for (const char* gone : {"tensor-cache.json", "ndarray-cache.json"}) {
    write_index();
    remove_file(path(gone));
    EXPECT_THAT(files(), ElementsAre("F05")) << gone;
    EXPECT_EQ(report_->findings.count(Severity::kError), 0U);
  }
}

// TC-06.
TEST_F(VerifyFiles, BothNamesMustSayTheSame) {
  TensorCache other = cache_;
  other.shards[1].records[0].name = "else";
  write("ndarray-cache.json", write_tensor_cache(other));
  EXPECT_THAT(files(), ElementsAre("F03"));
  EXPECT_EQ(finding("F03").where, "ndarray-cache.json: records[1].records[0].name");
  EXPECT_EQ(finding("F03").found, "else");
  EXPECT_THAT(finding("F03").expected, HasSubstr("p1.0"));

  write("ndarray-cache.json", write_tensor_cache(cache_) + "\n");
  EXPECT_THAT(files(), ElementsAre("F03"));
  EXPECT_THAT(finding("F03").found, HasSubstr("the same records"));
}

TEST_F(VerifyFiles, EveryFieldOfTheIndexIsCompared) {
  auto difference = [&](auto change) {
    TensorCache other = cache_;
    change(other);
    return first_difference(cache_, other).where;
  };
  using T = TensorCache&;
  EXPECT_EQ(difference([](T) {}), "");
  EXPECT_EQ(difference([](T c) { c.shards.pop_back(); }), "records, their number");
  EXPECT_EQ(difference([](T c) { c.shards[0].data_path = "x"; }), "records[0].dataPath");
  EXPECT_EQ(difference([](T c) { c.shards[0].nbytes++; }), "records[0].nbytes");
  EXPECT_EQ(difference([](T c) { c.shards[0].md5sum = ""; }), "records[0].md5sum");
  EXPECT_EQ(difference([](T c) { c.shards[2].records.pop_back(); }),
            "records[2].records, their number");
  auto record = [&](auto change) {
    return difference([&](T c) { change(c.shards[2].records[1]); });
  };
  EXPECT_EQ(record([](Record& r) { r.shape = {1, 2}; }), "records[2].records[1].shape");
  EXPECT_EQ(record([](Record& r) { r.dtype = DType::kBF16; }), "records[2].records[1].dtype");
  EXPECT_EQ(record([](Record& r) { r.format = RecordFormat::kRaw; }),
            "records[2].records[1].format");
  EXPECT_EQ(record([](Record& r) { r.nbytes++; }), "records[2].records[1].nbytes");
  EXPECT_EQ(record([](Record& r) { r.byte_offset++; }), "records[2].records[1].byteOffset");
  EXPECT_EQ(difference([](T c) { c.param_size++; }), "metadata.ParamSize");
  EXPECT_EQ(difference([](T c) { c.param_bytes++; }), "metadata.ParamBytes");
  EXPECT_EQ(difference([](T c) { c.bits_per_param++; }), "metadata.BitsPerParam");
}

TEST_F(VerifyFiles, TheB16IndexIsThatOfTheIndex) {
  cache_.shards[0].records[0].dtype = DType::kF32;
  write_index();
  write("tensor-cache-b16.json", write_tensor_cache_b16(cache_));
  write("ndarray-cache-b16.json", write_tensor_cache_b16(cache_));
  EXPECT_THAT(files(), IsEmpty());
  write("tensor-cache-b16.json", write_tensor_cache(cache_));
  EXPECT_THAT(files(), ElementsAre("F04"));
  EXPECT_EQ(finding("F04").where, "tensor-cache-b16.json: records[0].records[0].dtype");
  write("tensor-cache-b16.json", "{}");
  EXPECT_THAT(files(), ElementsAre("F02"));
}

// TC-01, TC-02, TC-03, TC-05.
TEST_F(VerifyFiles, HostileIndexes) {
  struct Case {
    const char *from, *to, *says;
  };
  const Case cases[] = {
      {"params_shard_1.bin", "../x", "no path below"},
      {"params_shard_1.bin", "/etc/passwd", "no path below"},
      {"params_shard_1.bin", "a\\\\b", "no path below"},
      {"params_shard_1.bin", "C:x", "no path below"},
      {"params_shard_1.bin", "", "no path below"},
      {"params_shard_1.bin", "a\\u0000b", "no path below"},
      {"params_shard_1.bin", "params_shard_0.bin", "two shards have the dataPath"},
      {"\"byteOffset\": 300", "\"byteOffset\": -300", "-300"},
      {"\"byteOffset\": 300", "\"byteOffset\": 302", "beyond the shard"},
      {"\"byteOffset\": 300", "\"byteOffset\": 18446744073709551615", "beyond the shard"},
      {"\"byteOffset\": 300", "\"byteOffset\": 298", "overlap"},
      {"\"nbytes\": 300", "\"nbytes\": 302", "its shape and dtype"},
      {"\"nbytes\": 600", "\"nbytes\": 610", "the records end at"},
      {"\"nbytes\": 600", "\"nbytes\": 6e2", "integer"},
      {"p0.300", "p0.0", "two records have the name"},
      {"\"records\": [", "\"records\": 1, \"r\": [", "array"},
      {"\"float16\"", "\"float17\"", "unknown dtype"},
      {"\"metadata\"", "\"records\": [], \"metadata\"", "records"},
      {"{", "{{", "byte 1"},
  };
  for (const Case& c : cases) {
    edit_index(c.from, c.to);
    EXPECT_THAT(files(), ElementsAre("F02")) << c.to;
    EXPECT_EQ(report_->findings.count("F02"), 2U) << "both names are looked at";
    EXPECT_THAT(finding("F02").found, HasSubstr(c.says)) << c.to;
  }
}

TEST_F(VerifyFiles, AHoleBetweenRecordsIsFound) {
  cache_.shards[0].records[1].byte_offset += 2;
  cache_.shards[0].nbytes += 2;
  write_index();
  EXPECT_THAT(files(), ElementsAre("F02"));
  EXPECT_THAT(finding("F02").found, HasSubstr("hole"));
}

TEST_F(VerifyFiles, OneDamagedNameLeavesTheOther) {
  write("tensor-cache.json", "[");
  std::string bytes = text(shard_name(2));
  bytes[100] = static_cast<char>(bytes[100] ^ 16);
  write(shard_name(2), bytes);
  EXPECT_THAT(files(), ElementsAre("F02", "F09"));
  EXPECT_EQ(find_index(model_)->name, "ndarray-cache.json");
}

// TC-04.
TEST_F(VerifyFiles, AFlippedBit) {
  for (std::size_t at : {0U, 899U}) {
    make({pattern(600, 1), pattern(600, 2), pattern(900, 3)});
    std::string bytes = text(shard_name(2));
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write(shard_name(2), bytes);
    EXPECT_THAT(files(), ElementsAre("F09"));
    EXPECT_EQ(finding("F09").where, "params_shard_2.bin");
    EXPECT_EQ(finding("F09").expected, cache_.shards[2].md5sum);
  }
}

// TC-04.
TEST_F(VerifyFiles, TruncatedAndLongerShards) {
  for (std::size_t size : {0U, 599U, 601U}) {
    write(shard_name(1), pattern(size, 2));
    EXPECT_THAT(files(), ElementsAre("F08")) << size;
    EXPECT_EQ(finding("F08").expected, "600 bytes");
  }
}

// TC-04.
TEST_F(VerifyFiles, NoMd5IsAWarning) {
  cache_.shards[1].md5sum.clear();
  write_index();
  EXPECT_THAT(files(), ElementsAre("F12"));
  EXPECT_EQ(report_->findings.count(Severity::kError), 0U);
}

// TC-08.
TEST_F(VerifyFiles, ExchangedShards) {
  write(shard_name(0), pattern(600, 2));
  write(shard_name(1), pattern(600, 1));
  EXPECT_THAT(files(), ElementsAre("F11"));
  EXPECT_EQ(report_->findings.count("F11"), 2U);
  EXPECT_THAT(finding("F11").found, HasSubstr("the bytes of params_shard_1.bin"));
  // Of different sizes too.
  write(shard_name(0), pattern(900, 3));
  write(shard_name(2), pattern(600, 2));
  EXPECT_THAT(files(), ElementsAre("F11"));
  EXPECT_EQ(report_->findings.count("F11"), 3U);
}

// TC-07: 128 bytes each with the same md5, of Wang, Feng, Lai and Yu (2004).
TEST_F(VerifyFiles, AnMd5CollisionIsFoundBySha256) {
  std::string a = std::string(
      "\xd1\x31\xdd\x02\xc5\xe6\xee\xc4\x69\x3d\x9a\x06\x98\xaf\xf9\x5c"
      "\x2f\xca\xb5\x87\x12\x46\x7e\xab\x40\x04\x58\x3e\xb8\xfb\x7f\x89"
      "\x55\xad\x34\x06\x09\xf4\xb3\x02\x83\xe4\x88\x83\x25\x71\x41\x5a"
      "\x08\x51\x25\xe8\xf7\xcd\xc9\x9f\xd9\x1d\xbd\xf2\x80\x37\x3c\x5b"
      "\xd8\x82\x3e\x31\x56\x34\x8f\x5b\xae\x6d\xac\xd4\x36\xc9\x19\xc6"
      "\xdd\x53\xe2\xb4\x87\xda\x03\xfd\x02\x39\x63\x06\xd2\x48\xcd\xa0"
      "\xe9\x9f\x33\x42\x0f\x57\x7e\xe8\xce\x54\xb6\x70\x80\xa8\x0d\x1e"
      "\xc6\x98\x21\xbc\xb6\xa8\x83\x93\x96\xf9\x65\x2b\x6f\xf7\x2a\x70",
      128);
  std::string b = a;
  for (std::size_t at : {19U, 45U, 59U, 83U, 109U, 123U})
    b[at] = static_cast<char>(b[at] ^ 0x80);
  ASSERT_EQ(md5_of(a), md5_of(b));
  make({a, pattern(600, 2), pattern(900, 3)});
  options_.sha256 = {{shard_name(0), sha256_of(a)}, {"tensor-cache.json", ""}};
  options_.sha256["tensor-cache.json"] = sha256_of(text("tensor-cache.json"));
  EXPECT_THAT(files(), IsEmpty());
  write(shard_name(0), b);
  EXPECT_THAT(files(), ElementsAre("F10"));
  EXPECT_EQ(finding("F10").where, "params_shard_0.bin");
  EXPECT_EQ(finding("F10").found, sha256_of(b));
}

TEST_F(VerifyFiles, KnownHashesOfFilesThatAreNotThere) {
  options_.sha256 = {{"tokenizer.json", std::string(64, '0')}, {"../x", std::string(64, '0')}};
  EXPECT_THAT(files(), ElementsAre("F06"));
  EXPECT_EQ(report_->findings.count("F06"), 2U);
}

TEST_F(VerifyFiles, MissingAndUnreadableShards) {
  remove_file(path(shard_name(1)));
  EXPECT_THAT(files(), ElementsAre("F06"));
  std::filesystem::create_symlink("nowhere", path(shard_name(1)));
  EXPECT_THAT(files(), ElementsAre("F06"));
  remove_file(path(shard_name(1)));
  ASSERT_EQ(::mkfifo(path(shard_name(1)).c_str(), 0600), 0);
  EXPECT_THAT(files(), ElementsAre("F07"));
  remove_file(path(shard_name(1)));
  std::filesystem::create_directory(path(shard_name(1)));
  EXPECT_THAT(files(), ElementsAre("F07"));
}

TEST_F(VerifyFiles, AFileThatChangesWhileItIsRead) {
  std::vector<FileHash> hashes = {{.path = path(shard_name(0)), .size = 600, .wants_sha256 = true},
                                  {.path = path(shard_name(1)), .size = 599},
                                  {.path = path(shard_name(2)), .size = 901}};
  SilentReporter reporter;
  hash_files(hashes, 1, reporter);
  EXPECT_EQ(hashes[0].md5, cache_.shards[0].md5sum);
  EXPECT_EQ(hashes[0].sha256, sha256_of(pattern(600, 1)));
  EXPECT_THAT(hashes[1].error, HasSubstr("had 599 bytes and now has 600"));
  EXPECT_THAT(hashes[2].error, HasSubstr("had 901 bytes and now has 900"));
}

TEST_F(VerifyFiles, LinksOutOfTheFolder) {
  std::filesystem::rename(path(shard_name(1)), root_ / "elsewhere.bin");
  std::filesystem::create_symlink("../elsewhere.bin", path(shard_name(1)));
  EXPECT_THAT(files(), ElementsAre("F15"));
  EXPECT_EQ(report_->findings.count(Severity::kError), 0U);
  // As Hugging Face's cache has them.
  std::filesystem::create_directories(root_ / "blobs");
  std::filesystem::create_directories(root_ / "snapshots");
  std::filesystem::rename(root_ / "elsewhere.bin", root_ / "blobs" / "0123");
  remove_file(path(shard_name(1)));
  std::filesystem::create_symlink("../../blobs/0123", path(shard_name(1)));
  std::filesystem::rename(model_, root_ / "snapshots" / "abc");
  model_ = (root_ / "snapshots" / "abc").string();
  EXPECT_THAT(files(), IsEmpty());
  // Within the folder.
  std::filesystem::rename(path(shard_name(0)), path("a"));
  std::filesystem::create_symlink("a", path(shard_name(0)));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(VerifyFiles, AStaleShard) {
  write("params_shard_3.bin", "old");
  write("params_shard_x.bin", "of somebody else");
  EXPECT_THAT(files(), ElementsAre("F13"));
  EXPECT_EQ(report_->findings.count("F13"), 1U);
  EXPECT_EQ(finding("F13").where, "params_shard_3.bin");
}

TEST_F(VerifyFiles, LeftoversOfKilledRuns) {
  std::filesystem::create_directory(path(".mlc-partial"));
  write(".mlc-partial/journal", "");
  write("tensor-cache.json.tmp-12-0", "");
  write("params_shard_9.bin.part", "");
  EXPECT_THAT(files(), ElementsAre("F14"));
  EXPECT_EQ(report_->findings.count("F14"), 3U);
  EXPECT_EQ(report_->findings.count(Severity::kError), 0U);
}

TEST_F(VerifyFiles, JsonAndTokenizerFilesAreParsedStrictly) {
  for (const char* name : {"mlc-chat-config.json", "tokenizer.json", "other.json"}) {
    for (const char* bytes : {"", "{", "{\"a\": 1, \"a\": 2}", "{} {}", "\xff", "<html>"}) {
      write(name, bytes);
      EXPECT_THAT(files(), ElementsAre("F16")) << name << " " << bytes;
      EXPECT_EQ(finding("F16").where, name);
    }
    write(name, std::string(100, '[') + std::string(100, ']'));
    EXPECT_THAT(files(), ElementsAre("F16"));
    remove_file(path(name));
  }
  for (const char* name : {"tokenizer.model", "tokenizer_model"}) {
    write(name, "\x0a\xff");
    EXPECT_THAT(files(), ElementsAre("F16")) << name;
    remove_file(path(name));
  }
  std::filesystem::create_directory(path("vocab.json"));
  EXPECT_THAT(files(), ElementsAre("F07"));
}

TEST_F(VerifyFiles, LaterLevelsAreToldWhatIsMissing) {
  auto broken = [&] {
    options_.model = model_;
    VerifyReport report;
    SilentReporter reporter;
    return levels()[0].run(options_, report, reporter);
  };
  EXPECT_EQ(broken(), "");
  write(shard_name(1), pattern(600, 5));
  EXPECT_EQ(broken(), "");
  write(shard_name(1), pattern(500, 5));
  EXPECT_EQ(broken(), "params_shard_1.bin has another size than the index says");
  remove_file(path(shard_name(1)));
  EXPECT_EQ(broken(), "params_shard_1.bin can't be read");
  write_index_text("");
  EXPECT_EQ(broken(), "the folder has no index that can be read");
}

TEST_F(VerifyFiles, KjvLlamaIsClean) {
  for (const char* quantization : {"q4f16_1", "q0f32"}) {
    std::filesystem::remove_all(model_);
    write_model(kKjv, quantization, "LM", model_);
    EXPECT_THAT(files(), IsEmpty()) << quantization;
    EXPECT_GE(report_->files->files, 6U);
  }
}

TEST_F(VerifyFiles, OtherThingsThanFoldersAreWrongCommandLines) {
  write("x", "");
  model_ = path("x");
  EXPECT_THROW(files(), Error);
}

}  // namespace
}  // namespace mlc
