#include <algorithm>
#include <cctype>
#include <cstdio>
#include <set>
#include <tuple>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "package/oci/layout_writer_state.h"

namespace mlc {
namespace {

constexpr std::string_view kMarker = R"({"imageLayoutVersion":"1.0.0"})";

std::string tag_of(const Descriptor& entry) {
  auto found = entry.annotations.find(std::string(kRefName));
  return found == entry.annotations.end() ? std::string() : found->second;
}

void write_synced(const std::string& path, std::string_view text) {
  OutputFile file(path, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  file.sync();
  file.close();
}

// Files that are to be renamed into place; those that were not are removed.
class Waiting {
 public:
  ~Waiting() {
    for (const std::string& path : paths_)
      ::unlink(path.c_str());
  }
  const std::string& add(std::string path) { return paths_.emplace_back(std::move(path)); }

 private:
  std::vector<std::string> paths_;
};

}  // namespace

bool is_tag(std::string_view text) {
  auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  return !text.empty() && text.size() <= 128 && is_word(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

Index LayoutWriter::State::merged(Index index, std::span<const LayoutWriter::Entry> entries) const {
  std::vector<Descriptor>& all = index.manifests;
  std::set<Digest> replaced;
  for (const LayoutWriter::Entry& entry : entries) {
    Descriptor added = entry.manifest;
    added.annotations.erase(std::string(kRefName));
    if (!entry.tag.empty()) {
      added.annotations[std::string(kRefName)] = entry.tag;
      std::erase_if(all, [&](const Descriptor& old) {
        if (tag_of(old) != entry.tag) return false;
        if (old.digest != added.digest) replaced.insert(old.digest);
        return true;
      });
    }
    auto stands_for_it = [&](const Descriptor& old) { return old.digest == added.digest; };
    if (!entry.tag.empty() || std::none_of(all.begin(), all.end(), stands_for_it))
      all.push_back(added);
  }
  for (const Descriptor& left : all)
    replaced.erase(left.digest);
  // Signatures and attestations of what is gone go with it.
  std::erase_if(all, [&](const Descriptor& entry) {
    if (replaced.empty() || !tag_of(entry).empty() || entry.media_type != kManifestType)
      return false;
    std::string file = blob(entry.digest);
    Manifest manifest = parse_manifest(read_file(file, kMaxManifest), printable(file, 1024));
    return manifest.subject && replaced.count(manifest.subject->digest) > 0;
  });
  auto order = [](const Descriptor& entry) {
    std::string tag = tag_of(entry);
    return std::tuple(tag.empty(), tag, entry.digest);
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Descriptor& a, const Descriptor& b) { return order(a) < order(b); });
  return index;
}

// Where locks do not work, another writer may have removed what it had made first.
void LayoutWriter::State::check_blobs() const {
  for (const auto& [digest, size] : good)
    if (regular_size(blob(digest)) != size)
      fail(ExitCode::kIo, "{}: was removed or changed by another process; run again",
           printable(blob(digest), 1024));
}

void LayoutWriter::commit(std::span<const Entry> entries) {
  State& state = *state_;
  for (const Entry& entry : entries) {
    if (!entry.tag.empty() && !is_tag(entry.tag))
      fail(
          ExitCode::kUsage,
          "'{}' is no tag: expected letters, digits, '_', '.' and '-', at most 128, with a letter, "
          "a digit or '_' first",
          printable(entry.tag));
    if (!holds(entry.manifest))
      fail(ExitCode::kBug, "{} is to be named and is not there", entry.manifest.digest.text());
  }
  const std::string index_path = state.path + "/index.json";
  const std::string marker_path = state.path + "/oci-layout";
  std::string old_index;
  const bool had_index = regular_size(index_path).has_value();
  if (had_index) old_index = read_file(index_path, kMaxManifest);
  const bool had_marker = regular_size(marker_path).has_value();

  Waiting waiting;
  const std::string new_index = waiting.add(state.partial(unique_partial_name()));
  write_synced(new_index, dump_index(state.merged(index(), entries)));
  const std::string new_marker = waiting.add(state.partial(unique_partial_name()));
  if (!had_marker) write_synced(new_marker, kMarker);
  // What brings the earlier state back must not depend on a disk that has failed.
  const std::string former_index = waiting.add(state.partial(unique_partial_name()));
  if (had_index) write_synced(former_index, old_index);
  state.check_blobs();
  sync_folder(state.blobs());
  sync_folder(state.path + "/blobs");
  state.made.sync_parents();
  bool in_place = false;
  try {
    if (!had_marker) rename_file(new_marker, marker_path);
    sync_folder(state.path);
    rename_file(new_index, index_path);
    in_place = true;
    sync_folder(state.path);
  } catch (const Error& error) {
    if (in_place) {
      // The old state again, unless the disk is gone; then nothing that the index names may go.
      try {
        if (had_index)
          rename_file(former_index, index_path);
        else
          remove_file(index_path);
      } catch (const Error&) {
        state.committed = true;
        state.lock->release();
        fail(error.code(), "{}; the earlier state of {} can't be brought back either", error.what(),
             printable(state.path, 1024));
      }
    }
    if (!had_marker) ::unlink(marker_path.c_str());
    throw;
  }
  state.committed = true;
  state.made.keep();
  state.lock->release();
}

}  // namespace mlc
