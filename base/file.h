// Files: whole reads at offsets, and writes that are durable or did not happen.
//
// Reading is by pread into the caller's buffer, never through a mapping: a source that shrinks or
// is replaced while it is read gives an error instead of SIGBUS, and pread from the page cache is
// no slower here than first touch of a mapping (docs/design.md, "Rejected ideas"). EINTR, EAGAIN
// and short transfers are retried; every failure is Error(kIo) with the path.
//
// A program that writes files must ignore SIGXFSZ, else a file size limit (ulimit -f) kills it
// where it would have had Error(kIo) "file too large".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

// Bytes that lie elsewhere than in a file of this machine (base/http_file.h).
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out`; the range lies inside. Thread-safe.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

class InputFile {
 public:
  // Not a file of this machine; `name` stands for the path in messages.
  InputFile(std::string name, std::shared_ptr<const ByteSource> source);
  // Regular files only (a FIFO or device is refused without blocking): Error(kIo).
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // at the time of opening
  // Fills `out` from `offset`; Error(kIo) "file ended early" when the file is shorter. Thread-safe
  // (pread).
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  // Hint that the range will be read soon; never fails.
  void will_need(std::uint64_t offset, std::uint64_t size) const;

 private:
  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::shared_ptr<const ByteSource> source_;  // instead of fd_
};

// A file of known size being written at known offsets by several threads. Created with
// O_EXCL|O_CLOEXEC, mode 0644 less the umask; its space is reserved at once where the file system
// can (bytes never written read as zero), so a full disk shows when a file is created. The
// destructor closes without syncing and leaves the file: its folder is the caller's to commit or
// remove (see OutputFolder).
class OutputFile {
 public:
  enum class Mode { kCreate, kReopen };  // kReopen: an existing regular file
  OutputFile(const std::string& path, std::uint64_t size, Mode mode = Mode::kCreate);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  void write(std::uint64_t offset, std::span<const std::byte> data);  // thread-safe (pwrite)
  void read(std::uint64_t offset, std::span<std::byte> out) const;    // what was written
  void start_writeback();  // asks the kernel to begin writing to disk; never fails
  void sync();   // fsync; a failure is final (never retried: the kernel may have dropped the pages)
  void close();  // reports close errors

 private:
  std::string path_;
  int fd_ = -1;
};

std::string read_file(const std::string& path,
                      std::uint64_t max_bytes);  // larger: Error(kBadInput)
void sync_folder(const std::string& path);
void remove_file(const std::string& path);
std::uint64_t file_size(const std::string& path);
void rename_file(const std::string& from, const std::string& to);
// Writes `to` as a whole: temporary sibling, fsync, rename, fsync of the folder.
void write_file_atomically(const std::string& to, std::string_view content);
std::uint64_t free_bytes(const std::string& folder);  // available to this user (statvfs)

}  // namespace mlc
