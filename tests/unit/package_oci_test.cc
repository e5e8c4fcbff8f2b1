// Packages on disk: manifests, layouts, tars, model folders.
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "package/file_names.h"
#include "package/model_files.h"
#include "package/oci/layout.h"
#include "package/oci/manifest.h"
#include "tests/unit/package_fixture.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const std::string kHex = Digest::of("x").hex();

std::string descriptor(const std::string& more = "", const std::string& digest = "sha256:" + kHex,
                       const std::string& size = "1") {
  return fmt::format(R"({{"mediaType":"a/b","digest":"{}","size":{}{}}})", digest, size, more);
}
std::string manifest(const std::string& config, const std::string& more = "") {
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[]{}}})", config, more);
}
std::string manifest_error(const std::string& text) {
  return error([&] { parse_manifest(text, "m.json"); });
}

TEST(Manifest, RoundTripIsCanonical) {
  Manifest made;
  made.artifact_type = std::string(kModelArtifact);
  made.config = descriptor_of(kModelConfig, "{}");
  made.layers = {descriptor_of("a/b", "x")};
  made.layers[0].annotations = {{"z", "1"}, {"a", "é"}};
  made.subject = descriptor_of(kManifestType, "y");
  made.annotations = {{"ai.mlc.quantization", "q4f16_1"}};
  std::string text = dump_manifest(made);
  EXPECT_EQ(text.find_first_of(" \n"), std::string::npos);
  EXPECT_TRUE(
      text.starts_with(R"({"annotations":{"ai.mlc.quantization":"q4f16_1"},"artifactType")"));
  Manifest read = parse_manifest(text, "m");
  EXPECT_EQ(dump_manifest(read), text);
  EXPECT_EQ(read.layers[0].annotations.at("a"), "é");
  EXPECT_EQ(read.subject->digest, made.subject->digest);
}

TEST(Manifest, IndexNeverHasArtifactTypes) {
  Index index;
  index.manifests = {descriptor_of(kManifestType, "x")};
  index.manifests[0].artifact_type = "a/b";
  EXPECT_EQ(dump_index(index).find("artifactType"), std::string::npos);
}

TEST(Manifest, OC03Digests) {
  auto with = [](const std::string& digest) {
    return manifest_error(manifest(descriptor("", digest)));
  };
  EXPECT_THAT(with("sha256:../../x"), refused(3, "m.json: config: digest: \"sha256:../../x\""));
  EXPECT_THAT(with("sha256:" + std::string(64, 'A')), refused(3, "lower-case"));
  EXPECT_THAT(with("sha256:" + std::string(63, 'a')), refused(3, "64"));
  EXPECT_THAT(with("md5:" + std::string(32, 'a')), refused(3, "is no digest"));
  EXPECT_THAT(with("sha512:" + std::string(128, 'a')), refused(7, "only sha256"));
}

TEST(Manifest, OC05Sizes) {
  auto with = [](const std::string& size) {
    return manifest_error(manifest(descriptor("", "sha256:" + kHex, size)));
  };
  EXPECT_THAT(with("-1"), refused(3, "config: size"));
  EXPECT_THAT(with("9223372036854775808"), refused(3, "config: size"));
  EXPECT_THAT(with("1.0"), refused(3, "config: size"));
  EXPECT_THAT(with("\"1\""), refused(3, "config: size"));
}

TEST(Manifest, OC07Confusion) {
  EXPECT_THAT(manifest_error(R"({"schemaVersion":1,"fsLayers":[]})"),
              refused(3, "schemaVersion is 1"));
  EXPECT_THAT(manifest_error(manifest(descriptor(), R"(,"manifests":[])")),
              refused(3, "has \"manifests\""));
  EXPECT_THAT(
      error([] { parse_index(manifest(descriptor(), R"(,"manifests":[])"), "index.json"); }),
      refused(3, "has \"config\""));
  EXPECT_THAT(manifest_error(manifest(descriptor(),
                                      R"(,"mediaType":"application/vnd.oci.image.index.v1+json")")),
              refused(3, "mediaType is application/vnd.oci.image.index.v1+json, expected"));
  EXPECT_THAT(manifest_error(manifest(descriptor(), R"(,"layers":[])")), refused(3, "layers"));
  EXPECT_THAT(manifest_error("[]"), refused(3, "expected an object"));
}

