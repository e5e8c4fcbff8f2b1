// Model folders become packages, and packages model folders; tars; what killed runs leave.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/hash.h"
#include "base/json.h"
#include "package/gc.h"
#include "package/oci/layout.h"
#include "package/oci/tar.h"
#include "package/package.h"
#include "package/readme_license.h"
#include "package/source_date.h"
#include "package/version.h"
#include "tests/unit/package_fixture.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

std::string md5_of(std::string_view bytes) {
  Md5 md5;
  md5.update(std::as_bytes(std::span(bytes)));
  return hex(md5.finish());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class PackageModelTest : public PackageTest {
 protected:
  PackageModelTest() {
    ::unsetenv("SOURCE_DATE_EPOCH");
    put("m/params_shard_0.bin", kShard0);
    put("m/sub/params_shard_1.bin", kShard1);
    put_cache(cache());
    put("m/mlc-chat-config.json",
        R"({"model_type":"llama","quantization":"q4f16_1","context_window_size":64})");
    put("m/tokenizer.json", "{}");
    put("m/README.md", "---\nlicense: apache-2.0\n---\n# A model\n");
    put("m/logs.txt", "");
  }

  static std::string record(const std::string& name, int offset, int nbytes = 16) {
    return fmt::format(
        R"({{"name":"{}","shape":[8],"dtype":"float16","format":"raw","nbytes":{},"byteOffset":{}}})",
        name, nbytes, offset);
  }
  std::string cache() const {
    auto shard = [](const std::string& path, const std::string& bytes, const std::string& records) {
      return fmt::format(
          R"({{"dataPath":"{}","format":"raw-shard","nbytes":{},"records":[{}],"md5sum":"{}"}})",
          path, bytes.size(), records, md5_of(bytes));
    };
    return fmt::format(
        R"({{"metadata":{{"ParamSize":3,"ParamBytes":48,"BitsPerParam":16.0}},"records":[{},{}]}})",
        shard("params_shard_0.bin", kShard0, record("a", 0) + "," + record("b", 16)),
        shard("sub/params_shard_1.bin", kShard1, record("c", 0)));
  }
  void put_cache(const std::string& text) const {
    put("m/tensor-cache.json", text);
    put("m/ndarray-cache.json", text);
  }
  PackageOptions options(const std::string& output) const {
    PackageOptions o;
    o.model = path("m");
    o.output = path(output);
    o.attest = false;
    return o;
  }
  PackageSummary pack(const std::string& output = "p") const {
    SilentReporter silent;
    return package_model(options(output), silent);
  }
  std::string pack_error() const {
    std::string said = error([&] { pack(); });
    EXPECT_FALSE(fs::exists(path("p"))) << said;
    return said;
  }
  std::string cache_error(const std::string& text) const {
    put_cache(text);
    return pack_error();
  }
  UnpackSummary unpacked(const std::string& package, const std::string& output,
                         bool overwrite = false) const {
    SilentReporter silent;
    return unpack({.package = path(package), .output = path(output), .overwrite = overwrite},
                  silent);
  }

  const std::string kShard0 = std::string(16, 'a') + std::string(16, 'b');
  const std::string kShard1 = std::string(16, 'c');
};

TEST_F(PackageModelTest, EveryFileIsALayerAndComesBack) {
  PackageSummary made = pack();
  EXPECT_EQ(made.tag, "m-0.1.0");
  EXPECT_EQ(made.files, 8u);
  Layout layout(path("p"));
  Manifest manifest = layout.manifest(layout.find(""));
  EXPECT_EQ(manifest.artifact_type, kModelArtifact);
  ASSERT_EQ(manifest.layers.size(), 8u);
  auto type_of = [&](const std::string& name) {
    for (const Descriptor& layer : manifest.layers)
      if (layer.annotations.at(std::string(kFilePath)) == name) {
        EXPECT_EQ(layer.annotations.at(std::string(kTitle)), name);
        EXPECT_EQ(layer.digest, Digest::of(text_of("m/" + name)));
        return layer.media_type;
      }
    return std::string("none");
  };
  EXPECT_EQ(type_of("sub/params_shard_1.bin"), "application/vnd.cncf.model.weight.v1.raw");
  EXPECT_EQ(type_of("tokenizer.json"), "application/vnd.cncf.model.weight.config.v1.raw");
  EXPECT_EQ(type_of("README.md"), "application/vnd.cncf.model.doc.v1.raw");
  EXPECT_EQ(manifest.layers[0].annotations.at(std::string(kFilePath)), "README.md");
  EXPECT_EQ(manifest.annotations.at("ai.mlc.quantization"), "q4f16_1");
  EXPECT_EQ(manifest.annotations.at("ai.mlc.context_window_size"), "64");
  Json config = parse_json(layout.read(manifest.config, kMaxConfig), "config");
  EXPECT_EQ(config.find("descriptor")->find("createdAt")->as_string({}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(config.find("descriptor")->find("licenses")->items({})[0].as_string({}), "Apache-2.0");
  EXPECT_EQ(config.find("config")->find("precision")->as_string({}), "float16");
  EXPECT_EQ(config.find("config")->find("paramSize")->as_string({}), "24");
  EXPECT_EQ(config.find("modelfs")->find("diffIds")->items({}).size(), 8u);

  EXPECT_EQ(unpacked("p", "out").files, 8u);
  EXPECT_EQ(tree("out"), tree("m"));
  EXPECT_EQ(unpacked("p:m-0.1.0", "out2").manifest, made.manifest);
}

TEST_F(PackageModelTest, TheSameTagStandsForTheSameContent) {
  PackageSummary first = pack();
  auto before = tree("p");
  EXPECT_TRUE(pack().was_there);
  EXPECT_EQ(tree("p"), before);
  put("m/logs.txt", "changed");
  EXPECT_THAT(error([&] { pack(); }), refused(2, "the tag m-0.1.0 stands for other content"));
  EXPECT_EQ(tree("p"), before);
  PackageOptions other = options("p");
  other.version = "0.2.0+build";
  SilentReporter silent;
  PackageSummary second = package_model(other, silent);
  EXPECT_EQ(second.tag, "m-0.2.0_build");
  EXPECT_LT(second.written_bytes, first.written_bytes);  // the files that are equal are stored once
  other.version = "0.1.0";
  other.overwrite = true;
  EXPECT_NE(package_model(other, silent).manifest, first.manifest);
  EXPECT_EQ(Layout(path("p")).index().manifests.size(), 2u);
}

TEST_F(PackageModelTest, Options) {
  SilentReporter silent;
  auto said = [&](auto change) {
    PackageOptions o = options("p");
    change(o);
    return error([&] { package_model(o, silent); });
  };
  for (const char* version : {"1", "1.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "v1.0.0", ""})
    EXPECT_THAT(said([&](PackageOptions& o) { o.version = version; }),
                refused(2, "is no semantic version"));
  EXPECT_THAT(said([](PackageOptions& o) { o.tag = "a/b"; }), refused(2, "'a/b' is no tag"));
  EXPECT_THAT(said([](PackageOptions& o) { o.output = o.model + "/p"; }),
              refused(2, "lies within the model's folder"));
  EXPECT_THAT(said([](PackageOptions& o) { o.model += "x"; }), refused(2, "no such folder"));
  EXPECT_FALSE(fs::exists(path("p")));
  EXPECT_TRUE(is_semantic_version("1.0.0-alpha.1+build.5"));
  EXPECT_EQ(default_tag("Llama 3/8B", "1.0.0"), "Llama-3-8B-1.0.0");
  EXPECT_EQ(default_tag(".x", "1.0.0"), "_x-1.0.0");
  EXPECT_EQ(default_tag(std::string(300, 'x'), "1.0.0").size(), 128u);
}

TEST_F(PackageModelTest, PK05SourceDateEpoch) {
  for (const char* date : {"abc", "-1", "9223372036854775808", "1.5", " 1", "253402300800"}) {
    ::setenv("SOURCE_DATE_EPOCH", date, 1);
    EXPECT_THAT(pack_error(), refused(2, "SOURCE_DATE_EPOCH")) << date;
  }
  ::setenv("SOURCE_DATE_EPOCH", "1709210096", 1);
  pack();
  Layout layout(path("p"));
  EXPECT_EQ(layout.manifest(layout.find("")).annotations.at("org.opencontainers.image.created"),
            "2024-02-29T12:34:56Z");
  EXPECT_EQ(rfc3339(253402300799), "9999-12-31T23:59:59Z");
}

TEST_F(PackageModelTest, TC01DataPaths) {
  for (const char* bad : {"../x", "/etc/x", "a\\\\b", "C:x", "", "a\\u0000b"})
    EXPECT_THAT(cache_error(replaced(cache(), "params_shard_0.bin", bad)), refused(3, "dataPath"))
        << bad;
  EXPECT_THAT(cache_error(replaced(cache(), "params_shard_0.bin", "params_shard_9.bin")),
              refused(3, "names params_shard_9.bin, which is not there"));
}

TEST_F(PackageModelTest, TC02Offsets) {
  auto with = [&](const std::string& offset) {
    return cache_error(replaced(cache(), "\"byteOffset\":16", "\"byteOffset\":" + offset));
  };
  EXPECT_THAT(with("-1"), refused(3, "byteOffset"));
  EXPECT_THAT(with("17"), refused(3, "ends beyond the shard's nbytes 32"));
  EXPECT_THAT(with("18446744073709551615"), refused(3, "ends beyond the shard's nbytes 32"));
  EXPECT_THAT(with("18446744073709551616"), refused(3, "byteOffset"));
}

TEST_F(PackageModelTest, TC03Sizes) {
  EXPECT_THAT(cache_error(replaced(cache(), record("b", 16), record("b", 16, 12))),
              refused(3, "nbytes"));
  EXPECT_THAT(cache_error(replaced(cache(), record("b", 16), record("b", 8))), refused(3, "b"));
  EXPECT_THAT(cache_error(replaced(cache(), "," + record("b", 16), "")), refused(3, "records[0]"));
}

TEST_F(PackageModelTest, TC04ShardsThatAreNotWhatTheCacheSays) {
  put("m/params_shard_0.bin", kShard0 + "x");
  EXPECT_THAT(pack_error(), refused(6, "params_shard_0.bin: 33 bytes, the tensor cache says 32"));
  put("m/params_shard_0.bin", replaced(kShard0, "b", "B"));
  EXPECT_THAT(pack_error(), refused(6, "params_shard_0.bin: its md5sum is"));
  put("m/params_shard_0.bin", kShard0);
  std::string no_sum = cache();
  no_sum.resize(no_sum.rfind(",\"md5sum\""));
  put_cache(no_sum + "}]}");
  struct : SilentReporter {
    void warn(const std::string& text) override { said += text; }
    std::string said;
  } reporter;
  package_model(options("p"), reporter);
  EXPECT_THAT(reporter.said, testing::HasSubstr("no md5sum of 1 of 2 shards"));
}

TEST_F(PackageModelTest, TC05Twice) {
  EXPECT_THAT(cache_error(replaced(cache(), "\"c\"", "\"a\"")), refused(3, "a"));
  EXPECT_THAT(cache_error(replaced(cache(), "sub/params_shard_1.bin", "params_shard_0.bin")),
              refused(3, "params_shard_0.bin"));
  EXPECT_THAT(cache_error(R"({"metadata":{},"records":{}})"), refused(3, "records"));
}

TEST_F(PackageModelTest, TC06BothNamesOfTheCache) {
  put("m/ndarray-cache.json", cache() + " ");
  EXPECT_THAT(pack_error(), refused(3, "tensor-cache.json and ndarray-cache.json differ"));
  fs::remove(path("m/tensor-cache.json"));
  pack();
  fs::remove_all(path("p"));
  fs::remove(path("m/ndarray-cache.json"));
  EXPECT_THAT(pack_error(), refused(3, "no converted model"));
  put_cache(cache());
  fs::remove(path("m/mlc-chat-config.json"));
  EXPECT_THAT(pack_error(), refused(3, "has no mlc-chat-config.json; run mlc gen_config"));
}

TEST_F(PackageModelTest, LicencesOfModelCards) {
  EXPECT_EQ(license_of_readme("---\ntags: x\nlicense: mit\n---\n"), "MIT");
  EXPECT_EQ(license_of_readme("---\r\nlicense: \"llama3\"\r\n---\r\n"), "llama3");
  EXPECT_EQ(license_of_readme("# license: mit"), "");
  EXPECT_EQ(license_of_readme("---\n---\nlicense: mit"), "");
  EXPECT_EQ(license_of_readme("---\nlicense: [a, b]\n---"), "");
  EXPECT_EQ(license_of_readme("---\nlicense:\n- mit\n---"), "");
}

// A package whose layers have these names, each with its own content.
class UnpackTest : public PackageModelTest {
 protected:
  std::string with_names(const std::vector<std::string>& names,
                         const std::function<void(Manifest&)>& change = nullptr) {
    fs::remove_all(path("p"));
    {
      LayoutWriter writer(path("p"));
      Manifest manifest;
      manifest.artifact_type = std::string(kModelArtifact);
      manifest.config = writer.add(kModelConfig, "{}");
      for (const std::string& name : names) {
        Descriptor layer = writer.add("application/vnd.cncf.model.doc.v1.raw", "of " + name);
        layer.annotations[std::string(kFilePath)] = name;
        manifest.layers.push_back(layer);
      }
      if (change) change(manifest);
      LayoutWriter::Entry entry{writer.add(kManifestType, dump_manifest(manifest)), "v1"};
      writer.commit({&entry, 1});
    }
    std::string said = error([&] { unpacked("p", "out/m"); });
    if (said != "no error") {
      EXPECT_TRUE(fs::is_empty(path("out"))) << said;
    }
    return said;
  }
  UnpackTest() { fs::create_directory(path("out")); }
};

TEST_F(UnpackTest, OC01NamesThatLeadOut) {
  for (const char* name : {"../../.ssh/authorized_keys", "/etc/passwd", "a/../../b", "a/./b",
                           "a//b", "..", "a\\b", "con"})
    EXPECT_THAT(with_names({"good", name}), refused(3, "can't be used")) << name;
  EXPECT_THAT(with_names({"a"}, [](Manifest& m) { m.layers[0].annotations.clear(); }),
              refused(3, "layers[0]: has no annotation"));
  EXPECT_THAT(with_names({"a"}, [](Manifest& m) { m.layers[0].annotations.emplace(kTitle, "b"); }),
              refused(3, "name different files, 'a' and 'b'"));
}

TEST_F(UnpackTest, OC02NamesThatCollide) {
  EXPECT_THAT(with_names({"a", "a"}), refused(3, "'a' is there twice"));
  EXPECT_THAT(with_names({"a", "a/b"}), refused(3, "'a' is both a file and a folder"));
  EXPECT_THAT(with_names({"a/b", "a"}), refused(3, "'a' is both a file and a folder"));
  EXPECT_THAT(with_names({"A", "a"}), refused(3, "differ only by case"));
  EXPECT_EQ(with_names({"a/b/c", "a/b/d", "a-b"}), "no error");
  EXPECT_EQ(text_of("out/m/a/b/d"), "of a/b/d");
}

TEST_F(UnpackTest, RefusesWhatIsNoModel) {
  EXPECT_THAT(with_names({"a"}, [](Manifest& m) { m.layers[0].media_type = "x/y.tar+gzip"; }),
              refused(7, "only raw layers"));
  EXPECT_THAT(with_names({"a"},
                         [](Manifest& m) {
                           m.artifact_type = std::string(kKernelsArtifact);
                           m.config.media_type = std::string(kKernelsConfig);
                         }),
              refused(7, "no model"));
}

TEST_F(UnpackTest, DamageLeavesNothing) {
  pack();
  std::string blob = "p/blobs/sha256/" + Digest::of(kShard1).hex();
  put(blob, std::string(16, 'd'));
  EXPECT_THAT(error([&] { unpacked("p", "out/m"); }), refused(6, Digest::of(kShard1).text()));
  fs::remove(path(blob));
  EXPECT_THAT(error([&] { unpacked("p", "out/m"); }), refused(6, "missing"));
  EXPECT_TRUE(fs::is_empty(path("out")));
}

TEST_F(UnpackTest, OC10NothingIsWrittenIntoAFolderOfOthers) {
  pack();
  fs::create_directory(path("target"));
  fs::create_directory(path("out/m"));
  fs::create_directory_symlink(path("target"), path("out/m/sub"));
  EXPECT_THAT(error([&] { unpacked("p", "out/m"); }), refused(2, "is not empty"));
  unpacked("p", "out/m", true);
  EXPECT_EQ(tree("out/m"), tree("m"));
  EXPECT_TRUE(fs::is_empty(path("target")));
  fs::create_directory_symlink(path("target"), path("out/link"));
  EXPECT_THAT(error([&] { unpacked("p", "out/link"); }), refused(3, "is a symbolic link"));
  put("out/file", "");
  EXPECT_THAT(error([&] { unpacked("p", "out/file"); }), refused(2, "is a file"));
  EXPECT_THAT(error([&] { unpacked("p", "none/m"); }), refused(2, "no such folder to put"));
  fs::create_directory(path("out/empty"));
  unpacked("p", "out/empty/");
  EXPECT_EQ(tree("out/empty"), tree("m"));
}

using TarTest = PackageModelTest;

TEST_F(TarTest, IsTheSamePackage) {
  PackageSummary folder = pack();
  EXPECT_EQ(pack("x.tar").manifest, folder.manifest);
  EXPECT_EQ(pack("x.tar.zst").manifest, folder.manifest);
  EXPECT_THAT(error([&] { pack("x.tar"); }), refused(2, "is there already"));
  unpacked("x.tar", "out");
  EXPECT_EQ(tree("out"), tree("m"));
  unpacked("x.tar.zst:m-0.1.0", "out2");
  EXPECT_EQ(tree("out2"), tree("m"));
  // Nothing but what was asked for is left.
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(root_))
    names.push_back(entry.path().filename().string());
  EXPECT_EQ(names.size(), 6u) << testing::PrintToString(names);
  pack("y.tar");
  EXPECT_EQ(text_of("x.tar"), text_of("y.tar"));
}

// One header of a tar, whose checksum is right.
std::string tar_header(const std::string& name, std::size_t size, char type = '0',
                       const std::string& size_text = "") {
  std::string header(512, '\0');
  auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, name);
  put(100, "0000644");
  put(124, size_text.empty() ? fmt::format("{:011o}", size) : size_text);
  header[156] = type;
  put(257, std::string_view("ustar\00000", 8));
  put(148, "        ");
  unsigned sum = 0;
  for (char c : header)
    sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  return header;
}
std::string tar_entry(const std::string& name, const std::string& content, char type = '0') {
  return tar_header(name, content.size(), type) + content +
         std::string((512 - content.size() % 512) % 512, '\0');
}
const std::string kTarEnd(1024, '\0');

TEST_F(TarTest, OC11HostileTars) {
  std::string good = tar_entry("oci-layout", R"({"imageLayoutVersion":"1.0.0"})") +
                     tar_entry("index.json", R"({"schemaVersion":2,"manifests":[]})");
  auto said = [&](const std::string& bytes) {
    put("t.tar", bytes);
    return error([&] { Layout layout(path("t.tar")); });
  };
  EXPECT_EQ(said(good + kTarEnd), "no error");
  EXPECT_THAT(said(good + tar_entry("../x", "") + kTarEnd), refused(3, "may not be used"));
  EXPECT_THAT(said(good + tar_entry("/etc/x", "") + kTarEnd), refused(3, "absolute"));
  EXPECT_THAT(said(good + tar_entry("x", "", '1') + kTarEnd), refused(3, "is a hard link"));
  EXPECT_THAT(said(good + tar_entry("x", "", '2') + tar_entry("x/y", "") + kTarEnd),
              refused(3, "is a symbolic link"));
  EXPECT_THAT(said(good + tar_entry("x", "", '3') + kTarEnd), refused(3, "is a device"));
  EXPECT_THAT(said(good + tar_entry("x", "", '6') + kTarEnd), refused(3, "is a FIFO"));
  EXPECT_THAT(said(good + tar_entry("x", "", 'S') + kTarEnd), refused(3, "GNU sparse"));
  EXPECT_THAT(said(tar_entry("pax", "19 path=index.json\n", 'x') + good + kTarEnd),
              refused(3, "a PAX header"));
  EXPECT_THAT(said(tar_entry("././@LongLink", "x", 'L') + good + kTarEnd),
              refused(3, "a GNU long name"));
  EXPECT_THAT(said(good + tar_entry("index.json", "{}") + kTarEnd), refused(3, "a second entry"));
  std::string bad_sum = tar_entry("x", "");
  bad_sum[0] = 'y';
  EXPECT_THAT(said(good + bad_sum + kTarEnd), refused(3, "its checksum is wrong"));
  EXPECT_THAT(said(good + tar_header("x", 1 << 20) + kTarEnd),
              refused(3, "1048576 bytes, but only"));
  EXPECT_THAT(said(good + tar_header("x", 0, '0', std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)) +
                   kTarEnd),
              refused(3, "its size is no octal number"));
  EXPECT_THAT(said(good + tar_header("x", 0, '0', "777777777777") + kTarEnd),
              refused(3, "its size is no octal number"));
  EXPECT_THAT(said(good), refused(3, "without the two zero blocks"));
  EXPECT_THAT(said(good + std::string(512, '\0')), refused(3, "one zero block"));
  EXPECT_THAT(said(good + kTarEnd + good), refused(3, "bytes behind the end"));
  EXPECT_THAT(said(good + std::string(512 * 100, '\0')), refused(3, "more than 64 zero blocks"));
  EXPECT_THAT(said(good.substr(0, 700)), refused(3, "its last block"));
  EXPECT_THAT(said("no tar"), refused(3, "no package"));
  EXPECT_THAT(said(""), refused(3, "no package"));
}

// A frame made with these parameters.
std::string zstd_frame(const std::string& content,
                       const std::vector<std::pair<ZSTD_cParameter, int>>& parameters = {}) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  for (auto [parameter, value] : parameters)
    ZSTD_CCtx_setParameter(context, parameter, value);
  std::string out(ZSTD_compressBound(content.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), content.data(), content.size()));
  ZSTD_freeCCtx(context);
  return out;
}

