// An index: any bytes are refused, or every file it names stays below its folder.
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "convert/safetensors_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    mlc::SafetensorsIndex index = mlc::parse_safetensors_index(text, "fuzz");
    if (index.entries.empty() || index.files.empty()) __builtin_trap();
    for (const auto& entry : index.entries)
      if (entry.file >= index.files.size()) __builtin_trap();
    for (const std::string& file : index.files) {
      std::filesystem::path path(file);
      if (path.empty() || path.is_absolute() || path.lexically_normal() != path) __builtin_trap();
      if (*path.begin() == ".." || file.find('\0') != std::string::npos) __builtin_trap();
    }
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
