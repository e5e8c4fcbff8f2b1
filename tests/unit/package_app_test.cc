// App bundles: mlc_llm's config and library names, and the readers and the writer that stand in for
// a toolchain. The bundles themselves are made in tests/cli/app_bundle.py.
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/shell_word.h"
#include "package/app/jit_key.h"
#include "package/app/mlc_llm_home.h"
#include "package/app/model_library.h"
#include "package/app/object_file.h"
#include "package/app/object_tar.h"
#include "package/app/package_config.h"
#include "package/app/static_library.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(MLC_TEST_DATA) / "golden" / "app_package";

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "mlc-app-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

template <class F>
void expect_error(F call, ExitCode code, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "expected: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(PackageConfig, ReadsTheGoldenOnes) {
  for (std::string device : {"iphone", "macabi", "android"}) {
    PackageConfig config =
        read_package_config((kGolden / device / "mlc-package-config.json").string());
    EXPECT_EQ(config.device->name, device);
    ASSERT_EQ(config.models.size(), 2u);
    EXPECT_EQ(config.models[0].model_id, "Llama-2-7b-chat-hf-q4f16_1-MLC");
    EXPECT_FALSE(config.models[0].bundle_weight);
    EXPECT_FALSE(config.models[0].model_lib);
    EXPECT_TRUE(config.models[1].bundle_weight);
    EXPECT_EQ(config.models[1].model_lib, "phi_q4f16_1");
    EXPECT_TRUE(config.warnings.empty());
  }
}

struct Refusal {
  const char* text;
  const char* message;
};

TEST(PackageConfig, RefusesWhatMlcLlmRefuses) {
  const Refusal cases[] = {
      {"[]", "expected an object with"},
      {"{}", "device is missing"},
      {R"({"device": "webgpu"})", "found \"webgpu\", expected one of iphone, macabi, android"},
      {R"({"device": 1})", "device"},
      {R"({"device": "iphone", "model_list": {}})", "model_list"},
      {R"({"device": "iphone", "model_list": [1]})", "model_list[0]"},
      {R"({"device": "iphone", "model_list": [{"model_id": "a"}]})",
       "model_list[0].model is missing"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b"}]})",
       "model_list[0].model_id is missing"},
      {R"({"device": "iphone", "model_list": [{"model": 1, "model_id": "a"}]})",
       "model_list[0].model"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": 1}]})",
       "model_list[0].model_id"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "../a"}]})",
       "can't be a folder's name"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a/b"}]})",
       "can't be a folder's name"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a"},
           {"model": "HF://a/b", "model_id": "A"}]})",
       "comes twice"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a",
           "bundle_weight": 1}]})",
       "bundle_weight"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a",
           "overrides": []}]})",
       "overrides"},
      {R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a",
           "model_lib": 1}]})",
       "model_lib"},
      {R"({"device": "iphone", "model_list": [{"model": "./a", "model_id": "a"}]})",
       "\"bundle_weight\": true"},
      {R"({"device": "iphone", "model_lib_path_for_prepare_libs": []})",
       "model_lib_path_for_prepare_libs"},
      {R"({"device": "iphone", "model_lib_path_for_prepare_libs": {"a": 1}})",
       "model_lib_path_for_prepare_libs.a"},
  };
  for (const Refusal& one : cases)
    expect_error([&] { parse_package_config(parse_json(one.text, "config"), "config"); },
                 ExitCode::kBadInput, one.message);
  expect_error([] { read_package_config("/nonexistent/x.json"); }, ExitCode::kUsage,
               "no such file");
}

TEST(PackageConfig, SaysWhatMeansNothing) {
  PackageConfig config = parse_package_config(
      parse_json(R"({"device": "iphone", "model_list": [{"model": "HF://a/b", "model_id": "a",
                     "bundle_weights": true}]})",
                 "config"),
      "config");
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("did you mean bundle_weight?"), std::string::npos);
}

