#include "models/registry.h"

#include <algorithm>

namespace mlc {

#define MLC_ARCH(file) extern const Family arch_##file;
#include "architectures.inc"
#undef MLC_ARCH

const std::vector<const Architecture*>& architectures() {
  static const std::vector<const Architecture*> kAll = [] {
    std::vector<const Architecture*> list;
#define MLC_ARCH(file)                                 \
  for (const Architecture& architecture : arch_##file) \
    list.push_back(&architecture);
#include "architectures.inc"
#undef MLC_ARCH
    std::sort(list.begin(), list.end(), [](const Architecture* a, const Architecture* b) {
      return a->model_type < b->model_type;
    });
    return list;
  }();
  return kAll;
}

std::string_view family_of(const Architecture& architecture) {
  auto holds = [&](Family family) {
    return std::any_of(family.begin(), family.end(),
                       [&](const Architecture& a) { return &a == &architecture; });
  };
#define MLC_ARCH(file) \
  if (holds(arch_##file)) return #file;
#include "architectures.inc"
#undef MLC_ARCH
  return {};
}

const Architecture* find_architecture(std::string_view model_type) {
  if (model_type.empty()) return nullptr;
  for (const Architecture* architecture : architectures()) {
    if (architecture->model_type == model_type) return architecture;
    for (std::string_view name : architecture->also_detected_as)
      if (name == model_type) return architecture;
  }
  return nullptr;
}

const Architecture* find_architecture_of_class(std::string_view class_name) {
  if (class_name.empty()) return nullptr;
  for (const Architecture* architecture : architectures())
    for (std::string_view name : architecture->class_names)
      if (name == class_name) return architecture;
  return nullptr;
}

std::vector<std::string> known_model_types() {
  std::vector<std::string> names;
  for (const Architecture* architecture : architectures())
    names.emplace_back(architecture->model_type);
  return names;
}

}  // namespace mlc
