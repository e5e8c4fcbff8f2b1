// An npz file: any bytes are refused, or every array lies within the file and can be read. An input
// that starts like an array is put into an archive first, since mutations seldom keep a checksum.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "convert/npz.h"
#include "tests/unit/npz_archive.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with('\x93')) bytes = mlc::test::npz_of("w.npy", bytes);
  mlc::RandomAccess file{"fuzz", bytes.size(),
                         [&bytes](std::uint64_t at, std::span<std::byte> out) {
                           if (at > bytes.size() || out.size() > bytes.size() - at)
                             __builtin_trap();
                           if (!out.empty()) std::memcpy(out.data(), bytes.data() + at, out.size());
                         }};
  try {
    for (const mlc::SourceTensor& t : mlc::read_npz(file)) {
      if (t.nbytes > bytes.size()) __builtin_trap();
      std::vector<std::byte> out(static_cast<std::size_t>(t.elements()) * mlc::size_of(t.dtype));
      t.reader->read(0, t.elements(), out);
    }
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
