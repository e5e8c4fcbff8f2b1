#include <algorithm>
#include <chrono>
#include <map>

#include "base/parallel.h"
#include "package/registry/client.h"
#include "package/registry/pull_checks.h"
#include "package/registry/registry.h"
#include "package/registry/transfers.h"

namespace mlc {
namespace {

// Signatures and attestations are read before anything is written; all of them together.
constexpr std::uint64_t kMaxReferrers = std::uint64_t{32} << 20;
// Pulls of the same model by others take as long as they take.
constexpr unsigned kWaitSeconds = 24 * 3600;

struct FetchedManifest {
  Descriptor descriptor;
  Manifest manifest;
  std::string bytes;
};

// libcurl hands over 16 KiB at a time, which is too little for a system call each.
class BlobTarget : public DownloadTarget {
 public:
  explicit BlobTarget(LayoutWriter::Blob& blob) : blob_(blob) { block_.reserve(kBlock); }
  std::uint64_t size() const override { return blob_.size() + block_.size(); }
  void write(std::span<const std::byte> bytes) override {
    block_.insert(block_.end(), bytes.begin(), bytes.end());
    if (block_.size() >= kBlock) flush();
  }
  void restart() override {
    block_.clear();
    blob_.restart();
  }
  void flush() {
    if (!block_.empty()) blob_.write(block_);
    block_.clear();
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 20;
  LayoutWriter::Blob& blob_;
  std::vector<std::byte> block_;
};

class Pull {
 public:
  Pull(const std::string& reference, const RegistryOptions& options, Reporter& reporter)
      : options_(options),
        reporter_(reporter),
        reference_(parse_registry_reference(reference)),
        session_(open_registry(reference_, options, false)),
        client_(session_),
        lock_(options.lock_file, reference_.text()) {}
  TransferSummary run(const std::string& store);

 private:
  FetchedManifest fetch_manifest(const std::string& target);
  void fetch_referrers();
  void check_blobs(const FetchedManifest& of);
  void fetch_blobs(LayoutWriter& writer);
  void check_signature_of_model();