TEST(Manifest, OC08Limits) {
  std::string layers;
  for (int i = 0; i < 8193; i++)
    layers += fmt::format("{}{}", i == 0 ? "" : ",", descriptor());
  std::string text =
      fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", descriptor(), layers);
  EXPECT_THAT(manifest_error(text), refused(3, "8193 entries, expected at most 8192"));
  std::string index = fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", layers);
  EXPECT_THAT(error([&] { parse_index(index, "index.json"); }), refused(3, "8193 entries"));
  EXPECT_THAT(manifest_error(std::string(5 << 20, ' ')), refused(3, "4194304"));
  std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_THAT(manifest_error(manifest(descriptor(), ",\"x\":" + deep)), refused(3, "deep"));
  std::string annotation = fmt::format(R"(,"annotations":{{"a":"{}"}})", std::string(65537, 'a'));
  EXPECT_THAT(manifest_error(manifest(descriptor(), annotation)), refused(3, "65537 bytes"));
}

TEST(Manifest, OC09Data) {
  EXPECT_THAT(manifest_error(manifest(descriptor(R"(,"data":"eQ==")"))), refused(6, "data"));
  EXPECT_THAT(manifest_error(manifest(descriptor(R"(,"data":"eA")"))), refused(3, "base64"));
  std::string urls = R"(,"data":"eA==","urls":["http://169.254.169.254/latest"])";
  EXPECT_EQ(parse_manifest(manifest(descriptor(urls)), "m").config.size, 1u);
}

using LayoutTest = PackageTest;

// A manifest with one layer, under a tag; gives its descriptor.
Descriptor pack(LayoutWriter& writer, const std::string& content, const std::string& tag,
                std::optional<Descriptor> subject = {}) {
  Manifest made;
  made.artifact_type = std::string(subject ? kBundleType : kModelArtifact);
  made.config = writer.add(kEmptyType, "{}");
  made.layers = {writer.add("a/b", content)};
  made.subject = std::move(subject);
  Descriptor described = writer.add(kManifestType, dump_manifest(made));
  LayoutWriter::Entry entry{described, tag};
  if (!tag.empty() || made.subject) writer.commit({&entry, 1});
  return described;
}

