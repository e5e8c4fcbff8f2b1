#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/json.h"
#include "package/canonical_json.h"
#include "package/registry/client.h"
#include "package/registry/registry.h"
#include "package/registry/transfers.h"
#include "package/registry/upload.h"

namespace mlc {
namespace {

constexpr int kFallbackTries = 5;

// A manifest of the layout, as bytes: what a registry stores is what was hashed.
struct LocalManifest {
  Descriptor descriptor;
  Manifest manifest;
  std::string bytes;
};

LocalManifest read_local(const Layout& layout, const Descriptor& descriptor) {
  LocalManifest out{descriptor, layout.manifest(descriptor), layout.read(descriptor, kMaxManifest)};
  out.descriptor.artifact_type = out.manifest.artifact_type;
  out.descriptor.annotations.erase(std::string(kRefName));
  return out;
}

class Push {
 public:
  Push(const LayoutPlace& place, const std::string& reference, const RegistryOptions& options,
       Reporter& reporter);
  TransferSummary run();

 private:
  void collect_blobs();
  std::vector<Descriptor> absent_blobs();
  void send_blobs(const std::vector<Descriptor>& blobs);
  // True: the registry keeps the list of referrers itself.
  bool put_manifest(const LocalManifest& manifest, const std::string& target);
  void send_manifests();
  void list_referrers();
  std::string refusal_note() const { return fmt::format("the tag {} was not moved", tag_); }

