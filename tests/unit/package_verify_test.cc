// `mlc verify` on signed folders and packages: every flipped bit of every document and name is
// found, as are flips in shards; attestations; what an update fetches.
#include <algorithm>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/tensor_cache.h"
#include "package/package.h"
#include "package/sign/attestation.h"
#include "package/sign/key.h"
#include "package/sign/referrer.h"
#include "package/sign/signed_folder.h"
#include "package/sign/statement.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/sign_material.h"
#include "verify/diff.h"
#include "verify/verify.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kChatConfig =
    R"({"model_type":"llama","quantization":"q0f16","model_config":{"hidden_size":2,)"
    R"("intermediate_size":2,"num_attention_heads":1,"num_key_value_heads":1,"head_dim":2,)"
    R"("num_hidden_layers":1,"rms_norm_eps":1e-5,"vocab_size":3,"context_window_size":4,)"
    R"("prefill_chunk_size":4},"vocab_size":3,"context_window_size":4,"prefill_chunk_size":4,)"
    R"("tokenizer_files":[],"conv_template":"LM"})";
constexpr std::size_t kShardBytes = 1024;
// With sanitizers, which find something else, not every bit.
constexpr std::size_t kEvery = kSanitized ? 53 : 1;
constexpr int kRandomFlips = kSanitized ? 50 : 1000;

std::string md5_of(std::string_view bytes) {
  Md5 hash;
  hash.update(std::as_bytes(std::span(bytes)));
  Md5Digest digest = hash.finish();
  return hex(digest);
}

class SignedModel : public testing::Test {
 protected:
  SignedModel() {
    write_new_key(key_);
    TensorCache cache;
    for (int i = 0; i < 2; i++) {
      std::string bytes;
      for (std::size_t k = 0; k < kShardBytes; k++)
        bytes += static_cast<char>(random_());
      std::string name = fmt::format("params_shard_{}.bin", i);
      folder_.write("m/" + name, bytes);
      Record record;
      record.name = fmt::format("w{}", i);
      record.shape = {kShardBytes / 2};
      record.nbytes = kShardBytes;
      cache.shards.push_back({name, kShardBytes, {record}, md5_of(bytes)});
    }
    cache.param_size = 2;
    folder_.write("m/tensor-cache.json", write_tensor_cache(cache));
    folder_.write("m/mlc-chat-config.json", kChatConfig);
    folder_.write("m/README.md", "---\nlicense: apache-2.0\n---\n");
  }

  std::string model() const { return folder_.path("m"); }

  // "6: S03 params_shard_0.bin" of the first error; "3: message" for what is thrown; "" when all
  // holds.
  std::string verify(const std::string& what, bool with_key = true) {
    VerifyOptions options;
    options.model = what;
    options.levels = {};
    options.threads = 1;
    if (with_key) options.signature.public_key = key_ + ".pub";
    report_ = std::make_unique<VerifyReport>();
    try {
      run_verify(options, *report_, reporter_);
    } catch (const Error& error) {
      return fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
    }
    for (const Finding& finding : report_->findings.all())
      if (finding.rule->severity == Severity::kError)
        return fmt::format("6: {} {}", finding.rule->id, finding.where);
    return {};
  }
  bool has(std::string_view id) const { return report_->findings.has(id); }

