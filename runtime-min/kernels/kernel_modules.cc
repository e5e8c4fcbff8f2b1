#include "runtime-min/kernels/kernel_modules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "runtime-min/vulkan/shaders.h"

namespace mlc {
namespace {

using Text = std::pair<std::string_view, std::string_view>;
constexpr auto kTexts = std::to_array<Text>({
#include "opencl_sources.inc"
});

constexpr std::uint32_t kSpirvMagic = 0x07230203;
constexpr std::size_t kSpirvHeader = 5;  // words

[[noreturn]] void lacks(const KernelModules* modules, std::string_view what,
                        std::string_view name) {
  const std::string whose = modules == nullptr ? "the program" : printable(modules->name);
  fail(ExitCode::kUnsupported, "kernels of {}: there is no {} \"{}\"", whose, what,
       printable(name));
}

}  // namespace

const Shader* find_shader(std::string_view name) {
  const auto found = std::lower_bound(
      kShaders.begin(), kShaders.end(), name,
      [](const Shader& shader, std::string_view wanted) { return shader.name < wanted; });
  return found != kShaders.end() && found->name == name ? &*found : nullptr;
}

KernelModules own_kernel_modules() {
  KernelModules modules;
  modules.name = "the program";
  for (const Shader& shader : kShaders)
    modules.spirv.emplace(shader.name,
                          std::vector<std::uint32_t>(shader.words.begin(), shader.words.end()));
  for (const Text& text : kTexts)
    modules.opencl.emplace(text.first, text.second);
  return modules;
}

std::span<const std::uint32_t> spirv_module(const KernelModules* modules, std::string_view shader) {
  if (modules == nullptr) {
    const Shader* own = find_shader(shader);
    if (own == nullptr) lacks(modules, "SPIR-V module", shader);
    return own->words;
  }
  const auto found = modules->spirv.find(shader);
  if (found == modules->spirv.end()) lacks(modules, "SPIR-V module", shader);
  const std::vector<std::uint32_t>& words = found->second;
  if (words.size() <= kSpirvHeader || words[0] != kSpirvMagic)
    fail(ExitCode::kUnsupported, "kernels of {}: \"{}\" is no SPIR-V module",
         printable(modules->name), printable(shader));
  return words;
}

std::string_view opencl_text(const KernelModules* modules, std::string_view file) {
  if (modules == nullptr) {
    const auto* own = std::find_if(kTexts.begin(), kTexts.end(),
                                   [&](const Text& text) { return text.first == file; });
    if (own == kTexts.end()) lacks(modules, "OpenCL file", file);
    return own->second;
  }
  const auto found = modules->opencl.find(file);
  if (found == modules->opencl.end()) lacks(modules, "OpenCL file", file);
  return found->second;
}

}  // namespace mlc
