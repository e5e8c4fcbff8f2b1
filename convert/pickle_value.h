// The values that the pickle parser builds. They refer to each other by index, so shared, deeply
// nested and cyclic values need no care and no recursion.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace mlc {

using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  kNone,
  kBool,     // number
  kInt,      // number
  kIgnored,  // float, bytes, long integer, set, device: nothing that a tensor needs
  kString,   // text
  kTuple,    // items
  kList,     // items
  kDict,     // items: key, value, key, value, ...
  kGlobal,   // number: PickleGlobal; dtype
  kStorage,  // number: index of the storage
  kTensor,   // number: index of the tensor
};

enum class PickleGlobal : std::uint8_t {
  kOrderedDict,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kSize,
  kDevice,
  kSet,
  kEncode,
  kStorageType,  // dtype says of what
  kUntypedStorage,
  kDType,
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  DType dtype = DType::kF32;
  std::int64_t number = 0;
  std::string_view text = {};  // into the pickle
  std::vector<PickleId> items = {};
};

}  // namespace mlc
