#include "package/oci/layout.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "package/oci/layout_files.h"
#include "package/oci/tar.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxMarker = 4096;  // of `oci-layout`, which has 30 bytes
constexpr std::size_t kBlock = std::size_t{1} << 20;

class FolderFiles : public LayoutFiles {
 public:
  explicit FolderFiles(std::string path) : path_(std::move(path)) {}

  std::optional<FilePart> find(const std::string& name) const override {
    std::string path = path_of(name);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      io_error(path, "stat", errno);
    }
    auto file = std::make_shared<const InputFile>(path);
    std::uint64_t size = file->size();
    return FilePart{std::move(file), 0, size};
  }
  std::string path_of(const std::string& name) const override { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string blob_name(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

std::string text_of(const FilePart& part) {
  std::string text(static_cast<std::size_t>(part.size), '\0');
  part.file->read(part.offset, std::as_writable_bytes(std::span(text)));
  return text;
}

std::string document(const LayoutFiles& files, const std::string& path, const std::string& name,
                     std::uint64_t most) {
  std::optional<FilePart> part = files.find(name);
  if (!part)
    bad_input("{}: no package: it has no {} (an OCI image layout is expected)",
              printable(path, 1024), name);
  if (part->size > most)
    bad_input("{}: {} has {} bytes, expected at most {}", printable(path, 1024), name, part->size,
              most);
  return text_of(*part);
}

std::string tag_of(const Descriptor& entry) {
  auto found = entry.annotations.find(std::string(kRefName));
  return found == entry.annotations.end() ? std::string() : found->second;
}

}  // namespace

std::unique_ptr<LayoutFiles> open_layout_folder(const std::string& path) {
  return std::make_unique<FolderFiles>(path);
}

struct Layout::State {
  std::string path;
  std::unique_ptr<LayoutFiles> files;
  Index index;

  // For messages: which blob of which package.
  std::string where(const Descriptor& blob) const {
    return fmt::format("{}: blob {}", printable(path, 1024), blob.digest.text());
  }
  FilePart open(const Descriptor& blob) const {
    std::optional<FilePart> part = files->find(blob_name(blob.digest));
    if (!part) fail(ExitCode::kVerify, "{}: missing", where(blob));
    if (part->size != blob.size)
      fail(ExitCode::kVerify, "{}: {} bytes, expected {}", where(blob), part->size, blob.size);
    return *part;
  }
  void check(const Descriptor& blob, const Digest& found) const {
    if (found != blob.digest)
      fail(ExitCode::kVerify, "{}: its bytes have the digest {}: they were changed or damaged",
           where(blob), found.text());
  }
};

Layout::Layout(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) io_error(path, "stat", errno);
    fail(ExitCode::kUsage, "{}: no such package (a layout folder or a tar of one is expected)",
         printable(path, 1024));
  }
  state_->files = S_ISDIR(status.st_mode) ? open_layout_folder(path) : open_layout_tar(path);
  std::string place = fmt::format("{}: oci-layout", printable(path, 1024));
  Json marker = parse_json(document(*state_->files, path, "oci-layout", kMaxMarker), place);
  const Json* version = marker.find("imageLayoutVersion");
  if (version == nullptr) bad_input("{}: there is no \"imageLayoutVersion\"", place);
  if (version->as_string(place + ": imageLayoutVersion") != "1.0.0")
    bad_input("{}: imageLayoutVersion is {}, expected 1.0.0", place,
              printable(version->as_string({})));
  state_->index = parse_index(document(*state_->files, path, "index.json", kMaxManifest),
                              fmt::format("{}: index.json", printable(path, 1024)));
}
Layout::~Layout() = default;
Layout::Layout(Layout&&) noexcept = default;
Layout& Layout::operator=(Layout&&) noexcept = default;

const std::string& Layout::path() const { return state_->path; }
const Index& Layout::index() const { return state_->index; }