TEST_F(TarTest, OC12HostileZstd) {
  std::string tar = tar_entry("oci-layout", R"({"imageLayoutVersion":"1.0.0"})") +
                    tar_entry("index.json", R"({"schemaVersion":2,"manifests":[]})") + kTarEnd;
  auto said = [&](const std::string& bytes) {
    put("t.tar.zst", bytes);
    return error([&] { Layout layout(path("t.tar.zst")); });
  };
  std::string good = zstd_frame(tar, {{ZSTD_c_checksumFlag, 1}});
  EXPECT_EQ(said(good), "no error");
  EXPECT_THAT(said(zstd_frame(std::string(32 << 20, '\0'))), refused(3, "at most 100 times"));
  EXPECT_THAT(said(zstd_frame(tar, {{ZSTD_c_contentSizeFlag, 0}})), refused(3, "states no size"));
  EXPECT_THAT(said(good + zstd_frame("")), refused(3, "expected one frame alone"));
  std::string empty_frames, empty = zstd_frame("");
  for (int i = 0; i < 1000000; i++)
    empty_frames += empty;
  EXPECT_THAT(said(empty_frames), refused(3, "expected one frame alone"));
  EXPECT_THAT(said(std::string("\x50\x2A\x4D\x18\x04\0\0\0abcd", 12)),
              refused(3, "skippable frame"));
  EXPECT_THAT(said(good.substr(0, good.size() - 5)), refused(3, "ends within its zstd frame"));
  EXPECT_THAT(said(good.substr(0, 5)), refused(3, "zstd frame"));
  std::string bad_sum = good;
  bad_sum.back() = static_cast<char>(bad_sum.back() ^ 1);
  EXPECT_THAT(said(bad_sum), refused(6, "checksum"));
  // Frame headers by hand, RFC 8878: descriptor, window, dictionary id, size; then an empty block.
  EXPECT_THAT(said(std::string("\x28\xB5\x2F\xFD\xC0\xA8\0\0\x20\0\0\0\0\0\x01\0\0", 17)),
              refused(3, "needs a window above 128 MiB"));
  EXPECT_THAT(said(std::string("\x28\xB5\x2F\xFD\x21\x07\x01\x01\0\0", 10)),
              refused(3, "needs a dictionary"));
  // Declares one byte and holds more; and fewer than it declares.
  std::string lies = zstd_frame(std::string(100, 'x'), {{ZSTD_c_checksumFlag, 0}});
  lies[5] = 1;
  EXPECT_THAT(said(lies), refused(3, "zstd frame"));
  lies[5] = 101;
  EXPECT_THAT(said(lies), refused(3, "zstd frame"));
}

