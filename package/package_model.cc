#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "package/kernel_lock.h"
#include "package/model_folder.h"
#include "package/model_pack.h"
#include "package/oci/layout.h"
#include "package/oci/tar.h"
#include "package/pack_files.h"
#include "package/package.h"
#include "package/readme_license.h"
#include "package/sign/attestation.h"
#include "package/sign/key.h"
#include "package/sign/referrer.h"
#include "package/source_date.h"
#include "package/tag_check.h"
#include "package/version.h"
#include "package/vram.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

std::string file_name(const std::string& path) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  return error ? std::string() : real.filename().string();
}

// A package within the model would become part of it.
void check_output(const PackageOptions& options) {
  std::error_code error;
  fs::path model = fs::canonical(options.model, error);
  if (error) return;  // said when it is listed
  fs::path output = fs::weakly_canonical(fs::absolute(options.output), error);
  if (error) return;
  auto [end, ignored] = std::mismatch(model.begin(), model.end(), output.begin(), output.end());
  if (end == model.end())
    fail(ExitCode::kUsage, "{}: lies within the model's folder {}; name a place outside it",
         printable(options.output, 1024), printable(options.model, 1024));
}

// Checked before anything is read.
ModelPackNames checked_names(const PackageOptions& options) {
  ModelPackNames names;
  if (!fs::is_directory(options.model))
    fail(ExitCode::kUsage, "{}: no such folder", printable(options.model, 1024));
  names.name = options.name.empty() ? file_name(options.model) : options.name;
  names.version = options.version;
  names.created = source_date_epoch();
  if (names.name.empty() || names.name.size() > 200 ||
      find_invalid_utf8(names.name) != std::string::npos)
    fail(ExitCode::kUsage,
         "'{}' is no name for a package: give one of 1 to 200 bytes of UTF-8 with --name",
         printable(names.name));
  if (!is_semantic_version(names.version))
    fail(ExitCode::kUsage,
         "version '{}' is no semantic version: expected MAJOR.MINOR.PATCH such as 1.0.0, with "
         "-PRERELEASE and +BUILD as semver.org has them, at most 64 bytes",
         printable(names.version));
  if (!options.tag.empty() && !is_tag(options.tag))
    fail(
        ExitCode::kUsage,
        "'{}' is no tag: expected letters, digits, '_', '.' and '-', at most 128, with a letter, a "
        "digit or '_' first",
        printable(options.tag));
  return names;
}

class ModelPacker {
 public:
  ModelPacker(const PackageOptions& options, ModelPackNames names, LayoutWriter& layout,
              Reporter& reporter)
      : options_(options), names_(std::move(names)), layout_(layout), reporter_(reporter) {}

  PackageSummary pack() {
    std::optional<PrivateKey> key;
    if (!options_.sign_key.empty()) key = PrivateKey::read(options_.sign_key, reporter_);
    ModelFolder model = read_model_folder(options_.model, options_.links, reporter_);
    PackageSummary summary;
    summary.estimated_vram_bytes = estimated_memory(model);
    Manifest manifest;
    manifest.artifact_type = kModelArtifact;
    manifest.layers = pack_layers(model);
    check_documents(model, manifest.layers);
    names_.license = license(model);
    manifest.config = layout_.add(kModelConfig, model_pack_config(model, manifest.layers, names_));
    manifest.annotations = model_pack_annotations(model, names_, summary.estimated_vram_bytes);
    std::optional<KernelLock> kernels;
    if (!options_.kernels.empty()) {
      kernels = lock_kernels(layout_, options_.kernels);
      manifest.annotations.merge(Annotations(kernels->annotations));
    }
    Descriptor described = layout_.add(kManifestType, dump_manifest(manifest));

    summary.manifest = described.digest;
    summary.tag = options_.tag.empty() ? default_tag(names_.name, names_.version) : options_.tag;
    summary.files = manifest.layers.size();
    for (const Descriptor& layer : manifest.layers)
      summary.bytes += layer.size;
    summary.was_there = check_tag(layout_, summary.tag, described.digest, options_.overwrite);
    entries_.push_back({described, summary.tag});
    if (kernels) entries_.push_back({kernels->manifest, ""});
    if (key)
      entries_.push_back({add_signature(layout_, described, manifest, names_.name, *key), ""});
    if (options_.attest) attest(model, described, manifest, key ? &*key : nullptr);
    summary.written_bytes = layout_.written_bytes();
    layout_.commit(entries_);
    return summary;
  }