// The golden texts hold the whole config that the key is of, so a chat config can be made from it.
TEST(JitKey, IsTheGoldenOnes) {
  const Json overrides =
      parse_json(R"({"prefill_chunk_size": 128, "context_window_size": 768})", "overrides");
  for (std::string device : {"iphone", "macabi", "android"}) {
    Json keys = read_json_file((kGolden / device / "jit_hash_inputs.json").string());
    const std::vector<Json>& list = keys.items("keys");
    ASSERT_EQ(list.size(), 3u);
    auto text = [&](std::size_t i) { return list[i].find("json")->as_string("json"); };
    auto md5 = [&](std::size_t i) { return list[i].find("md5")->as_string("md5"); };
    auto chat_of = [&](std::size_t i) {
      Json key = parse_json(text(i), "key");
      return Json::object()
          .set("version", "0.1.0")
          .set("model_type", *key.find("model_type"))
          .set("quantization", *key.find("quantization"))
          .set("model_config", *key.find("model_config"))
          .set("temperature", 0.6)
          .set("sliding_window_size", -1);
    };
    Json llama_chat = chat_of(0);
    JitKey llama = jit_key({llama_chat, overrides, device, std::nullopt, "chat"});
    EXPECT_EQ(llama.name_text, text(0));
    EXPECT_EQ(llama.model_lib, "llama_q4f16_1_" + md5(0));
    EXPECT_EQ(llama.file_text, text(1));
    EXPECT_EQ(llama.file, md5(1) + ".tar");
    Json phi_chat = chat_of(2);
    JitKey phi = jit_key({phi_chat, Json::object(), device, "phi_q4f16_1", "chat"});
    EXPECT_EQ(phi.file_text, text(2));
    EXPECT_EQ(phi.file, md5(2) + ".tar");
    EXPECT_EQ(phi.model_lib, "phi_q4f16_1");
  }
}

// From what gen_config really writes: the same config again, whatever else stands in the file.
TEST(JitKey, OfGeneratedConfigsReadsTheirModelConfigBack) {
  std::size_t seen = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(MLC_TEST_DATA) / "golden" / "gen_config")) {
    fs::path path = entry.path() / "mlc-chat-config.json";
    if (!fs::exists(path)) continue;
    Json chat = read_json_file(path.string());
    JitKey key = jit_key({chat, Json::object(), "iphone", std::nullopt, path.string()});
    Json json = parse_json(key.name_text, "key");
    EXPECT_EQ(key.name_text, dump_json(json, 2));
    for (const Json::Member& member : chat.find("model_config")->members("model_config")) {
      const Json* again = json.find("model_config")->find(member.first);
      ASSERT_NE(again, nullptr) << path << " " << member.first;
      if (!member.second.is_object() && chat.find(member.first) == nullptr) {
        EXPECT_EQ(*again, member.second) << path << " " << member.first;
      }
    }
    EXPECT_EQ(key.model_lib.find('-'), std::string::npos);
    seen++;
  }
  EXPECT_GT(seen, 30u);
}

TEST(JitKey, OptimizationsAreMlcLlms) {
  Json chat =
      read_json_file((kGolden / ".." / "gen_config" / "phi_2" / "mlc-chat-config.json").string());
  auto opt = [&](const char* text) {
    Json overrides = Json::object().set("opt", text);
    return jit_key({chat, overrides, "iphone", std::nullopt, "chat"}).opt;
  };
  EXPECT_EQ(opt("O0"),
            "flashinfer=0;cublas_gemm=0;faster_transformer=0;cudagraph=0;cutlass=0;"
            "ipc_allreduce_strategy=NONE");
  EXPECT_EQ(opt("O3"),
            "flashinfer=1;cublas_gemm=1;faster_transformer=1;cudagraph=1;cutlass=1;"
            "ipc_allreduce_strategy=AUTO");
  EXPECT_EQ(opt("cutlass=1;ipc_allreduce_strategy=ONESHOT"),
            "flashinfer=1;cublas_gemm=0;faster_transformer=0;cudagraph=0;cutlass=1;"
            "ipc_allreduce_strategy=ONESHOT");
  expect_error([&] { opt("O9"); }, ExitCode::kBadInput, "\"O9\" is unknown");
  expect_error([&] { opt("cutlass=2"); }, ExitCode::kBadInput, "expected 0 or 1");
  Json overrides = parse_json(
      R"({"context_window_size": -1, "prefill_chunk_size": 64, "tensor_parallel_shards": null})",
      "overrides");
  EXPECT_EQ(jit_key({chat, overrides, "iphone", std::nullopt, "chat"}).overrides,
            "prefill_chunk_size=64");
}

