// A safetensors file: any bytes are refused, or the tensors tile the data exactly.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "convert/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view file(reinterpret_cast<const char*>(data), size);
  try {
    std::uint64_t length = mlc::safetensors_header_length(file.substr(0, 512), size, "fuzz");
    auto tensors = mlc::parse_safetensors_header(file.substr(8, length), size, "fuzz");
    std::uint64_t end = 8 + length;
    for (const mlc::SourceTensor& t : tensors) {
      if (t.offset != end || t.shape.size() > 8) __builtin_trap();
      if (t.nbytes != static_cast<std::uint64_t>(t.elements()) * mlc::size_of(t.dtype))
        __builtin_trap();
      end += t.nbytes;
    }
    if (end != size) __builtin_trap();
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput && e.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