  // Every bit of the file, in place. Says which were found as what: "6", "3" or "2".
  std::map<char, std::size_t> flip_all(const std::string& path, const std::string& what,
                                       bool with_key = true, std::size_t step = kEvery) {
    std::string bytes = read_file(path, 1 << 20);
    std::map<char, std::size_t> codes;
    OutputFile file(path, bytes.size(), OutputFile::Mode::kReopen);
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += step) {
      auto flipped = static_cast<std::byte>(bytes[bit / 8] ^ (1 << bit % 8));
      file.write(bit / 8, {&flipped, 1});
      std::string found = verify(what, with_key);
      codes[found.empty() ? '0' : found[0]]++;
      EXPECT_FALSE(found.empty()) << path << ": bit " << bit;
      auto was = static_cast<std::byte>(bytes[bit / 8]);
      file.write(bit / 8, {&was, 1});
    }
    return codes;
  }

  static void flip_reads(const Layout& layout, const Descriptor& blob) {
    std::string path = layout.blob_path(blob.digest);
    std::string bytes = layout.read(blob, 1 << 20);
    OutputFile file(path, bytes.size(), OutputFile::Mode::kReopen);
    std::size_t found = 0;
    std::size_t tried = 0;
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += kEvery, tried++) {
      auto flipped = static_cast<std::byte>(bytes[bit / 8] ^ (1 << bit % 8));
      file.write(bit / 8, {&flipped, 1});
      try {
        layout.read(blob, 1 << 20);
      } catch (const Error& error) {
        found += error.code() == ExitCode::kVerify ? 1u : 0u;
      }
      auto was = static_cast<std::byte>(bytes[bit / 8]);
      file.write(bit / 8, {&was, 1});
    }
    EXPECT_EQ(found, tried) << path;
  }

  void flip_name(const std::string& parent, const std::string& name, const std::string& what) {
    for (std::size_t bit = 0; bit < name.size() * 8; bit++) {
      std::string other = name;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
      if (other[bit / 8] == '/' || other[bit / 8] == '\0') continue;  // no name of a file
      if (fs::exists(fs::path(parent) / other)) continue;             // that of another one
      fs::rename(fs::path(parent) / name, fs::path(parent) / other);
      EXPECT_NE(verify(what), "") << name << " as " << printable(other);
      fs::rename(fs::path(parent) / other, fs::path(parent) / name);
    }
  }

  void flip_random(const std::string& path, const std::string& what, int count) {
    std::string bytes = read_file(path, 1 << 20);
    OutputFile file(path, bytes.size(), OutputFile::Mode::kReopen);
    for (int i = 0; i < count; i++) {
      std::size_t bit = random_() % (bytes.size() * 8);
      auto flipped = static_cast<std::byte>(bytes[bit / 8] ^ (1 << bit % 8));
      file.write(bit / 8, {&flipped, 1});
      EXPECT_THAT(verify(what), HasSubstr("6: S")) << path << ": bit " << bit;
      auto was = static_cast<std::byte>(bytes[bit / 8]);
      file.write(bit / 8, {&was, 1});
    }
  }

  void pack(const std::string& output, const std::string& version = "1.0.0") {
    PackageOptions options;
    options.model = model();
    options.output = output;
    options.name = "m";
    options.version = version;
    options.attest = false;
    package_model(options, reporter_);
  }

  // The model as a package, signed and attested.
  std::string make_package(const std::string& name, const std::string& version = "1.0.0") {
    std::string path = folder_.path(name);
    pack(path, version);
    Layout layout(path);
    Descriptor subject = layout.find("m-" + version);
    AttestedModel attested{subject,
                           files_of(layout.manifest(subject), path),
                           "m",
                           version,
                           "llama",
                           "q0f16",
                           "Apache-2.0",
                           "",
                           {}};
    LayoutWriter writer(path);
    PrivateKey key = PrivateKey::read(key_, reporter_);
    std::vector<LayoutWriter::Entry> entries = add_attestations(writer, attested, &key);
    entries.push_back({add_signature(writer, subject, layout.manifest(subject), "m", key), ""});
    writer.commit(entries);
    return path;
  }

  test::TestFolder folder_;
  SilentReporter reporter_;
  std::mt19937 random_{7};
  std::string key_ = folder_.path("key");
  std::unique_ptr<VerifyReport> report_;
};

TEST_F(SignedModel, SG07_FolderAgainstItsSignature) {
  EXPECT_THAT(verify(model()), HasSubstr("6: S01"));
  EXPECT_EQ(sign_folder(model(), key_, 1, reporter_), 5u);
  EXPECT_EQ(verify(model()), "");
  ASSERT_TRUE(report_->signature);
  EXPECT_EQ(report_->signature->files, 5u);
  EXPECT_EQ(verify(model(), false), "");
  EXPECT_TRUE(has("S07"));

  folder_.write("m/.hidden/empty", "");
  EXPECT_EQ(verify(model()), "6: S05 .hidden/empty");
  fs::remove_all(folder_.path("m/.hidden"));
  fs::create_directories(folder_.path("m/.hidden"));
  EXPECT_EQ(verify(model()), "");
  fs::create_symlink("README.md", folder_.path("m/link"));
  EXPECT_EQ(verify(model()), "6: S06 link");
  fs::remove(folder_.path("m/link"));
  fs::rename(folder_.path("m/README.md"), folder_.path("README.md"));
  EXPECT_EQ(verify(model()), "6: S04 README.md");
  fs::rename(folder_.path("README.md"), folder_.path("m/README.md"));
  fs::rename(folder_.path("m/params_shard_0.bin"), folder_.path("x"));
  fs::rename(folder_.path("m/params_shard_1.bin"), folder_.path("m/params_shard_0.bin"));
  fs::rename(folder_.path("x"), folder_.path("m/params_shard_1.bin"));
  EXPECT_EQ(verify(model()), "6: S03 params_shard_0.bin");
}