TEST_F(LayoutTest, WhatIsWrittenIsRead) {
  Descriptor made;
  {
    LayoutWriter writer(path("p"));
    made = pack(writer, "content", "v1");
  }
  EXPECT_EQ(tree("p").size(), 7u);  // two folders, three blobs, two documents
  EXPECT_EQ(text_of("p/oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
  Layout layout(path("p"));
  EXPECT_TRUE(is_layout(path("p")));
  EXPECT_EQ(layout.find("v1").digest, made.digest);
  EXPECT_EQ(layout.find("").digest, made.digest);
  EXPECT_EQ(layout.find(made.digest.text()).digest, made.digest);
  Manifest read = layout.manifest(layout.find(""));
  EXPECT_EQ(layout.read(read.layers[0], 100), "content");
  std::string streamed;
  layout.stream(read.layers[0], [&](std::span<const std::byte> block) {
    streamed.append(reinterpret_cast<const char*>(block.data()), block.size());
  });
  EXPECT_EQ(streamed, "content");
  EXPECT_THAT(error([&] { layout.find("v2"); }), refused(2, "has no tag v2; its tags are v1"));
  EXPECT_THAT(error([&] { layout.read(read.layers[0], 3); }), refused(3, "at most 3"));
}

TEST_F(LayoutTest, HoldsSeveralVersionsAndTheirReferrers) {
  Descriptor first, second, signature;
  {
    LayoutWriter writer(path("p"));
    first = pack(writer, "one", "v1");
  }
  {
    LayoutWriter writer(path("p"));
    second = pack(writer, "two", "v2");
  }
  {
    LayoutWriter writer(path("p"));
    signature = pack(writer, "signed", "", first);
  }
  Layout layout(path("p"));
  EXPECT_THAT(error([&] { layout.find(""); }), refused(2, "holds 2 models"));
  ASSERT_EQ(layout.referrers(first.digest).size(), 1u);
  EXPECT_EQ(layout.referrers(first.digest)[0].first.digest, signature.digest);
  EXPECT_TRUE(layout.referrers(second.digest).empty());
  {
    LayoutWriter writer(path("p"));
    pack(writer, "three", "v1");
  }
  Layout after(path("p"));
  // The first manifest lost its tag, so it and its signature are gone from the index.
  EXPECT_EQ(after.index().manifests.size(), 2u);
  EXPECT_NE(after.find("v1").digest, first.digest);
}

TEST_F(LayoutTest, AnErrorLeavesNothing) {
  {
    LayoutWriter writer(path("a/b/p"));
    pack(writer, "content", "");
    writer.begin()->write(std::as_bytes(std::span("unfinished")));
  }
  EXPECT_FALSE(fs::exists(path("a")));
  {
    LayoutWriter writer(path("p"));
    pack(writer, "content", "v1");
  }
  auto before = tree("p");
  {
    LayoutWriter writer(path("p"));
    pack(writer, "content", "");
    pack(writer, "more", "");
    std::unique_ptr<LayoutWriter::Blob> blob = writer.begin(100);
    blob->write(std::as_bytes(std::span("half")));
    EXPECT_THAT(error([&] { blob->finish(descriptor_of("a/b", "all of it")); }),
                refused(6, "expected"));
  }
  EXPECT_EQ(tree("p"), before);
}

TEST_F(LayoutTest, IO05AKilledWriterLeavesNoTagAndTheNextCleansUp) {
  EXPECT_EQ(in_child([&] {
              LayoutWriter writer(path("p"));
              pack(writer, "content", "");
              writer.begin()->write(std::as_bytes(std::span("unfinished")));
              auto left = writer.begin();
              left->write(std::as_bytes(std::span("unfinished")));
              kill(getpid(), SIGKILL);
            }),
            128 + SIGKILL);
  EXPECT_THAT(error([&] { Layout layout(path("p")); }),
              refused(3, "no package: it has no oci-layout"));
  {
    LayoutWriter writer(path("p"));
    pack(writer, "content", "v1");
  }
  EXPECT_FALSE(fs::exists(path("p/.mlc-partial")));
  EXPECT_EQ(tree("p").size(), 7u);
}

TEST_F(LayoutTest, ADownloadGoesOnWhereItStopped) {
  std::string content(100000, 'x');
  Descriptor expected = descriptor_of("a/b", content);
  auto bytes = std::as_bytes(std::span(content));
  {
    LayoutWriter writer(path("p"));
    auto blob = writer.resume(expected);
    blob->write(bytes.first(60000));
  }
  EXPECT_TRUE(fs::exists(path("p/.mlc-partial/download-" + expected.digest.hex())));
  {
    LayoutWriter writer(path("p"));
    auto blob = writer.resume(expected);
    EXPECT_EQ(blob->size(), 60000u);
    blob->write(bytes.subspan(60000));
    blob->finish(expected);
    EXPECT_TRUE(writer.holds(expected));
  }
  // Not committed: a partial file again.
  EXPECT_FALSE(fs::exists(path("p/blobs")));
  {
    LayoutWriter writer(path("p"));
    EXPECT_EQ(writer.resume(expected)->size(), 100000u);
    writer.keep_downloads(false);
  }
  EXPECT_TRUE(fs::is_empty(path("p")));
}

TEST_F(LayoutTest, OC04WrongBytesOfADownloadAreNotKept) {
  std::string content = "content";
  Descriptor expected = descriptor_of("a/b", content);
  LayoutWriter writer(path("p"));
  auto blob = writer.resume(expected);
  blob->write(std::as_bytes(std::span("contenT", 7)));
  EXPECT_THAT(error([&] { blob->finish(expected); }), refused(6, expected.digest.text()));
  blob.reset();
  EXPECT_FALSE(fs::exists(path("p/.mlc-partial/download-" + expected.digest.hex())));
  EXPECT_FALSE(writer.holds(expected));
}

TEST_F(LayoutTest, IO10BitRotIsFoundAndReplaced) {
  Descriptor layer = descriptor_of("a/b", "content");
  {
    LayoutWriter writer(path("p"));
    pack(writer, "content", "v1");
  }
  std::string blob = "p/blobs/sha256/" + layer.digest.hex();
  put(blob, "c0ntent");
  Layout layout(path("p"));
  EXPECT_THAT(error([&] { layout.read(layer, 100); }), refused(6, "changed or damaged"));
  EXPECT_THAT(error([&] { layout.stream(layer, [](std::span<const std::byte>) {}); }),
              refused(6, layer.digest.text()));
  {
    LayoutWriter writer(path("p"));
    EXPECT_FALSE(writer.holds(layer));
    pack(writer, "content", "v1");
  }
  EXPECT_EQ(text_of(blob), "content");
  put(blob, "longer than it was");
  EXPECT_THAT(error([&] { layout.read(layer, 100); }), refused(6, "18 bytes, expected 7"));
  fs::remove(path(blob));
  EXPECT_THAT(error([&] { layout.read(layer, 100); }), refused(6, "missing"));
}

TEST_F(LayoutTest, OC08AnIndexWithinAnIndexIsNotFollowed) {
  put("p/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  put("p/index.json",
      fmt::format(
          R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"sha256:{}","size":1}}]}})",
          kIndexType, kHex));
  Layout layout(path("p"));
  EXPECT_THAT(error([&] { layout.manifest(layout.find("")); }), refused(3, "is of type"));
  put("p/oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  EXPECT_THAT(error([&] { Layout other(path("p")); }), refused(3, "imageLayoutVersion is 2.0.0"));
}

