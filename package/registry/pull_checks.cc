#include "package/registry/pull_checks.h"

#include <vector>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "package/sign/referrer.h"
#include "package/sign/statement.h"
#include "package/version.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxLockFile = 4 << 20;

}  // namespace

std::string version_of(const Manifest& manifest) {
  auto found = manifest.annotations.find("org.opencontainers.image.version");
  return found == manifest.annotations.end() ? std::string() : found->second;
}

void check_min_version(const std::string& version, const std::string& least,
                       const std::string& where) {
  if (version.empty() || !is_semantic_version(version))
    fail(ExitCode::kVerify, "{}: the package's version is '{}', expected {} or later", where,
         printable(version), least);
  if (compare_versions(version, least) < 0)
    fail(ExitCode::kVerify, "{}: the package has version {}, expected {} or later", where, version,
         least);
}

void warn_of_older_version(const LayoutWriter& writer, const TransferSummary& pulled,
                           Reporter& reporter) {
  for (const Descriptor& entry : writer.index().manifests) {
    auto tag = entry.annotations.find(std::string(kRefName));
    if (tag == entry.annotations.end() || tag->second != pulled.tag ||
        entry.digest == pulled.manifest || !writer.holds(entry))
      continue;
    Layout layout(writer.path());
    std::string before = version_of(layout.manifest(entry));
    if (is_semantic_version(before) && is_semantic_version(pulled.version) &&
        compare_versions(pulled.version, before) < 0)
      reporter.warn(
          fmt::format("{} was version {} when it was pulled last, and is {} now; --min-version {} "
                      "refuses older ones",
                      pulled.tag, before, pulled.version, before));
  }
}

PackageLock::PackageLock(std::string path, std::string reference)
    : path_(std::move(path)), reference_(std::move(reference)) {}

void PackageLock::check(const Digest& found) const {
  struct stat status {};
  if (path_.empty() || stat(path_.c_str(), &status) != 0) return;
  Json lock = parse_json(read_file(path_, kMaxLockFile), path_);
  lock.members(path_);
  const Json* entry = lock.find(reference_);
  if (!entry) return;
  const Json* digest = entry->find("digest");
  const std::string where = fmt::format("{}: {}: digest", path_, reference_);
  if (!digest) bad_input("{}: missing", where);
  if (Digest expected = Digest::parse(digest->as_string(where), where); expected != found)
    fail(ExitCode::kVerify,
         "{}: the registry has {} now, {} names {}; if the change is meant, take it out of there",
         reference_, found.text(), path_, expected.text());
}

void PackageLock::record(const Digest& digest, const std::string& version) const {
  if (path_.empty()) return;
  struct stat status {};
  Json lock = Json::object();
  if (stat(path_.c_str(), &status) == 0) lock = parse_json(read_file(path_, kMaxLockFile), path_);
  if (lock.find(reference_)) return;
  Json entry = Json::object();
  entry.set("digest", digest.text());
  if (!version.empty()) entry.set("version", version);
  lock.set(reference_, std::move(entry));
  write_file_atomically(path_, dump_json(lock, 2) + "\n");
}

void check_model_signature(const Manifest& model, std::span<const SignatureCandidate> candidates,
                           const SignaturePolicy& policy, const std::string& where) {
  SignedFiles found = files_of(model, where);
  found.erase(policy.signature_file);  // it can't name itself
  std::vector<std::string> refusals;
  for (const SignatureCandidate& candidate : candidates) {
    auto type = candidate.annotations.find(std::string(kPredicateType));
    if (type != candidate.annotations.end() && type->second != kSignaturePredicate) continue;
    const std::string signature = fmt::format("{}: signature {}", where, candidate.manifest.text());
    try {
      compare_signed_files(check_signature(candidate.bundle, signature, policy), found, policy,
                           signature);
      return;
    } catch (const Error& error) {
      refusals.emplace_back(error.what());
    }
  }
  if (refusals.empty())
    fail(ExitCode::kVerify,
         "{}: nobody signed it, or the signature was taken away; nothing was "
         "fetched",
         where);
  fail(ExitCode::kVerify, "{}{}; nothing was fetched", refusals.front(),
       refusals.size() == 1
           ? std::string()
           : fmt::format(" (nor do {} other signatures hold)", refusals.size() - 1));
}

}  // namespace mlc
