// All architectures; each file of models/arch/ adds its own (CMakeLists.txt).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/architecture.h"

namespace mlc {

// Ordered by model_type.
const std::vector<const Architecture*>& architectures();

// The architectures that share tables: the name of the file in models/arch/, "qwen3_5".
std::string_view family_of(const Architecture& architecture);

// By the registry's name or by a name that is detected as it; null if unknown.
const Architecture* find_architecture(std::string_view model_type);

// By an entry of config.json's `architectures`; null if unknown.
const Architecture* find_architecture_of_class(std::string_view class_name);

// All names of the registry, ordered.
std::vector<std::string> known_model_types();

}  // namespace mlc