TEST(AppModel, UrlsAreMlcLlms) {
  EXPECT_EQ(app_model_url("HF://a/b"), "https://huggingface.co/a/b");
  EXPECT_EQ(app_model_url("https://huggingface.co/a/b"), "https://huggingface.co/a/b");
  EXPECT_EQ(app_model_url("../local/a"), "../local/a");
  EXPECT_EQ(shell_word("plain-1.0/x"), "plain-1.0/x");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's;$x"), "'it'\\''s;$x'");
  EXPECT_EQ(shell_word(""), "''");
}

// An object of each kind, compiled here: no SDK is needed for a file without includes.
class Objects : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("clang --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "skipped: no clang";
  }

  std::string compile(const std::string& target, const std::string& code, const std::string& name) {
    std::string source = folder_ / "a.c";
    write_file_atomically(source, code);
    std::string object = folder_ / name;
    std::string command = fmt::format("clang --target={} -c {} -o {}", target, source, object);
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(object, 1 << 20);
  }

  static std::string library(const std::string& symbol) {
    return fmt::format("int {}; static int hidden; int other(void) {{ return hidden + {}; }}",
                       symbol, symbol);
  }

  Folder folder_;
};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

constexpr const char* kAndroid = "aarch64-linux-android";
constexpr const char* kIphone = "arm64-apple-ios";

TEST_F(Objects, SymbolsOfElfAndMachO) {
  const std::string code =
      "int a = 1; int b; static int c = 2; extern int d; __attribute__((weak)) int e(void) { "
      "return "
      "a + b + c + d; } __attribute__((visibility(\"hidden\"))) int f;";
  ObjectFile elf = read_object(bytes_of(compile(kAndroid, code, "a.o")), "a.o");
  EXPECT_EQ(elf.format, ObjectFormat::kElf);
  EXPECT_EQ(elf.machine, "aarch64");
  EXPECT_EQ(std::set<std::string>(elf.symbols.begin(), elf.symbols.end()),
            (std::set<std::string>{"a", "b", "e", "f"}));
  ObjectFile mach = read_object(bytes_of(compile(kIphone, code, "a.o")), "a.o");
  EXPECT_EQ(mach.format, ObjectFormat::kMachO);
  EXPECT_EQ(mach.machine, "aarch64");
  EXPECT_EQ(std::set<std::string>(mach.symbols.begin(), mach.symbols.end()),
            (std::set<std::string>{"_a", "_b", "_e", "_f"}));
}

// Every length and 20,000 changed bytes: an error or an object, and no access beyond the bytes
// (under the sanitizers).
TEST_F(Objects, DamagedOnesAreRefusedOrRead) {
  std::mt19937 random(7);
  for (const char* target : {kAndroid, kIphone}) {
    const std::string good = compile(target, library("x___tvm_ffi__library_bin"), "a.o");
    std::size_t refused = 0;
    auto read = [&](const std::string& text) {
      std::vector<std::byte> exact(bytes_of(text).begin(), bytes_of(text).end());
      try {
        read_object(exact, "a.o");
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ExitCode::kBadInput);
        refused++;
      }
    };
    for (std::size_t length = 0; length < good.size(); length++)
      read(good.substr(0, length));
    EXPECT_GT(refused, good.size() / 4);
    for (int i = 0; i < 10000; i++) {
      std::string changed = good;
      for (int k = 0; k < 3; k++)
        changed[random() % changed.size()] = static_cast<char>(random());
      read(changed);
    }
  }
}

TEST_F(Objects, OthersAreRefusedByName) {
  auto refused = [](const std::string& text, const std::string& message) {
    expect_error([&] { read_object(bytes_of(text), "a.o"); }, ExitCode::kBadInput, message);
  };
  refused(compile("arm-linux-androideabi", "int a;", "a.o"), "32 bits");
  refused(compile("aarch64-linux-android -emit-llvm", "int a;", "a.o"), "LLVM bitcode");
  refused("hello, world", "no object file");
  refused("\xca\xfe\xba\xbe" + std::string(16, '\0'), "fat Mach-O");
  std::string shared = compile(kAndroid, "int a;", "a.o");
  shared[16] = 3;
  refused(shared, "shared library");
}

