// One zstd frame (RFC 8878) around a file, for transport.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/file.h"

namespace mlc {

// Do these bytes, a file's first ones, begin a frame of zstd, or a skippable one?
bool is_zstd(std::string_view first_bytes);

// The content of a file that is one frame, as a file without a name in $TMPDIR (else /var/tmp, else
// /tmp). Error(kBadInput): a frame that does not state its size, or that needs a dictionary or a
// window above 128 MiB; a skippable frame, a second frame or any byte behind the first; one that
// ends early; content above 16 MiB that is more than 100 times as large as the file. Never is more
// written than the frame declares. Error(kVerify): its checksum is wrong.
InputFile expand_zstd(const InputFile& file);

// Compresses a stream of known size, block by block, at level 3. The output does not depend on the
// number of CPUs; it may on the version of libzstd.
class ZstdWriter {
 public:
  ZstdWriter(std::uint64_t size, std::function<void(std::span<const std::byte>)> out);
  ~ZstdWriter();
  ZstdWriter(const ZstdWriter&) = delete;
  ZstdWriter& operator=(const ZstdWriter&) = delete;
  void write(std::span<const std::byte> block);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlc
