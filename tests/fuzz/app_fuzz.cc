// App bundles: any bytes are refused, or what was read of them lies within. The first byte chooses
// the reader: an object file, a tar of them, mlc-package-config.json.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "package/app/object_file.h"
#include "package/app/object_tar.h"
#include "package/app/package_config.h"
#include "package/app/static_library.h"

namespace {

void object(std::span<const std::byte> bytes) {
  mlc::ObjectFile read = mlc::read_object(bytes, "fuzz");
  const mlc::LibraryMember member{.name = "fuzz.o", .bytes = bytes, .symbols = read.symbols};
  std::string library = mlc::write_static_library(std::span(&member, 1), read.format);
  if (library.size() < bytes.size()) __builtin_trap();
}

void tar(std::string_view text) {
  const char* end = text.data() + text.size();
  for (const mlc::TarObject& one : mlc::list_object_tar(text, "fuzz")) {
    const auto* from = reinterpret_cast<const char*>(one.bytes.data());
    if (!one.bytes.empty() && (from < text.data() || from + one.bytes.size() > end))
      __builtin_trap();
    if (one.name.empty() || one.name.front() == '/' || one.name.find("..") == 0) __builtin_trap();
  }
}

void config(std::string_view text) {
  mlc::PackageConfig read = mlc::parse_package_config(mlc::parse_json(text, "fuzz"), "fuzz");
  for (const mlc::AppModel& model : read.models)
    if (model.model_id.empty() || model.model_id.find('/') != std::string::npos) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 'o')
      object(std::as_bytes(std::span(text)));
    else if (data[0] == 'c')
      config(text);
    else
      tar(text);
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
