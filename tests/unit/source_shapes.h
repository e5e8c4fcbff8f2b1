// The shapes of the source tensors of a param, as a checkpoint has them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/param_spec.h"

namespace mlc {

// Of its i-th source. How the rows of a joined matrix are spread over its sources is not known to
// the param: here evenly, but for what remains.
inline std::vector<std::int64_t> source_shape(const ParamSpec& spec, std::size_t index) {
  std::vector<std::int64_t> shape = spec.shape;
  auto count = static_cast<std::int64_t>(spec.sources.size());
  std::int64_t even = shape[0] / count;
  switch (spec.op) {
    case Op::kTranspose:
      std::swap(shape[0], shape[1]);
      break;
    case Op::kConcat:
      shape[0] = index == 0 ? shape[0] - (count - 1) * even : even;
      break;
    case Op::kStackOfConcat:
      shape[1] /= 2;
      shape.erase(shape.begin());
      break;
    case Op::kStack:
      shape.erase(shape.begin());
      break;
    case Op::kMlaKvBK:
    case Op::kMlaKvBV:
      shape = {spec.args.heads * (spec.args.nope + spec.args.value),
               spec.op == Op::kMlaKvBK ? shape[1] : shape[2]};
      break;
    default:
      break;
  }
  return shape;
}

inline std::map<std::string, std::vector<std::int64_t>> source_shapes(
    const std::vector<ParamSpec>& params) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const ParamSpec& spec : params)
    for (std::size_t i = 0; i < spec.sources.size(); i++)
      shapes[spec.sources[i]] = source_shape(spec, i);
  return shapes;
}

}  // namespace mlc