struct Entry {
  std::string name;
  std::string bytes;
  char type = '0';
};

std::string tar_of(const std::vector<Entry>& entries, bool end = true) {
  std::string out;
  for (const Entry& entry : entries) {
    std::string header(512, '\0');
    header.replace(0, entry.name.size(), entry.name);
    header.replace(100, 7, "0000644");
    header.replace(124, 11, fmt::format("{:011o}", entry.bytes.size()));
    header.replace(148, 8, "        ");
    header[156] = entry.type;
    header.replace(257, 7, "ustar  ");
    unsigned sum = 0;
    for (char c : header)
      sum += static_cast<unsigned char>(c);
    header.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
    out += header + entry.bytes;
    out.resize((out.size() + 511) / 512 * 512, '\0');
  }
  return end ? out + std::string(1024, '\0') : out;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(ObjectTar, ReadsPlainAndCompressedOnes) {
  Folder folder;
  const std::string text = tar_of(
      {{"./", "", '5'}, {"./lib0.o", "one"}, {"devc.o", "four"}, {"x", "27 mtime=1.5\n", 'x'}});
  for (bool packed : {false, true}) {
    std::string path = folder / "a.tar";
    write_file_atomically(path, packed ? gzip(text) : text);
    std::string read = read_object_tar(path);
    EXPECT_EQ(read, text);
    std::vector<TarObject> objects = list_object_tar(read, path);
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects[0].name, "devc.o");
    EXPECT_EQ(objects[1].name, "lib0.o");
    EXPECT_EQ(objects[1].bytes.size(), 3u);
  }
}

TEST(ObjectTar, RefusesWhatItShouldNotHave) {
  auto refused = [](const std::string& text, const std::string& message) {
    expect_error([&] { list_object_tar(text, "a.tar"); }, ExitCode::kBadInput, message);
  };
  refused(tar_of({{"../x.o", "a"}}), "may not be used");
  refused(tar_of({{"/x.o", "a"}}), "may not be used");
  refused(tar_of({{"a.o", "a"}, {"./a.o", "b"}}), "comes twice");
  refused(tar_of({{"a.o", "", '2'}}), "tar type '2'");
  refused(tar_of({{"a.o", "", '1'}}), "tar type '1'");
  refused(tar_of({{"a.o", "", '3'}}), "tar type '3'");
  refused(tar_of({{"././@LongLink", "name", 'L'}}), "tar type 'L'");
  refused(tar_of({{"x", "12 path=b.o\n", 'x'}, {"a.o", "a"}}), "sets \"path\"");
  refused(tar_of({{"a.o", "a"}}, false), "ends within a tar entry");
  refused(tar_of({{"a.o", "a"}}) + "x", "behind the end");
  refused(tar_of({{"a.o", std::string(600, 'a')}}).substr(0, 1024), "but the file has");
  std::string wrong = tar_of({{"a.o", "a"}});
  wrong[0] = 'b';
  refused(wrong, "checksum");
  refused(std::string(512, 'x'), "no tar file");
  Folder folder;
  auto packed = [&](const std::string& text, const std::string& message) {
    write_file_atomically(folder / "a.tar", text);
    expect_error([&] { read_object_tar(folder / "a.tar"); }, ExitCode::kBadInput, message);
  };
  std::string good = gzip(tar_of({{"a.o", "a"}}));
  packed(good.substr(0, good.size() - 9), "damaged or ends early");
  packed(good + "x", "behind the end of the gzip data");
}