TEST_F(SignedModel, NoLevelRunsOnWhatIsNotSigned) {
  sign_folder(model(), key_, 1, reporter_);
  folder_.write("m/extra", "");
  VerifyOptions options;
  options.model = model();
  options.signature.public_key = key_ + ".pub";
  VerifyReport report;
  run_verify(options, report, reporter_);
  EXPECT_TRUE(report.ran.empty());
  EXPECT_EQ(report.skipped.size(), kLevels);
  options.signature.allow_unsigned_files = true;
  options.levels = {Level::kFile};
  VerifyReport again;
  run_verify(options, again, reporter_);
  EXPECT_EQ(again.ran.size(), 1u);
}

TEST_F(SignedModel, EveryFlippedBitOfAFolderIsFound) {
  sign_folder(model(), key_, 1, reporter_);
  ASSERT_EQ(verify(model()), "");
  for (const char* name : {"model.sig", "tensor-cache.json", "mlc-chat-config.json", "README.md"}) {
    auto codes = flip_all(folder_.path(std::string("m/") + name), model());
    EXPECT_EQ(codes['0'] + codes['2'] + codes['7'], 0u) << name;
  }
  for (const char* name : {"model.sig", "tensor-cache.json", "mlc-chat-config.json", "README.md",
                           "params_shard_0.bin", "params_shard_1.bin"})
    flip_name(model(), name, model());
  flip_random(folder_.path("m/params_shard_0.bin"), model(), kRandomFlips);
  flip_random(folder_.path("m/params_shard_1.bin"), model(), kRandomFlips);
  EXPECT_EQ(verify(model()), "");
}

TEST_F(SignedModel, EveryFlippedBitOfAPackageIsFound) {
  std::string package = make_package("pkg");
  std::string what = package + ":m-1.0.0";
  ASSERT_EQ(verify(what), "");
  ASSERT_EQ(report_->signed_attestations, 2u);
  // All is found without a key, too, which is quicker. A tag that was changed is not there: 2.
  auto index = flip_all(package + "/index.json", what, false);
  EXPECT_GT(index['2'], 0u);
  EXPECT_EQ(index['0'] + index['7'], 0u);
  EXPECT_EQ(flip_all(package + "/oci-layout", what, false)['0'], 0u);
  Layout layout(package);
  Descriptor manifest = layout.find("m-1.0.0");
  std::string config = layout.manifest(manifest).config.digest.hex();
  std::size_t documents = 0;
  for (const auto& entry : fs::directory_iterator(package + "/blobs/sha256")) {
    std::string name = entry.path().filename().string();
    if (entry.file_size() == kShardBytes) {
      flip_random(entry.path().string(), what, kRandomFlips);
    } else {
      Descriptor blob = {"", Digest::parse("sha256:" + name, name), entry.file_size()};
      // Those that say what else there is, by the whole of verify, bit by bit; the others likewise
      // where a blob is read, and now and then by the whole.
      bool first = name == manifest.digest.hex() || name == config;
      if (!first) flip_reads(layout, blob);
      std::size_t step = first ? kEvery : kSanitized ? 997 : 61;
      auto codes = flip_all(entry.path().string(), what, false, step);
      EXPECT_EQ(codes['6'], (entry.file_size() * 8 + step - 1) / step) << name;
      documents++;
    }
    fs::rename(entry.path(), entry.path().string() + "x");
    EXPECT_THAT(verify(what), HasSubstr("6: "));
    fs::rename(entry.path().string() + "x", entry.path());
  }
  // Config, manifest, two attestations and a signature with their manifests, "{}", three files.
  EXPECT_EQ(documents, 12u);
  EXPECT_EQ(verify(what), "");
}

