// A blob on its way into a layout: written at the end, hashed as it comes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/file.h"
#include "package/oci/layout.h"

namespace mlc {

// What a blob needs of its writer.
struct BlobHooks {
  std::function<void(const std::string& path, const Digest&, std::uint64_t size)> place;
  std::function<void()> done;  // the blob ends, finished or not; may be null
};

class PartialFile {
 public:
  PartialFile(const std::string& path, std::uint64_t size, OutputFile::Mode mode)
      : file_(path, size, mode) {}
  void write(std::span<const std::byte> block);
  // Takes in what an earlier run left.
  void rehash(std::uint64_t size);
  Digest finish();  // synced and closed
  std::uint64_t size() const { return size_; }

 private:
  OutputFile file_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

class BlobFile : public LayoutWriter::Blob {
 public:
  // `size`: of a download, what it will have; else what is reserved, 0 if that is unknown.
  BlobFile(std::string path, std::uint64_t size, bool is_download, BlobHooks hooks);
  ~BlobFile() override;
  void write(std::span<const std::byte> block) override { file_->write(block); }
  std::uint64_t size() const override { return file_->size(); }
  void restart() override;
  Descriptor finish(std::string_view media_type) override;
  Descriptor finish(const Descriptor& expected) override;

 private:
  [[noreturn]] void refuse(const std::string& why);
  void place(const Descriptor& made);

  std::string path_;
  std::uint64_t reserve_;
  bool is_download_;
  bool wrong_ = false;
  bool placed_ = false;
  BlobHooks hooks_;
  std::optional<PartialFile> file_;
};

}  // namespace mlc