 private:
  std::vector<Descriptor> pack_layers(const ModelFolder& model) {
    std::map<std::string, std::string> md5sums;
    for (const Shard& shard : model.cache.shards)
      md5sums[shard.data_path] = shard.md5sum;
    return pack_files(model, md5sums, layout_, options_.threads, reporter_);
  }

  void attest(const ModelFolder& model, const Descriptor& described, const Manifest& manifest,
              const PrivateKey* key) {
    AttestedModel attested;
    attested.manifest = described;
    attested.files = files_of(manifest, options_.model);
    attested.name = names_.name;
    attested.version = names_.version;
    attested.model_type = chat_text(model, "model_type");
    attested.quantization = chat_text(model, "quantization");
    attested.license = names_.license;
    if (!options_.source.empty()) {
      attested.source_name = file_name(options_.source);
      attested.source = hash_source(options_.source, options_.threads, reporter_);
    }
    for (LayoutWriter::Entry& entry : add_attestations(layout_, attested, key))
      entries_.push_back(std::move(entry));
  }

  // 0: it can't be told of this architecture.
  std::uint64_t estimated_memory(const ModelFolder& model) {
    try {
      return estimate_vram(model.chat_config, model.tensor_cache,
                           options_.model + "/mlc-chat-config.json")
          .total();
    } catch (const Error& error) {
      reporter_.warn(fmt::format("the package will not say its memory: {}", error.what()));
      return 0;
    }
  }

  // What was checked is what is packed.
  static void check_documents(const ModelFolder& model, const std::vector<Descriptor>& layers) {
    for (const auto& [name, digest] : model.read)
      for (const Descriptor& layer : layers)
        if (layer.annotations.at(std::string(kFilePath)) == name && layer.digest != digest)
          fail(ExitCode::kIo, "{}/{}: changed during packaging", printable(model.path, 1024),
               printable(name));
  }

  static std::string license(const ModelFolder& model) {
    constexpr std::uint64_t kMaxReadme = std::uint64_t{1} << 20;
    for (const ModelFile& file : model.files) {
      if (file.name != "README.md" || file.size > kMaxReadme) continue;
      std::string text;
      read_model_file(
          model.path, file,
          [&](std::span<const std::byte> block) {
            text.append(reinterpret_cast<const char*>(block.data()), block.size());
          },
          model.links);
      return license_of_readme(text);
    }
    return {};
  }

  const PackageOptions& options_;
  ModelPackNames names_;
  LayoutWriter& layout_;
  Reporter& reporter_;
  std::vector<LayoutWriter::Entry> entries_;
};

}  // namespace

PackageSummary package_model(const PackageOptions& options, Reporter& reporter) {
  auto begin = std::chrono::steady_clock::now();
  ModelPackNames names = checked_names(options);
  check_output(options);
  auto pack_into = [&](const std::string& folder) {
    LayoutWriter layout(folder, 600, [&](const std::string& text) { reporter.note(text); });
    return ModelPacker(options, names, layout, reporter).pack();
  };
  PackageSummary summary;
  if (is_tar_name(options.output)) {
    TarOutput output(options.output, options.overwrite);
    summary = pack_into(output.layout());
    output.finish(reporter);
  } else {
    summary = pack_into(options.output);
  }
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace mlc
