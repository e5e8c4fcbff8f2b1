#include "convert/source.h"

namespace mlc {

std::int64_t SourceTensor::elements() const {
  std::int64_t n = 1;
  for (std::int64_t d : shape)
    n *= d;
  return n;
}

const SourceTensor* Checkpoint::find(std::string_view name) const {
  auto it = lookup_.find(name);
  return it == lookup_.end() ? nullptr : &tensors[it->second];
}

void Checkpoint::build_lookup() {
  lookup_.clear();
  for (std::size_t i = 0; i < tensors.size(); i++)
    lookup_.emplace(tensors[i].name, i);
}

}  // namespace mlc
