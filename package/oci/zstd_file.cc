#include "package/oci/zstd_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "base/parallel.h"

namespace mlc {
namespace {

constexpr int kMaxWindowLog = 27;
constexpr std::uint64_t kAlwaysTaken = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxRatio = 100;
constexpr std::string_view kSkippable = "\x2A\x4D\x18";  // after a byte 0x50 to 0x5F
constexpr std::size_t kBlock = std::size_t{1} << 20;

// A file that has no name, so that it is gone with us however we end.
class NamelessFile : public ByteSource {
 public:
  explicit NamelessFile(std::uint64_t size) : size_(size) {
    const char* set = std::getenv("TMPDIR");
    for (const char* folder : {set == nullptr ? "" : set, "/var/tmp", "/tmp"}) {
      if (*folder == '\0' || fd_ >= 0) continue;
      folder_ = folder;
      fd_ = ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      if (fd_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        std::string name = folder_ + "/mlc-XXXXXX";
        fd_ = ::mkostemp(name.data(), O_CLOEXEC);
        if (fd_ >= 0) ::unlink(name.c_str());
      }
    }
    if (fd_ < 0) io_error(folder_, "make a temporary file in", errno);
    if (free_bytes(folder_) < size) {
      ::close(fd_);
      io_error(folder_, fmt::format("expand a package of {} bytes", size), ENOSPC);
    }
  }
  ~NamelessFile() override { ::close(fd_); }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    while (!out.empty()) {
      ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) io_error(folder_, "read a temporary file in", n < 0 ? errno : EIO);
      offset += static_cast<std::uint64_t>(n);
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }
  void write(std::uint64_t offset, std::span<const std::byte> block) {
    while (!block.empty()) {
      ssize_t n = ::pwrite(fd_, block.data(), block.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) io_error(folder_, "write a temporary file in", n < 0 ? errno : EIO);
      offset += static_cast<std::uint64_t>(n);
      block = block.subspan(static_cast<std::size_t>(n));
    }
  }

 private:
  std::string folder_;
  int fd_ = -1;
  std::uint64_t size_;
};

std::uint64_t declared_size(const InputFile& file, const std::string& where) {
  // The longest header has 18 bytes.
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 18)), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  if (head.substr(1, 3) == kSkippable)
    bad_input("{}: begins with a skippable frame, expected one frame of content", where);
  unsigned long long size = ZSTD_getFrameContentSize(head.data(), head.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) bad_input("{}: no whole header of a zstd frame", where);
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) bad_input("{}: its zstd frame states no size", where);
  if (ZSTD_getDictID_fromFrame(head.data(), head.size()) != 0)
    bad_input("{}: its zstd frame needs a dictionary", where);
  if (size > kAlwaysTaken && size / kMaxRatio > file.size())
    bad_input("{}: {} bytes claim to expand to {}, expected at most {} times as many", where,
              file.size(), size, kMaxRatio);
  return size;
}

[[noreturn]] void refuse(const std::string& where, std::size_t result) {
  ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
  if (code == ZSTD_error_checksum_wrong)
    fail(ExitCode::kVerify, "{}: the checksum of its zstd frame is wrong", where);
  if (code == ZSTD_error_frameParameter_windowTooLarge)
    bad_input("{}: its zstd frame needs a window above {} MiB", where, 1 << (kMaxWindowLog - 20));
  if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
  bad_input("{}: damaged zstd frame: {}", where, ZSTD_getErrorName(result));
}

}  // namespace

bool is_zstd(std::string_view first_bytes) {
  return first_bytes.substr(0, 4) == "\x28\xB5\x2F\xFD" ||
         (first_bytes.size() >= 4 && (first_bytes[0] & 0xF0) == 0x50 &&
          first_bytes.substr(1, 3) == kSkippable);
}

InputFile expand_zstd(const InputFile& file) {
  std::string where = printable(file.path(), 1024);
  std::uint64_t size = declared_size(file, where);
  auto out = std::make_shared<NamelessFile>(size);
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  std::vector<std::byte> from(kBlock), to(kBlock);
  std::uint64_t read = 0, written = 0;
  std::size_t more = 1;  // 0: the frame ended
  while (more != 0) {
    throw_if_cancelled();
    if (read == file.size()) bad_input("{}: ends within its zstd frame", where);
    std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file.size() - read));
    file.read(read, std::span(from).first(n));
    ZSTD_inBuffer in{from.data(), n, 0};
    bool full = true;  // what is left inside may fill another block
    while (more != 0 && (in.pos < in.size || full)) {
      ZSTD_outBuffer block{to.data(), to.size(), 0};
      more = ZSTD_decompressStream(context.get(), &block, &in);
      if (ZSTD_isError(more) != 0) refuse(where, more);
      full = block.pos == block.size;
      if (block.pos > size - written)
        bad_input("{}: its zstd frame holds more than the {} bytes it declares", where, size);
      out->write(written, std::span(to).first(block.pos));
      written += block.pos;
    }
    read += in.pos;
  }
  if (read != file.size())
    bad_input("{}: {} bytes behind its zstd frame, expected one frame alone", where,
              file.size() - read);
  if (written != size)
    bad_input("{}: its zstd frame holds {} bytes, but declares {}", where, written, size);
  return InputFile(file.path(), std::move(out));
}

struct ZstdWriter::State {
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::function<void(std::span<const std::byte>)> out;
  std::vector<std::byte> buffer = std::vector<std::byte>(kBlock);

  void set(ZSTD_cParameter parameter, int value) {
    std::size_t result = ZSTD_CCtx_setParameter(context.get(), parameter, value);
    if (ZSTD_isError(result) != 0)
      fail(ExitCode::kUnsupported, "this libzstd can't compress as packages are: {}",
           ZSTD_getErrorName(result));
  }
  void run(std::span<const std::byte> block, ZSTD_EndDirective end) {
    ZSTD_inBuffer in{block.data(), block.size(), 0};
    std::size_t left = 1;
    while (end == ZSTD_e_end ? left != 0 : in.pos < in.size) {
      ZSTD_outBuffer piece{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(context.get(), &piece, &in, end);
      if (ZSTD_isError(left) != 0)
        fail(ExitCode::kBug, "zstd refused to compress: {}", ZSTD_getErrorName(left));
      if (piece.pos > 0) out(std::span(buffer).first(piece.pos));
    }
  }
};

ZstdWriter::ZstdWriter(std::uint64_t size, std::function<void(std::span<const std::byte>)> out)
    : state_(std::make_unique<State>()) {
  if (!state_->context) throw std::bad_alloc();
  state_->out = std::move(out);
  state_->set(ZSTD_c_compressionLevel, 3);
  state_->set(ZSTD_c_checksumFlag, 1);
  state_->set(ZSTD_c_contentSizeFlag, 1);
  // One worker and two give the same bytes, none gives others. The size of a job bounds memory.
  state_->set(ZSTD_c_nbWorkers, 2);
  state_->set(ZSTD_c_jobSize, 4 << 20);
  ZSTD_CCtx_setPledgedSrcSize(state_->context.get(), size);
}
ZstdWriter::~ZstdWriter() = default;
void ZstdWriter::write(std::span<const std::byte> block) { state_->run(block, ZSTD_e_continue); }
void ZstdWriter::finish() { state_->run({}, ZSTD_e_end); }

}  // namespace mlc
