#include "package/oci/blob_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/error.h"
#include "base/parallel.h"
#include "package/oci/layout_writer_state.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;
constexpr std::uint64_t kWriteback = std::uint64_t{8} << 20;

}  // namespace

void PartialFile::write(std::span<const std::byte> block) {
  file_.write(size_, block);
  hash_.update(block);
  size_ += block.size();
  // So that the disk is busy while the next blocks are read, and fsync finds little to do.
  if (size_ / kWriteback != (size_ - block.size()) / kWriteback) file_.start_writeback();
}

void PartialFile::rehash(std::uint64_t size) {
  std::vector<std::byte> block(kBlock);
  while (size_ < size) {
    throw_if_cancelled();
    auto piece = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, size - size_)));
    file_.read(size_, piece);
    hash_.update(piece);
    size_ += piece.size();
  }
}

Digest PartialFile::finish() {
  file_.sync();
  file_.close();
  return Digest(hash_.finish());
}

BlobFile::BlobFile(std::string path, std::uint64_t size, bool is_download, BlobHooks hooks)
    : path_(std::move(path)), reserve_(size), is_download_(is_download), hooks_(std::move(hooks)) {
  std::optional<std::uint64_t> left = is_download_ ? regular_size(path_) : std::nullopt;
  if (left && *left <= reserve_) {
    file_.emplace(path_, *left, OutputFile::Mode::kReopen);
    file_->rehash(*left);
  } else {
    BlobFile::restart();
  }
}

BlobFile::~BlobFile() {
  bool keep = is_download_ && !wrong_;
  if (!placed_ && !keep) ::unlink(path_.c_str());
  if (hooks_.done) hooks_.done();
}

void BlobFile::restart() {
  file_.reset();
  ::unlink(path_.c_str());
  file_.emplace(path_, is_download_ ? 0 : reserve_, OutputFile::Mode::kCreate);
}

Descriptor BlobFile::finish(std::string_view media_type) {
  Descriptor made;
  made.media_type = media_type;
  made.size = size();
  if (!is_download_ && reserve_ != 0 && made.size != reserve_)
    fail(ExitCode::kBug, "a blob of {} bytes was announced with {}", made.size, reserve_);
  made.digest = file_->finish();
  place(made);
  return made;
}

Descriptor BlobFile::finish(const Descriptor& expected) {
  if (size() != expected.size)
    refuse(fmt::format("{} bytes came for {}, expected {}", size(), expected.digest.text(),
                       expected.size));
  Digest found = file_->finish();
  if (found != expected.digest)
    refuse(fmt::format("the bytes that came for {} have the digest {}", expected.digest.text(),
                       found.text()));
  place(expected);
  return expected;
}

void BlobFile::refuse(const std::string& why) {
  wrong_ = true;
  throw Error(ExitCode::kVerify, why);
}

void BlobFile::place(const Descriptor& made) {
  hooks_.place(path_, made.digest, made.size);
  placed_ = true;
}

}  // namespace mlc