TEST_F(LayoutTest, OneWriterAtATime) {
  auto writer = std::make_unique<LayoutWriter>(path("p"));
  EXPECT_THAT(error([&] { LayoutWriter second(path("p"), 0); }), refused(4, "in use"));
  bool told = false;
  std::thread other([&] {
    LayoutWriter second(path("p"), 60, [&](const std::string&) { told = true; });
    pack(second, "second", "v2");
  });
  pack(*writer, "first", "v1");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  writer.reset();
  other.join();
  Layout layout(path("p"));
  EXPECT_EQ(layout.index().manifests.size(), 2u);
}

TEST_F(LayoutTest, IO09WithoutFlockAWriterIsKnownByItsName) {
  LayoutWriter writer(path("p"));
  // As if flock said yes to everyone: the lock file is another than the one that is locked.
  fs::remove(path("p/.mlc-partial/lock"));
  EXPECT_THAT(error([&] { LayoutWriter second(path("p"), 0); }), refused(4, "in use"));
}

TEST_F(LayoutTest, RefusesFoldersOfSomethingElse) {
  put("p/notes.txt", "mine");
  EXPECT_THAT(error([&] { LayoutWriter writer(path("p")); }), refused(2, "holds 'notes.txt'"));
  EXPECT_EQ(tree("p").size(), 1u);
  put("file", "");
  EXPECT_THAT(error([&] { LayoutWriter writer(path("file")); }), refused(2, "is a file"));
  EXPECT_THAT(error([&] { Layout layout(path("none")); }), refused(2, "no such package"));
  LayoutWriter writer(path("q"));
  EXPECT_THAT(error([&] { pack(writer, "x", "a b"); }), refused(2, "'a b' is no tag"));
}

TEST_F(LayoutTest, PlacesWithTags) {
  put("p:1/x", "");
  EXPECT_EQ(parse_layout_place(path("p:1")).tag, "");
  EXPECT_EQ(parse_layout_place(path("p:1:v1")).path, path("p:1"));
  EXPECT_EQ(parse_layout_place(path("p:1:v1")).tag, "v1");
  EXPECT_EQ(parse_layout_place(path("p:1@sha256:aa")).tag, "sha256:aa");
  EXPECT_EQ(parse_layout_place(path("none:v1")).path, path("none:v1"));
}

using ModelFilesTest = PackageTest;

TEST_F(ModelFilesTest, ListsAndReads) {
  put("m/b.bin", "bytes");
  put("m/a/b.txt", "");
  put("m/a-b", "x");
  put("m/.git/config", "left out");
  put("m/.cache/x", "left out");
  put("m/a/.git/config", "taken");
  std::vector<ModelFile> files = list_model_files(path("m"));
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(files[0].name, "a-b");
  EXPECT_EQ(files[1].name, "a/.git/config");
  EXPECT_EQ(files[3].size, 5u);
  EXPECT_EQ(hash_model_files(path("m"), files, 2, *std::make_unique<SilentReporter>())[3],
            Digest::of("bytes"));
  EXPECT_EQ(open_beneath(path("m"), "a/b.txt").size(), 0u);
}

TEST_F(ModelFilesTest, PK01SpecialFiles) {
  auto listed = [&] { return error([&] { list_model_files(path("m")); }); };
  put("m/a", "");
  fs::create_symlink("/etc/passwd", path("m/link"));
  EXPECT_THAT(listed(), refused(3, "m/link: is a symbolic link"));
  EXPECT_THAT(error([&] { open_beneath(path("m"), "link"); }), refused(3, "symbolic link"));
  fs::remove(path("m/link"));
  fs::create_directory_symlink(".", path("m/loop"));
  EXPECT_THAT(listed(), refused(3, "m/loop: is a symbolic link"));
  EXPECT_THAT(error([&] { open_beneath(path("m"), "loop/a"); }), refused(3, "symbolic link"));
  fs::remove(path("m/loop"));
  mkfifo(path("m/fifo").c_str(), 0600);
  EXPECT_THAT(listed(), refused(3, "m/fifo: is a FIFO"));
  EXPECT_THAT(error([&] { open_beneath(path("m"), "fifo"); }), refused(3, "is a FIFO"));
  fs::remove(path("m/fifo"));
  chmod(path("m/a").c_str(), 04755);
  EXPECT_THAT(listed(), refused(3, "m/a: is a file with the setuid"));
  EXPECT_THAT(error([&] { list_model_files(path("none")); }), refused(2, "no such folder"));
  EXPECT_THAT(error([&] { open_beneath(path("m"), "none"); }), refused(4, "m/none"));
}