TEST_F(Objects, LibraryOfModels) {
  const AppDevice& android = *find_app_device("android");
  const AppDevice& iphone = *find_app_device("iphone");
  auto tar = [&](const std::string& target, const std::string& symbol, const std::string& name) {
    std::string path = folder_ / name;
    write_file_atomically(
        path,
        gzip(tar_of({{"lib0.o", compile(target, library(symbol), "a.o")},
                     {"devc.o",
                      compile(target, fmt::format("int devc_{};", symbol.substr(0, 3)), "b.o")}})));
    return path;
  };
  using Map = std::vector<std::pair<std::string, std::string>>;
  const std::vector<std::string> needed = {"a-b_q4"};
  Map good = {{"a-b_q4", tar(kAndroid, "a_b_q4___tvm_ffi__library_bin", "good.tar")}};
  std::string one = make_model_library(good, needed, android);
  EXPECT_TRUE(one.starts_with("!<arch>\n"));
  EXPECT_EQ(one, make_model_library(good, needed, android));

  Map apple = {{"a-b_q4", tar(kIphone, "a_b_q4___tvm_ffi__library_bin", "apple.tar")}};
  EXPECT_NE(make_model_library(apple, needed, iphone).find("__.SYMDEF"), std::string::npos);
  expect_error([&] { make_model_library(apple, needed, android); }, ExitCode::kBadInput,
               "expected ELF; compile the model with --device android");
  expect_error([&] { make_model_library(good, needed, iphone); }, ExitCode::kBadInput,
               "expected Mach-O");

  Map older = {{"a-b_q4", tar(kAndroid, "a_b_q4___tvm_dev_mblob", "old.tar")}};
  expect_error([&] { make_model_library(older, needed, android); }, ExitCode::kVerify,
               "until June 2025");
  Map newer = {{"a-b_q4", tar(kAndroid, "a_b_q4___tvm_ffi_library_bin", "old2.tar")}};
  expect_error([&] { make_model_library(newer, needed, android); }, ExitCode::kVerify,
               "until September 2025");
  Map other = {{"a-b_q4", tar(kAndroid, "other___tvm_ffi__library_bin", "other.tar")}};
  expect_error([&] { make_model_library(other, needed, android); }, ExitCode::kVerify,
               "libraries there are: other;");
  Map mixed = good;
  mixed.emplace_back("x", tar("x86_64-linux-android", "x", "x.tar"));
  expect_error([&] { make_model_library(mixed, needed, android); }, ExitCode::kBadInput,
               "an object for x86_64");
  Map none = {{"a-b_q4", folder_ / "missing.tar"}};
  expect_error([&] { make_model_library(none, needed, android); }, ExitCode::kBadInput,
               "no such file");
  write_file_atomically(folder_ / "empty.tar", tar_of({}));
  Map empty = {{"a-b_q4", folder_ / "empty.tar"}};
  expect_error([&] { make_model_library(empty, needed, android); }, ExitCode::kBadInput,
               "no objects");
}

// What LLVM's tools read of the archives: members, bytes, and the index of symbols.
TEST_F(Objects, ArchivesAreThoseOfOtherTools) {
  if (std::system("llvm-ar --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "skipped: no llvm-ar";
  auto output = [&](const std::string& command) {
    std::string out = folder_ / "out.txt";
    EXPECT_EQ(std::system((command + " > " + out + " 2>&1").c_str()), 0) << command;
    return read_file(out, 1 << 20);
  };
  for (const char* target : {kAndroid, kIphone}) {
    bool elf = std::string(target) == kAndroid;
    std::string a = compile(target, library("first"), "a.o");
    std::string b = compile(target, library("second") + "int more;", "b.o");
    std::vector<LibraryMember> members = {
        {"a.o", bytes_of(a), read_object(bytes_of(a), "a").symbols},
        {"a_very_long_library_name.b.o", bytes_of(b), read_object(bytes_of(b), "b").symbols}};
    std::string path = folder_ / "lib.a";
    write_file_atomically(
        path, write_static_library(members, elf ? ObjectFormat::kElf : ObjectFormat::kMachO));
    EXPECT_EQ(output("llvm-ar t " + path), "a.o\na_very_long_library_name.b.o\n");
    std::string map = output("llvm-nm --print-armap " + path);
    map = map.substr(0, map.find("\n\n"));
    for (std::string symbol : {"first in a.o", "second in a_very_long_library_name.b.o",
                               "more in a_very_long_library_name.b.o"})
      EXPECT_NE(map.find((elf ? "" : "_") + symbol), std::string::npos) << map;
    EXPECT_EQ(map.find("hidden"), std::string::npos) << map;
    output("cd " + (folder_ / ".") + " && llvm-ar x lib.a a.o");
    // Apple's members are padded to a multiple of 8.
    std::string extracted = read_file(folder_ / "a.o", 1 << 20);
    EXPECT_EQ(extracted.substr(0, a.size()), a);
    EXPECT_LT(extracted.size() - a.size(), 8u);
  }
}

}  // namespace
}  // namespace mlc