  const RegistryOptions& options_;
  Reporter& reporter_;
  RegistryReference reference_;
  std::shared_ptr<RegistrySession> session_;
  RegistryClient client_;
  PackageLock lock_;
  FetchedManifest model_;
  std::vector<FetchedManifest> referrers_;
  std::map<Digest, Descriptor> blobs_;   // of the model and its referrers
  std::map<Digest, std::string> small_;  // of referrers, read already
  std::uint64_t small_bytes_ = 0;
  TransferSummary summary_;
};

FetchedManifest Pull::fetch_manifest(const std::string& target) {
  std::optional<RemoteManifest> remote = client_.manifest(target);
  const std::string where =
      fmt::format("{}/{} manifest {}", reference_.host, reference_.repository, target);
  if (!remote)
    throw HttpStatusError(404, fmt::format("{}: the registry has no such manifest", where));
  if (remote->media_type == kIndexType) {
    // Ours are no indexes; one with a single model is what some tools make of one.
    Index index = parse_index(remote->bytes, where);
    if (target.starts_with("sha256:") && target != reference_.target())
      bad_input("{}: an index within an index", where);
    if (index.manifests.size() != 1 || index.manifests[0].media_type != kManifestType)
      bad_input("{}: an index of {} manifests; name one of them by its digest", where,
                index.manifests.size());
    return fetch_manifest(index.manifests[0].digest.text());
  }
  FetchedManifest out;
  out.manifest = parse_manifest(remote->bytes, where);
  out.descriptor = {std::string(kManifestType),
                    remote->digest,
                    remote->bytes.size(),
                    {},
                    out.manifest.artifact_type};
  out.bytes = std::move(remote->bytes);
  return out;
}

// A digest stands for one size.
void Pull::check_blobs(const FetchedManifest& of) {
  auto add = [&](const Descriptor& blob) {
    auto [found, fresh] = blobs_.emplace(blob.digest, blob);
    if (!fresh && found->second.size != blob.size)
      bad_input("{}: {} has {} bytes in one place and {} in another", of.descriptor.digest.text(),
                blob.digest.text(), found->second.size, blob.size);
  };
  add(of.manifest.config);
  for (const Descriptor& layer : of.manifest.layers)
    add(layer);
}

void Pull::fetch_referrers() {
  for (const Descriptor& entry : client_.referrers(model_.descriptor.digest)) {
    if (entry.media_type != kManifestType) continue;
    FetchedManifest referrer = fetch_manifest(entry.digest.text());
    if (!referrer.manifest.subject ||
        referrer.manifest.subject->digest != model_.descriptor.digest) {
      reporter_.warn(fmt::format("{} is listed as referring to this model, and does not; left out",
                                 entry.digest.text()));
      continue;
    }
    check_blobs(referrer);
    auto read = [&](const Descriptor& blob) {
      if (small_.contains(blob.digest)) return;
      if (blob.size > kMaxReferrers - small_bytes_)
        bad_input("{}: what refers to it has more than {} bytes", reference_.text(), kMaxReferrers);
      small_bytes_ += blob.size;
      small_.emplace(blob.digest, client_.read_blob(blob, kMaxReferrers));
    };
    read(referrer.manifest.config);
    for (const Descriptor& layer : referrer.manifest.layers)
      read(layer);
    referrers_.push_back(std::move(referrer));
  }
  summary_.referrers = referrers_.size();
}

void Pull::check_signature_of_model() {
  if (!options_.signature.wanted()) return;
  std::vector<SignatureCandidate> candidates;
  for (const FetchedManifest& referrer : referrers_)
    if (referrer.manifest.artifact_type == kBundleType && referrer.manifest.layers.size() == 1)
      candidates.push_back({referrer.descriptor.digest, referrer.manifest.annotations,
                            small_.at(referrer.manifest.layers[0].digest)});
  check_model_signature(model_.manifest, candidates, options_.signature, reference_.text());
  summary_.signature_checked = true;
}

void Pull::fetch_blobs(LayoutWriter& writer) {
  std::vector<Descriptor> wanted;
  std::uint64_t total = 0;
  for (const auto& [digest, blob] : blobs_) {
    throw_if_cancelled();
    if (auto text = small_.find(digest); text != small_.end()) {
      if (writer.holds(blob)) {
        summary_.blobs_present++;
      } else {
        writer.add(blob.media_type, text->second);
        summary_.blobs++;
        summary_.bytes += blob.size;
      }
    } else if (writer.holds(blob)) {
      summary_.blobs_present++;
    } else {
      wanted.push_back(blob);
      total += blob.size;
    }
  }
  std::sort(wanted.begin(), wanted.end(), [](const Descriptor& a, const Descriptor& b) {
    return a.size != b.size ? a.size > b.size : a.digest < b.digest;
  });
  reporter_.begin("pull", total);
  run_transfers(session_, options_.connections, wanted.size(),
                [&](std::size_t i, RegistryClient& client) {
                  std::unique_ptr<LayoutWriter::Blob> blob = writer.resume(wanted[i]);
                  BlobTarget target(*blob);
                  reporter_.advance(blob->size());
                  try {
                    client.download_blob(wanted[i], target,
                                         [&](std::uint64_t bytes) { reporter_.advance(bytes); });
                  } catch (...) {
                    // What has arrived is for the next time, if it can be written.
                    try {
                      target.flush();
                    } catch (const Error&) {
                    }
                    throw;
                  }
                  target.flush();
                  blob->finish(wanted[i]);
                });
  reporter_.end();
  summary_.blobs += wanted.size();
  summary_.bytes += total;
}

TransferSummary Pull::run(const std::string& store) {
  auto start = std::chrono::steady_clock::now();
  // The tag is asked about once; from here on everything goes by digest.
  model_ = fetch_manifest(reference_.target());
  summary_.manifest = model_.descriptor.digest;
  summary_.version = version_of(model_.manifest);
  summary_.tag = reference_.digest && reference_.tag.empty() ? "" : reference_.tag;
  if (summary_.tag.empty() && !reference_.digest) summary_.tag = "latest";
  lock_.check(summary_.manifest);
  if (!options_.min_version.empty())
    check_min_version(summary_.version, options_.min_version, reference_.text());
  check_blobs(model_);
  fetch_referrers();
  check_signature_of_model();

  LayoutWriter writer(store, kWaitSeconds, [&](const std::string& text) { reporter_.note(text); });
  if (options_.min_version.empty() && options_.lock_file.empty())
    warn_of_older_version(writer, summary_, reporter_);
  try {
    fetch_blobs(writer);
    std::vector<LayoutWriter::Entry> entries = {
        {writer.add(kManifestType, model_.bytes), summary_.tag}};
    for (const FetchedManifest& referrer : referrers_)
      entries.push_back({writer.add(kManifestType, referrer.bytes), ""});
    writer.commit(entries);
  } catch (const Error& error) {
    // A disk that is full should not stay so.
    if (error.code() == ExitCode::kIo) writer.keep_downloads(false);
    throw;
  }
  lock_.record(summary_.manifest, summary_.version);
  summary_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(summary_);
}

}  // namespace

TransferSummary pull(const std::string& reference, const std::string& store,
                     const RegistryOptions& options, Reporter& reporter) {
  return Pull(reference, options, reporter).run(store);
}

}  // namespace mlc
