// Reference vectors: any bytes are refused, or are what is written again.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "verify/reference_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    mlc::Reference reference = mlc::parse_reference(text, "fuzz");
    std::string written = mlc::write_reference(reference);
    if (mlc::write_reference(mlc::parse_reference(written, "written")) != written) __builtin_trap();
  } catch (const mlc::Error& error) {
    if (error.code() != mlc::ExitCode::kBadInput && error.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
