// A safetensors file: any bytes are refused, or the tensors tile the data exactly. An input that
// starts like JSON is taken for the header of a file with 8 bytes of data, since mutations seldom
// keep the length before a header right.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "convert/safetensors.h"

namespace {

void check(std::string_view header, std::uint64_t file_size) {
  std::uint64_t end = 8 + header.size();
  for (const mlc::SourceTensor& t : mlc::parse_safetensors_header(header, file_size, "fuzz")) {
    if (t.offset != end || t.shape.size() > 8) __builtin_trap();
    if (t.nbytes != static_cast<std::uint64_t>(t.elements()) * mlc::size_of(t.dtype))
      __builtin_trap();
    end += t.nbytes;
  }
  if (end != file_size) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view file(reinterpret_cast<const char*>(data), size);
  try {
    if (file.starts_with("{\"")) {
      check(file, 8 + size + 8);
    } else {
      std::uint64_t length = mlc::safetensors_header_length(file.substr(0, 512), size, "fuzz");
      check(file.substr(8, length), size);
    }
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput && e.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
