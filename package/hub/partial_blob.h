// A blob of the hub's cache while it is made: BLOB.HOST-PID-RANDOM.incomplete, a name of its own
// for each process, so that nothing depends on locks that some network file systems only pretend to
// have. What a process left that was killed is taken over by the next one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/http_download.h"

namespace mlc {

// Held while a blob is checked and made; waits for another process that holds it. Where the file
// system has no locks, nothing is held.
class BlobLock {
 public:
  explicit BlobLock(const std::string& path);
  ~BlobLock();
  BlobLock(const BlobLock&) = delete;
  BlobLock& operator=(const BlobLock&) = delete;

 private:
  int fd_ = -1;
};

class PartialBlob final : public DownloadTarget {
 public:
  // Takes over the longest of the files that dead processes left for `blob`, if it has at most
  // `size` bytes, and removes the others.
  PartialBlob(const std::string& blob, std::uint64_t size);
  // Without keep() or commit(): removed.
  ~PartialBlob() override;
  PartialBlob(const PartialBlob&) = delete;
  PartialBlob& operator=(const PartialBlob&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const override { return size_; }
  void write(std::span<const std::byte> block) override;
  void restart() override;

  // For the next run.
  void keep() { keep_ = true; }
  void sync();
  // Becomes the blob; what was there under its name is replaced.
  void commit();

 private:
  std::string blob_, path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  bool keep_ = false;
};

}  // namespace mlc
