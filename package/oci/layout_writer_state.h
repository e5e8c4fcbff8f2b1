// What LayoutWriter holds; for its own files alone.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "package/oci/layout.h"
#include "package/oci/writer_lock.h"

namespace mlc {

inline constexpr std::string_view kDownloadPrefix = "download-";  // of names in .mlc-partial

// Of a regular file; none when there is no such.
std::optional<std::uint64_t> regular_size(const std::string& path);

// Folders that a writer made, to be removed again if they are empty.
class MadeFolders {
 public:
  void make(const std::string& path);  // and its parents; Error(kUsage) when it is a file
  void sync_parents() const;
  void remove();
  void keep() { made_.clear(); }

 private:
  std::vector<std::string> made_;
};

struct LayoutWriter::State {
  std::string path;
  MadeFolders made;
  std::optional<WriterLock> lock;

  mutable std::mutex mutex;  // what follows
  std::set<Digest> new_blobs;
  std::map<Digest, std::uint64_t> good;  // hashed in this run, with their sizes
  std::set<Digest> downloads;            // being downloaded
  std::set<Digest> downloaded;           // finished, and new
  bool keep_downloads = true;
  bool committed = false;
  std::uint64_t written = 0;

  std::string blobs() const { return path + "/blobs/sha256"; }
  std::string blob(const Digest& digest) const { return blobs() + "/" + digest.hex(); }
  std::string partial(std::string_view name) const {
    return lock->folder() + "/" + std::string(name);
  }
  std::string download(const Digest& digest) const {
    return partial(std::string(kDownloadPrefix) + digest.hex());
  }

  void check_folder() const;
  void remove_leftovers() const;
  bool has_right_bytes(const Descriptor& expected) const;
  void place(const std::string& partial_path, const Digest& digest, std::uint64_t size,
             bool is_download);
  void roll_back();
  // The index with these entries; what they replace is gone from it.
  Index merged(Index index, std::span<const LayoutWriter::Entry> entries) const;
  void check_blobs() const;
};

}  // namespace mlc