TEST_F(SignedModel, SG13_SignatureOfAnotherModel) {
  std::string other = make_package("other");
  Layout there(other);
  std::vector<Attached> attached = attached_statements(there, there.find("").digest);
  folder_.write("m/README.md", "Another model.");
  std::string package = folder_.path("mixed");
  pack(package);
  Layout layout(package);
  Descriptor subject = layout.find("");
  LayoutWriter writer(package);
  std::vector<LayoutWriter::Entry> entries;
  for (const Attached& one : attached) {
    Manifest manifest;
    manifest.artifact_type = kBundleType;
    manifest.config = writer.add(kEmptyType, "{}");
    manifest.layers = {writer.add(kBundleType, one.text)};
    manifest.subject = subject;
    entries.push_back({writer.add(kManifestType, dump_manifest(manifest)), ""});
  }
  writer.commit(entries);
  EXPECT_THAT(verify(package), HasSubstr("6: S"));
  EXPECT_EQ(report_->findings.count("S03"), 1u);
  EXPECT_EQ(report_->findings.count("S12"), 2u);
}

TEST_F(SignedModel, SG14_PackageWithoutItsSignature) {
  std::string package = folder_.path("pkg");
  pack(package);
  EXPECT_EQ(verify(package), "6: S01 package");
  EXPECT_EQ(verify(package, false), "");
  // One by another key does not help, and does not hide a good one.
  write_new_key(folder_.path("other"));
  sign_package({package, ""}, folder_.path("other"), reporter_);
  EXPECT_EQ(verify(package), "6: S02 package");
  Descriptor first = sign_package({package, ""}, key_, reporter_);
  EXPECT_EQ(verify(package), "");
  EXPECT_EQ(sign_package({package, ""}, key_, reporter_).digest, first.digest);
  EXPECT_EQ(Layout(package).index().manifests.size(), 3u);
}

TEST_F(SignedModel, SignatureOfTheFolderServesItsPackage) {
  sign_folder(model(), key_, 1, reporter_);
  std::string package = folder_.path("pkg");
  pack(package);
  EXPECT_EQ(verify(package), "");
  EXPECT_EQ(report_->signature->files, 5u);
  std::string tar = folder_.path("pkg.tar");
  pack(tar);
  EXPECT_EQ(verify(tar), "");
}

TEST_F(SignedModel, SignatureOfAPackageServesWhatWasUnpacked) {
  std::string package = make_package("pkg");
  auto check = [&](const std::string& from) {
    VerifyOptions options;
    options.model = model();
    options.levels = {};
    options.signature.public_key = key_ + ".pub";
    options.signature_file = from;
    report_ = std::make_unique<VerifyReport>();
    run_verify(options, *report_, reporter_);
    return report_->findings.count(Severity::kError);
  };
  EXPECT_EQ(check(package), 0u);
  ASSERT_TRUE(report_->signature);
  EXPECT_EQ(report_->signature->files, 5u);
  folder_.write("m/README.md", "Other text.");
  EXPECT_EQ(check(package + ":m-1.0.0"), 1u);
  EXPECT_TRUE(has("S03"));
  pack(folder_.path("unsigned"));
  EXPECT_EQ(check(folder_.path("unsigned")), 1u);
  EXPECT_TRUE(has("S02"));
}

TEST_F(SignedModel, SignatureOfAnotherNameWithinTheFolder) {
  sign_folder(model(), key_, 1, reporter_);
  for (const char* name : {"m/release.sig", "release.sig"}) {
    fs::copy_file(folder_.path("m/model.sig"), folder_.path(name));
    fs::rename(folder_.path("m/model.sig"), folder_.path("kept"));
    VerifyOptions options;
    options.model = model();
    options.levels = {};
    options.signature.public_key = key_ + ".pub";
    options.signature_file = folder_.path(name);
    VerifyReport report;
    run_verify(options, report, reporter_);
    EXPECT_EQ(report.findings.count(Severity::kError), 0u) << name;
    fs::remove(folder_.path(name));
    fs::rename(folder_.path("kept"), folder_.path("m/model.sig"));
  }
}

