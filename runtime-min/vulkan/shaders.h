// The SPIR-V that CMake makes of runtime-min/kernels/*.comp (generated/spirv.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace mlc {

struct Shader {
  std::string_view name;
  std::span<const std::uint32_t> words;
};

// Ordered by name.
extern const std::span<const Shader> kShaders;

// Null: there is none of this name. In kernels/kernel_modules.cc.
const Shader* find_shader(std::string_view name);

}  // namespace mlc
