// What the fast kernels take: whole groups one after another, wherever rows begin.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize/group_quant.h"

namespace mlc {

struct GroupRun {
  const Quantization* q = nullptr;
  const NumericRule* rule = nullptr;
  const void* src = nullptr;  // groups x group_size elements of src_dtype, any alignment
  DType src_dtype = DType::kBF16;
  std::size_t groups = 0;
  std::uint32_t* words = nullptr;
  void* scales = nullptr;  // any alignment
  bool want_error = false;
};

}  // namespace mlc
