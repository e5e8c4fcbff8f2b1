// A module of a kernel bundle, or its config: any bytes are refused, or are scanned to the end and
// compared with what a variant declares. Text is taken as OpenCL C, '{' as a config.
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "package/kernels/bundle.h"
#include "package/kernels/bundle_config.h"
#include "package/kernels/module_check.h"

namespace {

void use(const std::string& bytes) {
  if (bytes.starts_with('{')) {
    const auto bundle = mlc::parse_kernel_bundle(bytes, "fuzz");
    const mlc::Json device = mlc::Json::object().set("apiVersion", "1.3");
    if (mlc::select_variant(*bundle, device, "vulkan").explained.size() != bundle->variants.size())
      __builtin_trap();
    return;
  }
  mlc::KernelVariant variant;
  variant.id = "v";
  if (bytes.starts_with('#') || bytes.starts_with('/')) {
    mlc::check_opencl_text(bytes, variant, "fuzz");
    mlc::opencl_entry_problem(bytes, {.name = "copy", .args = {}, .push = 0, .spec = 0});
    return;
  }
  const mlc::SpirvModule module =
      mlc::scan_spirv(std::as_bytes(std::span(bytes)), "fuzz", {{16, 128}});
  mlc::undeclared_need(module, variant);
  mlc::abi_problem(module, {.name = "copy", .args = {false, true}, .push = 24, .spec = 0});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    use(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const mlc::Error& e) {
    // A digest of another algorithm is not supported.
    if (e.code() != mlc::ExitCode::kBadInput && e.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
