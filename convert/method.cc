#include "convert/method.h"

#include <algorithm>
#include <array>

namespace mlc {
namespace {

constexpr std::array kMethods = {
    Method{"rtn", group_quantize, false, "round to nearest: the values of mlc_llm"},
    Method{"search", group_quantize_search, true,
           "smaller error in the same format: best of many scales, all codes, either sign"},
};

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view name) {
  auto row = std::find_if(kMethods.begin(), kMethods.end(),
                          [&](const Method& m) { return m.name == name; });
  return row == kMethods.end() ? nullptr : &*row;
}

}  // namespace mlc
