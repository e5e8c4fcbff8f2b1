// --method: how codes and scales are chosen within a quantization's format.
#pragma once

#include <span>
#include <string_view>

#include "quantize/group_quant.h"

namespace mlc {

struct Method {
  std::string_view name;
  GroupQuantFn quantize;
  bool reports_error;  // its summary prints the relative error beside rtn's
  std::string_view explains;
};

std::span<const Method> methods();  // the first is the default
const Method* find_method(std::string_view name);

}  // namespace mlc
