// A PyTorch file: any bytes are refused, or every tensor lies within the file and can be read. An
// input that starts like a pickle is parsed as one, since mutations seldom keep the checksums of
// an archive right.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "convert/torch_checkpoint.h"
#include "convert/torch_pickle.h"

namespace {

void check_pickle(std::string_view pickle) {
  for (const mlc::PickledTensor& t : mlc::parse_state_dict(pickle, "fuzz").tensors)
    if (t.shape.size() > 8 || t.shape.size() != t.strides.size() || t.offset < 0) __builtin_trap();
}

void check_archive(std::string_view bytes) {
  mlc::RandomAccess file{"fuzz", bytes.size(), [bytes](std::uint64_t at, std::span<std::byte> out) {
                           if (at > bytes.size() || out.size() > bytes.size() - at)
                             __builtin_trap();
                           if (!out.empty()) std::memcpy(out.data(), bytes.data() + at, out.size());
                         }};
  for (const mlc::SourceTensor& t : mlc::read_torch(file)) {
    if (t.nbytes > bytes.size()) __builtin_trap();
    std::vector<std::byte> out(static_cast<std::size_t>(t.elements()) * mlc::size_of(t.dtype));
    t.reader->read(0, t.elements(), out);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    if (bytes.starts_with('\x80'))
      check_pickle(bytes);
    else
      check_archive(bytes);
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