using GcTest = PackageModelTest;

TEST_F(GcTest, RemovesWhatNothingNamesAndKeepsTheRest) {
  pack();
  auto clean = tree("p");
  put("p/blobs/sha256/" + std::string(64, 'a'), "orphan");
  put("p/.mlc-partial/new-999999999-1-0", "unfinished");
  put("p/.mlc-partial/download-" + std::string(64, 'b'), "unfinished");
  SilentReporter silent;
  GcOptions o{.places = {path("p")}, .dry_run = true};
  auto before = tree("p");
  EXPECT_EQ(collect_garbage(o, silent).removed.size(), 3u);
  EXPECT_EQ(tree("p"), before);
  o.dry_run = false;
  GcSummary done = collect_garbage(o, silent);
  EXPECT_EQ(done.removed.size(), 3u);
  EXPECT_EQ(done.bytes, 26u);
  EXPECT_EQ(tree("p"), clean);
  EXPECT_TRUE(collect_garbage(o, silent).removed.empty());
}

TEST_F(GcTest, LeavesWritersAlone) {
  pack();
  put("p/blobs/sha256/" + std::string(64, 'a'), "new blob");
  SilentReporter silent;
  GcOptions o{.places = {root_}};
  {
    LayoutWriter writer(path("p"));
    GcSummary done = collect_garbage(o, silent);
    EXPECT_TRUE(done.removed.empty());
    EXPECT_EQ(done.busy, std::vector<std::string>{path("p")});
  }
  EXPECT_EQ(collect_garbage(o, silent).removed.size(), 1u);
}