Descriptor Layout::find(std::string_view tag) const {
  const std::vector<Descriptor>& entries = index().manifests;
  std::vector<std::string> tags;
  std::vector<Descriptor> candidates;
  for (const Descriptor& entry : entries) {
    std::string name = tag_of(entry);
    if (!name.empty()) tags.push_back(name);
    if (!tag.empty() && (name == tag || entry.digest.text() == tag)) return entry;
    if (!tag.empty() || entry.media_type != kManifestType) continue;
    auto same = [&](const Descriptor& other) { return other.digest == entry.digest; };
    if (std::none_of(candidates.begin(), candidates.end(), same) &&
        manifest(entry).artifact_type == kModelArtifact)
      candidates.push_back(entry);
  }
  if (candidates.empty() && tag.empty() && entries.size() == 1) return entries[0];
  if (candidates.size() == 1) return candidates[0];
  std::sort(tags.begin(), tags.end());
  std::string there =
      tags.empty() ? "it has no tags" : fmt::format("its tags are {}", printable_list(tags));
  if (!tag.empty())
    fail(ExitCode::kUsage, "{}: has no tag {}; {}", printable(path(), 1024), printable(tag), there);
  fail(ExitCode::kUsage, "{}: holds {} models; name one as {}:TAG; {}", printable(path(), 1024),
       candidates.size(), printable(path(), 1024), there);
}

std::vector<std::pair<Descriptor, Manifest>> Layout::referrers(const Digest& subject) const {
  std::vector<std::pair<Descriptor, Manifest>> out;
  std::set<Digest> seen;
  for (const Descriptor& entry : index().manifests) {
    if (entry.media_type != kManifestType || !seen.insert(entry.digest).second) continue;
    Manifest found = manifest(entry);
    if (found.subject && found.subject->digest == subject)
      out.emplace_back(entry, std::move(found));
  }
  return out;
}

bool Layout::holds(const Digest& digest) const {
  return state_->files->find(blob_name(digest)).has_value();
}

std::string Layout::read(const Descriptor& blob, std::uint64_t max_bytes) const {
  if (blob.size > max_bytes)
    bad_input("{}: {} bytes, expected at most {}", state_->where(blob), blob.size, max_bytes);
  std::string text = text_of(state_->open(blob));
  state_->check(blob, Digest::of(text));
  return text;
}

Manifest Layout::manifest(const Descriptor& descriptor) const {
  // An index within an index could name itself, or a million others.
  if (descriptor.media_type != kManifestType)
    bad_input("{}: is of type {}, expected {}", state_->where(descriptor),
              printable(descriptor.media_type), kManifestType);
  return parse_manifest(read(descriptor, kMaxManifest), state_->where(descriptor));
}

void Layout::stream(const Descriptor& blob,
                    const std::function<void(std::span<const std::byte>)>& take) const {
  FilePart part = state_->open(blob);
  Sha256 hash;
  std::vector<std::byte> block(
      static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, part.size)));
  for (std::uint64_t at = 0; at < part.size;) {
    throw_if_cancelled();
    std::span<std::byte> piece(block.data(), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                 block.size(), part.size - at)));
    part.file->read(part.offset + at, piece);
    hash.update(piece);
    take(piece);
    at += piece.size();
  }
  state_->check(blob, Digest(hash.finish()));
}

std::function<void(std::uint64_t, std::span<std::byte>)> Layout::reader(
    const Descriptor& blob) const {
  return [part = state_->open(blob)](std::uint64_t offset, std::span<std::byte> out) {
    part.file->read(part.offset + offset, out);
  };
}

std::string Layout::blob_path(const Digest& digest) const {
  return state_->files->path_of(blob_name(digest));
}

LayoutPlace parse_layout_place(const std::string& text) {
  struct stat status {};
  auto exists = [&](const std::string& path) { return ::stat(path.c_str(), &status) == 0; };
  if (exists(text)) return {text, ""};
  // From the right: paths may hold ':' too. "PKG@sha256:..." as well.
  for (std::size_t at = text.find_last_of(":@"); at != std::string::npos && at > 0;
       at = text.find_last_of(":@", at - 1))
    if (exists(text.substr(0, at))) return {text.substr(0, at), text.substr(at + 1)};
  return {text, ""};
}

bool is_layout(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  if (S_ISREG(status.st_mode)) return looks_like_tar(path);
  return S_ISDIR(status.st_mode) && ::stat((path + "/oci-layout").c_str(), &status) == 0 &&
         S_ISREG(status.st_mode);
}

}  // namespace mlc