TEST_F(SignedModel, NothingStaysBesideAPackage) {
  std::string package = make_package("pkg");
  VerifyOptions options;
  options.model = package;
  options.levels = {Level::kFile};
  VerifyReport report;
  run_verify(options, report, reporter_);
  EXPECT_EQ(report.ran.size(), 1u);
  EXPECT_EQ(report.findings.count(Severity::kError), 0u);
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().filename().string().find(".tmp"), std::string::npos);
}

TEST_F(SignedModel, AttestationsSayWhatBytesProve) {
  std::string package = make_package("pkg");
  Layout layout(package);
  Descriptor subject = layout.find("");
  AttestedModel attested{subject,
                         files_of(layout.manifest(subject), package),
                         "m",
                         "1.0.0",
                         "llama",
                         "q0f16",
                         "Apache-2.0",
                         "checkpoint",
                         {{"model.safetensors", Digest::of("weights")}}};
  Json provenance = parse_json(provenance_statement(attested), "p");
  EXPECT_EQ(provenance_statement(attested), provenance_statement(attested));
  EXPECT_EQ(*provenance.find("predicateType"), Json("https://slsa.dev/provenance/v1"));
  const Json& definition = *provenance.find("predicate")->find("buildDefinition");
  EXPECT_EQ(*definition.find("resolvedDependencies")->items("")[0].find("digest")->find("sha256"),
            Json(Digest::of("weights").hex()));
  EXPECT_EQ(*provenance.find("subject")->items("")[0].find("digest")->find("sha256"),
            Json(subject.digest.hex()));
  EXPECT_EQ(provenance.find("subject")->items("").size(), 6u);

  Json bom = *parse_json(bom_statement(attested), "b").find("predicate");
  EXPECT_EQ(*bom.find("bomFormat"), Json("CycloneDX"));
  EXPECT_EQ(*bom.find("specVersion"), Json("1.6"));
  EXPECT_EQ(*bom.find("version"), Json(1));
  EXPECT_EQ(bom.find("serialNumber")->as_string("").size(), 45u);
  const Json& component = *bom.find("metadata")->find("component");
  EXPECT_EQ(*component.find("type"), Json("machine-learning-model"));
  EXPECT_EQ(*component.find("licenses")->items("")[0].find("license")->find("id"),
            Json("Apache-2.0"));
  EXPECT_EQ(bom.find("components")->items("").size(), 5u);
  EXPECT_EQ(bom.find("dependencies")->items("")[0].find("dependsOn")->items("").size(), 5u);
}

TEST_F(SignedModel, UnsignedAttestationsAreSaidToBe) {
  std::string package = folder_.path("pkg");
  pack(package);
  Layout layout(package);
  Descriptor subject = layout.find("");
  AttestedModel attested{
      subject, files_of(layout.manifest(subject), package), "m", "1.0.0", "", "", "", "", {}};
  LayoutWriter writer(package);
  writer.commit(add_attestations(writer, attested, nullptr));
  EXPECT_EQ(verify(package, false), "");
  EXPECT_EQ(report_->findings.count("S13"), 2u);
}

TEST_F(SignedModel, UpdateFetchesExactlyWhatIsMissing) {
  std::string a = make_package("a");
  std::string shard = read_file(folder_.path("m/params_shard_1.bin"), 1 << 20);
  folder_.write("m/README.md", "A new text.");
  folder_.write("m/new.json", "{}");
  std::string b = make_package("b", "1.1.0");
  Diff diff = run_diff({.a = a, .b = b}, reporter_);
  ASSERT_TRUE(diff.package);
  EXPECT_EQ(diff.package->layers.size(), 2u);
  EXPECT_EQ(diff.package->equal_layers, 4u);
  std::uint64_t expected = 0;
  for (const auto& entry : fs::directory_iterator(b + "/blobs/sha256"))
    if (!fs::exists(a + "/blobs/sha256/" + entry.path().filename().string()))
      expected += entry.file_size();
  EXPECT_EQ(diff.package->fetch_bytes, expected);
  EXPECT_FALSE(diff.equal());
  Diff same = run_diff({.a = a, .b = a}, reporter_);
  EXPECT_TRUE(same.equal());
  EXPECT_EQ(same.package->fetch_bytes, 0u);
}

}  // namespace
}  // namespace mlc