TEST_F(GcTest, IO11RemovesTemporariesOfDeadProcessesOnly) {
  pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  std::string gone = fmt::format("out.tmp-{}-0", dead);
  std::string alive = fmt::format("out.tmp-{}-0", getpid());
  std::string locked = fmt::format("out.tmp-{}-1", dead);
  std::string reused = fmt::format("out.tmp-{}-2", getpid());
  for (const std::string& name : {gone, alive, locked, reused})
    put(name + "/file", "x");
  put("out.tmp-notes", "mine");
  // Older than this process: another one had its number.
  ASSERT_EQ(std::system(("touch -d 2001-01-01 " + path(reused)).c_str()), 0);
  int fd = ::open(path(locked).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  put("m/.mlc-partial/params_shard_7.bin", "left by a killed conversion");
  SilentReporter silent;
  GcSummary done = collect_garbage({.places = {root_}}, silent);
  ::close(fd);
  EXPECT_EQ(done.removed.size(), 3u);
  EXPECT_EQ(done.busy.size(), 2u);
  EXPECT_FALSE(fs::exists(path(gone)));
  EXPECT_FALSE(fs::exists(path(reused)));
  EXPECT_FALSE(fs::exists(path("m/.mlc-partial")));
  EXPECT_TRUE(fs::exists(path(alive)));
  EXPECT_TRUE(fs::exists(path(locked)));
  EXPECT_TRUE(fs::exists(path("out.tmp-notes")));
  // Named by the output, too.
  EXPECT_EQ(collect_garbage({.places = {path("out")}}, silent).removed.size(), 1u);
  EXPECT_THAT(error([&] { collect_garbage({.places = {path("none/none")}}, silent); }),
              refused(2, "no such folder"));
}

TEST_F(GcTest, IO10CheckFindsBitRot) {
  pack();
  put("p/blobs/sha256/" + Digest::of(kShard1).hex(), std::string(16, 'd'));
  SilentReporter silent;
  GcSummary done = collect_garbage({.places = {path("p")}, .check = true}, silent);
  ASSERT_EQ(done.damaged.size(), 1u);
  EXPECT_THAT(done.damaged[0], testing::HasSubstr(Digest::of(kShard1).text()));
  EXPECT_TRUE(done.removed.empty());
}

}  // namespace
}  // namespace mlc
