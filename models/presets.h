// Model configs that mlc_llm knows by name, so that gen_config and bench work without a checkpoint.
// A preset is a file of models/presets/; the program carries them all.
#pragma once

#include <span>
#include <string_view>

namespace mlc {

struct Preset {
  std::string_view name;  // "llama2_7b"
  std::string_view text;  // its config.json
};

std::span<const Preset> presets();                 // ordered by name
const Preset* find_preset(std::string_view name);  // null if unknown

}  // namespace mlc