  const RegistryOptions& options_;
  Reporter& reporter_;
  Layout layout_;
  LocalManifest model_;
  std::vector<LocalManifest> referrers_;
  std::map<Digest, Descriptor> blobs_;
  std::string tag_;
  std::shared_ptr<RegistrySession> session_;
  TransferSummary summary_;
};

Push::Push(const LayoutPlace& place, const std::string& reference, const RegistryOptions& options,
           Reporter& reporter)
    : options_(options), reporter_(reporter), layout_(place.path) {
  RegistryReference to = parse_registry_reference(reference);
  if (!options.mount_from.empty() && !is_registry_repository(options.mount_from))
    fail(ExitCode::kUsage, "--mount-from {}: expected a repository of the same registry",
         printable(options.mount_from));
  Descriptor entry = layout_.find(place.tag);
  if (to.digest && *to.digest != entry.digest)
    fail(ExitCode::kUsage, "{}: the package has the digest {}", reference, entry.digest.text());
  tag_ = to.tag;
  if (auto name = entry.annotations.find(std::string(kRefName));
      tag_.empty() && name != entry.annotations.end())
    tag_ = name->second;
  if (tag_.empty()) tag_ = "latest";
  if (!is_tag(tag_))
    fail(ExitCode::kUsage, "{}: '{}' can't be a tag of a registry; name one: {}:TAG",
         printable(place.path, 1024), printable(tag_), printable(reference, 1024));
  to.tag = tag_;
  to.digest.reset();
  model_ = read_local(layout_, entry);
  for (const auto& [descriptor, manifest] : layout_.referrers(entry.digest))
    referrers_.push_back(read_local(layout_, descriptor));
  collect_blobs();
  session_ = open_registry(to, options, !options.dry_run, options.mount_from);
}

void Push::collect_blobs() {
  auto add = [&](const LocalManifest& of, const Descriptor& blob) {
    if (!layout_.holds(blob.digest))
      bad_input("{}: the manifest {} names {}, which the package does not hold", layout_.path(),
                of.descriptor.digest.text(), blob.digest.text());
    layout_.reader(blob);  // checks its size
    blobs_.emplace(blob.digest, blob);
  };
  auto add_all = [&](const LocalManifest& manifest) {
    add(manifest, manifest.manifest.config);
    for (const Descriptor& layer : manifest.manifest.layers)
      add(manifest, layer);
  };
  add_all(model_);
  for (const LocalManifest& referrer : referrers_)
    add_all(referrer);
}

std::vector<Descriptor> Push::absent_blobs() {
  std::vector<Descriptor> all, absent;
  for (const auto& [digest, blob] : blobs_)
    all.push_back(blob);
  std::mutex mutex;
  run_transfers(session_, options_.connections, all.size(),
                [&](std::size_t i, RegistryClient& client) {
                  if (client.has_blob(all[i])) return;
                  std::scoped_lock lock(mutex);
                  absent.push_back(all[i]);
                });
  // The largest first, so that the threads end together.
  std::sort(absent.begin(), absent.end(), [](const Descriptor& a, const Descriptor& b) {
    return a.size != b.size ? a.size > b.size : a.digest < b.digest;
  });
  return absent;
}

void Push::send_blobs(const std::vector<Descriptor>& blobs) {
  std::uint64_t total = 0;
  for (const Descriptor& blob : blobs)
    total += blob.size;
  reporter_.begin("push", total);
  std::atomic<std::uint64_t> mounted = 0, sent_bytes = 0;
  run_transfers(
      session_, options_.connections, blobs.size(), [&](std::size_t i, RegistryClient& client) {
        const Descriptor& blob = blobs[i];
        UploadSource source{blob, layout_.reader(blob),
                            [&] { layout_.stream(blob, [](std::span<const std::byte>) {}); }};
        auto advance = [&](std::uint64_t bytes) { reporter_.advance(bytes); };
        if (upload_blob(client, source, options_.mount_from, advance) == Uploaded::kMounted) {
          mounted++;
          reporter_.advance(blob.size);
        } else {
          sent_bytes += blob.size;
        }
      });
  reporter_.end();
  summary_.blobs = blobs.size() - mounted;
  summary_.blobs_present = blobs_.size() - summary_.blobs;
  summary_.bytes = sent_bytes;
}

bool Push::put_manifest(const LocalManifest& manifest, const std::string& target) {
  RegistryClient client(session_);
  HttpRequest request;
  request.method = "PUT";
  request.url = client.url("/manifests/" + target);
  request.headers.add("Content-Type", std::string(kManifestType));
  request.body = http_body(manifest.bytes);
  request.follow = false;
  HttpAnswer answer = client.send(request);
  if (!answer.ok()) client.refuse(request, answer, refusal_note());
  if (!client.has_manifest(target, manifest.descriptor.digest))
    fail(ExitCode::kNetwork, "{}: the registry accepted the manifest {} and does not have it; {}",
         session_->reference.text(), manifest.descriptor.digest.text(),
         target == tag_ ? "the tag may be protected" : refusal_note());
  const std::string& subject = answer.headers.get("oci-subject");
  return !subject.empty() && manifest.manifest.subject &&
         subject == manifest.manifest.subject->digest.text();
}

// What a registry without the referrers API wants its clients to do: an index under a tag.
void Push::list_referrers() {
  const std::string target = "sha256-" + model_.descriptor.digest.hex();
  RegistryClient client(session_);
  for (int attempt = 0; attempt < kFallbackTries; attempt++) {
    std::optional<RemoteManifest> old = client.manifest(target);
    Json entries = Json::array();
    Json document = Json::object();
    std::vector<std::string> there;
    if (old) {
      parse_index(old->bytes, target);  // refuses what is none
      document = parse_json(old->bytes, target);
      for (const Json& entry : document.find("manifests")->items(target)) {
        there.push_back(entry.find("digest")->as_string(target));
        entries.push(entry);
      }
    }
    bool changed = false;
    for (const LocalManifest& referrer : referrers_) {
      const Descriptor& descriptor = referrer.descriptor;
      if (std::find(there.begin(), there.end(), descriptor.digest.text()) != there.end()) continue;
      Json annotations = Json::object();
      for (const auto& [key, value] : referrer.manifest.annotations)
        annotations.set(key, value);
      entries.push(Json::object()
                       .set("mediaType", descriptor.media_type)
                       .set("digest", descriptor.digest.text())
                       .set("size", descriptor.size)
                       .set("artifactType", descriptor.artifact_type)
                       .set("annotations", std::move(annotations)));
      changed = true;
    }
    // Another client may have written between our reading and writing: read again until ours stay.
    if (!changed) return;
    document.set("schemaVersion", 2).set("mediaType", kIndexType);
    document.set("manifests", std::move(entries));
    const std::string bytes = canonical_json(document);
    HttpRequest request;
    request.method = "PUT";
    request.url = client.url("/manifests/" + target);
    request.headers.add("Content-Type", std::string(kIndexType));
    request.body = http_body(bytes);
    request.follow = false;
    HttpAnswer answer = client.send(request);
    if (!answer.ok()) client.refuse(request, answer, refusal_note());
  }
  fail(ExitCode::kNetwork, "{}: the list of referrers {} does not keep what is written; {}",
       session_->reference.text(), target, refusal_note());
}

void Push::send_manifests() {
  put_manifest(model_, model_.descriptor.digest.text());
  bool listed = true;
  for (const LocalManifest& referrer : referrers_)
    if (!put_manifest(referrer, referrer.descriptor.digest.text())) listed = false;
  if (!listed) list_referrers();
  // Whoever sees the tag finds everything, signatures included.
  put_manifest(model_, tag_);
}

TransferSummary Push::run() {
  auto start = std::chrono::steady_clock::now();
  summary_.manifest = model_.descriptor.digest;
  summary_.tag = tag_;
  summary_.referrers = referrers_.size();
  const Annotations& annotations = model_.manifest.annotations;
  if (auto version = annotations.find("org.opencontainers.image.version");
      version != annotations.end())
    summary_.version = version->second;
  std::vector<Descriptor> absent = absent_blobs();
  if (options_.dry_run) {
    summary_.blobs_present = blobs_.size() - absent.size();
    summary_.missing = std::move(absent);
  } else {
    send_blobs(absent);
    send_manifests();
  }
  summary_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(summary_);
}

}  // namespace

TransferSummary push(const LayoutPlace& place, const std::string& reference,
                     const RegistryOptions& options, Reporter& reporter) {
  return Push(place, reference, options, reporter).run();
}

}  // namespace mlc
