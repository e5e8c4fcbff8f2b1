// Packages: any bytes are refused, or what was read of them holds. The first byte chooses the
// reader: manifest, index, tar (also in a zstd frame).
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "package/oci/layout_files.h"
#include "package/oci/manifest.h"

namespace {

class Memory : public mlc::ByteSource {
 public:
  explicit Memory(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }

 private:
  std::span<const std::byte> bytes_;
};

// What is read is what is written, and reads the same again.
void manifest(std::string_view text) {
  mlc::Manifest read = mlc::parse_manifest(text, "fuzz");
  if (read.layers.size() > mlc::kMaxLayers) __builtin_trap();
  std::string written = mlc::dump_manifest(read);
  if (mlc::dump_manifest(mlc::parse_manifest(written, "fuzz")) != written) __builtin_trap();
}

void index(std::string_view text) {
  std::string written = mlc::dump_index(mlc::parse_index(text, "fuzz"));
  if (mlc::dump_index(mlc::parse_index(written, "fuzz")) != written) __builtin_trap();
}

void tar(std::span<const std::byte> bytes) {
  auto files = mlc::read_layout_tar(
      std::make_shared<const mlc::InputFile>("fuzz", std::make_shared<const Memory>(bytes)));
  for (const char* name : {"index.json", "oci-layout", "x", "blobs/sha256/x"}) {
    std::optional<mlc::FilePart> part = files->find(name);
    if (!part) continue;
    if (part->offset > part->file->size() || part->size > part->file->size() - part->offset)
      __builtin_trap();
    std::string text(static_cast<std::size_t>(part->size), '\0');
    part->file->read(part->offset, std::as_writable_bytes(std::span(text)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 'm')
      manifest(text);
    else if (data[0] == 'i')
      index(text);
    else
      tar(std::as_bytes(std::span(text)));
  } catch (const mlc::Error& e) {
    // Verification: `data` of another digest, a checksum. Unsupported: sha512.
    if (e.code() != mlc::ExitCode::kBadInput && e.code() != mlc::ExitCode::kVerify &&
        e.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