TEST_F(ModelFilesTest, PK02FilesThatChange) {
  put("m/a", std::string(3 << 20, 'x'));
  ModelFile file = list_model_files(path("m"))[0];
  auto changing = [&](auto change) {
    return error(
        [&] { read_model_file(path("m"), file, [&](std::span<const std::byte>) { change(); }); });
  };
  EXPECT_EQ(changing([] {}), "no error");
  EXPECT_THAT(changing([&] { fs::resize_file(path("m/a"), 2 << 20); }),
              refused(4, "m/a: changed during packaging"));
  EXPECT_THAT(changing([] {}), refused(4, "m/a: changed during packaging: it has 2097152 bytes"));
  put("m/a", std::string(3 << 20, 'y'));
  EXPECT_THAT(changing([] {}), refused(4, "m/a: changed during packaging: it was written to"));
}

TEST_F(ModelFilesTest, PK03Names) {
  auto with = [&](const std::vector<std::string>& names) {
    fs::remove_all(path("m"));
    for (const std::string& name : names)
      put("m/" + name, "");
    return error([&] { list_model_files(path("m")); });
  };
  EXPECT_THAT(with({"a\xff"}), refused(3, "'a\\xff' is not UTF-8"));
  EXPECT_THAT(with({"Readme", "README"}), refused(3, "'README' and 'Readme' differ only by case"));
  EXPECT_THAT(with({"\u00e9", "e\u0301"}), refused(3, "differ only by case or by Unicode"));
  EXPECT_THAT(with({"A/x", "a/y"}), refused(3, "'A' and 'a' differ"));
  EXPECT_THAT(with({"con"}), refused(3, "'con' can't be used: it names a device on Windows"));
  EXPECT_THAT(with({"dot."}), refused(3, "ending in"));
  EXPECT_THAT(with({"new\nline"}), refused(3, "control character"));
}

TEST_F(ModelFilesTest, PK04Limits) {
  fs::create_directory(path("m"));
  for (int i = 0; i < 8193; i++)
    ::close(::open(path(fmt::format("m/{}", i)).c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_THAT(error([&] { list_model_files(path("m")); }), refused(3, "more than 8192 files"));
  fs::remove(path("m/0"));
  EXPECT_EQ(list_model_files(path("m")).size(), 8192u);
  // No Linux file system holds a name of 300 bytes; a manifest does.
  std::vector<std::string> names = {std::string(300, 'a')};
  EXPECT_THAT(error([&] { check_file_names(names, "m"); }), refused(3, "more than 255 bytes"));
  std::string deep = "d";
  for (int i = 0; i < 5; i++)
    deep += "/" + std::string(250, 'a');
  put("n/" + deep, "");
  EXPECT_THAT(error([&] { list_model_files(path("n")); }), refused(3, "more than 1024 bytes"));
}

TEST_F(ModelFilesTest, LinksOfAHubSnapshotOnlyWhenAskedFor) {
  put("c/blobs/abc", "content");
  fs::create_directories(path("c/snapshots/1/sub"));
  fs::create_symlink("../../blobs/abc", path("c/snapshots/1/a"));
  fs::create_symlink("../../../blobs/abc", path("c/snapshots/1/sub/b"));
  std::string folder = path("c/snapshots/1");
  EXPECT_THAT(error([&] { list_model_files(folder); }), refused(3, "symbolic link"));
  std::vector<ModelFile> files = list_model_files(folder, Links::kHubSnapshot);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1].size, 7u);
  EXPECT_EQ(read_model_file(folder, files[1], nullptr, Links::kHubSnapshot), Digest::of("content"));
  fs::create_symlink("../../../blobs/abc", path("c/snapshots/1/out"));
  EXPECT_THAT(error([&] { list_model_files(folder, Links::kHubSnapshot); }),
              refused(3, "out: is a symbolic link"));
  fs::remove(path("c/snapshots/1/out"));
  fs::remove(path("c/blobs/abc"));
  fs::create_symlink("/etc/passwd", path("c/blobs/abc"));
  EXPECT_THAT(error([&] { list_model_files(folder, Links::kHubSnapshot); }),
              refused(3, "is a symbolic link"));
  EXPECT_THAT(error([&] { open_beneath(folder, "a", Links::kHubSnapshot); }),
              refused(3, "symbolic link"));
}

}  // namespace
}  // namespace mlc
