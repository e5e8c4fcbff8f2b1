// The source tensors of params, as a checkpoint has them, without their data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "convert/source.h"
#include "models/param_spec.h"

namespace mlc {

// Of its i-th source. How the rows of a joined matrix are spread over its sources is not known to
// the param: here evenly, in multiples of `unit`, but for what remains.
inline std::vector<std::int64_t> source_shape(const ParamSpec& spec, std::size_t index,
                                              std::int64_t unit = 1) {
  std::vector<std::int64_t> shape = spec.shape;
  auto count = static_cast<std::int64_t>(spec.sources.size());
  std::int64_t even = shape.empty() ? 0 : shape[0] / unit / count * unit;
  switch (spec.op) {
    case Op::kTranspose:
      std::swap(shape[0], shape[1]);
      break;
    case Op::kConcat:
      shape[0] = index == 0 ? shape[0] - (count - 1) * even : even;
      break;
    case Op::kConcatColumns:
      even = shape[1] / count;
      shape[1] = index == 0 ? shape[1] - (count - 1) * even : even;
      break;
    case Op::kStackOfConcat:
      shape[1] /= 2;
      shape.erase(shape.begin());
      break;
    case Op::kStack:
      shape.erase(shape.begin());
      break;
    case Op::kSplitGroups:
      shape[0] = 0;
      for (std::int64_t part : spec.args.parts)
        shape[0] += spec.args.heads * part;
      break;
    case Op::kTransposeEach:
    case Op::kTransposeDeinterleaved:
      std::swap(shape[1], shape[2]);
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

// A checkpoint of the right shapes and dtypes that exists only as headers, with names in sorted
// order, as save_pretrained writes them.
inline Checkpoint headers_for(const std::vector<ParamSpec>& params) {
  std::map<std::string, DType> dtypes;
  for (const ParamSpec& spec : params)
    for (const std::string& source : spec.sources) {
      DType dtype = spec.dtype.value_or(DType::kBF16);
      dtypes[source] = dtype == DType::kU32 ? DType::kI32 : dtype;  // as AutoAWQ writes codes
    }
  Checkpoint checkpoint;
  checkpoint.folder = "memory";
  checkpoint.files.push_back({"model.safetensors", nullptr, 0});
  for (const auto& [name, shape] : source_shapes(params)) {
    SourceTensor t{.name = name, .dtype = dtypes[name], .shape = shape};
    t.nbytes = static_cast<std::uint64_t>(t.elements()) * size_of(t.dtype);
    checkpoint.files[0].elements += static_cast<std::uint64_t>(t.elements());
    checkpoint.tensors.push_back(t);
  }
  checkpoint.build_lookup();
  return checkpoint;
}

}  // namespace mlc
