#include "convert/source.h"

#include <algorithm>
#include <numeric>

namespace mlc {

bool ElementReader::read_lattice(std::int64_t first, std::int64_t count, std::span<std::byte> out,
                                 std::span<float>) const {
  read(first, count, out);
  return false;
}

std::int64_t SourceTensor::elements() const {
  std::int64_t n = 1;
  for (std::int64_t d : shape)
    n *= d;
  return n;
}

const SourceTensor* Checkpoint::find(std::string_view name) const {
  auto it =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](std::size_t i, std::string_view n) { return tensors[i].name < n; });
  return it == by_name_.end() || tensors[*it].name != name ? nullptr : &tensors[*it];
}

void Checkpoint::build_lookup() {
  by_name_.resize(tensors.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(),
            [&](std::size_t a, std::size_t b) { return tensors[a].name < tensors[b].name; });
}

}  // namespace mlc
