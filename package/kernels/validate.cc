// What `spirv-val` checks, from Khronos' library of it.
#include <cstring>
#include <memory>
#include <vector>

#include <spirv-tools/libspirv.h>

#include "base/error.h"
#include "package/kernels/module_check.h"

namespace mlc {
namespace {

spv_target_env environment(std::string_view vulkan, bool spirv_1_4) {
  const DottedVersion version = parse_dotted(vulkan);
  if (compare(version, parse_dotted("1.3")) >= 0) return SPV_ENV_VULKAN_1_3;
  if (compare(version, parse_dotted("1.2")) >= 0) return SPV_ENV_VULKAN_1_2;
  if (compare(version, parse_dotted("1.1")) >= 0)
    return spirv_1_4 ? SPV_ENV_VULKAN_1_1_SPIRV_1_4 : SPV_ENV_VULKAN_1_1;
  return SPV_ENV_VULKAN_1_0;
}

struct Deleter {
  void operator()(spv_context context) const { spvContextDestroy(context); }
  void operator()(spv_diagnostic diagnostic) const { spvDiagnosticDestroy(diagnostic); }
};

}  // namespace

void validate_spirv(std::string_view bytes, std::string_view vulkan, bool spirv_1_4,
                    const std::string& where) {
  std::vector<std::uint32_t> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), words.size() * 4);
  const std::unique_ptr<spv_context_t, Deleter> context(
      spvContextCreate(environment(vulkan, spirv_1_4)));
  spv_diagnostic said = nullptr;
  const spv_result_t result = spvValidateBinary(context.get(), words.data(), words.size(), &said);
  const std::unique_ptr<spv_diagnostic_t, Deleter> diagnostic(said);
  if (result == SPV_SUCCESS) return;
  bad_input("{}: invalid SPIR-V for Vulkan {}: {}", where, printable(vulkan),
            diagnostic == nullptr || diagnostic->error == nullptr
                ? fmt::format("result {}", static_cast<int>(result))
                : printable(diagnostic->error, 400));
}

}  // namespace mlc
