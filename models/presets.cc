#include "models/presets.h"

#include <algorithm>

namespace mlc {
namespace {

constexpr Preset kPresets[] = {
#include "presets.inc"  // made by CMakeLists.txt
};

}  // namespace

std::span<const Preset> presets() { return kPresets; }

const Preset* find_preset(std::string_view name) {
  const auto* found = std::find_if(std::begin(kPresets), std::end(kPresets),
                                   [&](const Preset& preset) { return preset.name == name; });
  return found == std::end(kPresets) ? nullptr : found;
}

}  // namespace mlc
