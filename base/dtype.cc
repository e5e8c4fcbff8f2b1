#include "base/dtype.h"

#include <algorithm>
#include <array>

namespace mlc {
namespace {

constexpr std::array kDTypes = {
    DTypeInfo{DType::kF64, 8, "float64", "F64", "DoubleStorage"},
    DTypeInfo{DType::kF32, 4, "float32", "F32", "FloatStorage"},
    DTypeInfo{DType::kF16, 2, "float16", "F16", "HalfStorage"},
    DTypeInfo{DType::kBF16, 2, "bfloat16", "BF16", "BFloat16Storage"},
    DTypeInfo{DType::kF8E4M3FN, 1, "float8_e4m3fn", "F8_E4M3", "Float8_e4m3fnStorage"},
    DTypeInfo{DType::kF8E5M2, 1, "float8_e5m2", "F8_E5M2", "Float8_e5m2Storage"},
    DTypeInfo{DType::kF8E4M3FNUZ, 1, "float8_e4m3fnuz", "F8_E4M3FNUZ", ""},
    DTypeInfo{DType::kF8E5M2FNUZ, 1, "float8_e5m2fnuz", "F8_E5M2FNUZ", ""},
    DTypeInfo{DType::kF8E8M0, 1, "float8_e8m0fnu", "F8_E8M0", ""},
    DTypeInfo{DType::kI64, 8, "int64", "I64", "LongStorage"},
    DTypeInfo{DType::kI32, 4, "int32", "I32", "IntStorage"},
    DTypeInfo{DType::kI16, 2, "int16", "I16", "ShortStorage"},
    DTypeInfo{DType::kI8, 1, "int8", "I8", "CharStorage"},
    DTypeInfo{DType::kU64, 8, "uint64", "U64", ""},
    DTypeInfo{DType::kU32, 4, "uint32", "U32", ""},
    DTypeInfo{DType::kU16, 2, "uint16", "U16", ""},
    DTypeInfo{DType::kU8, 1, "uint8", "U8", "ByteStorage"},
    DTypeInfo{DType::kBool, 1, "bool", "BOOL", "BoolStorage"},
};

consteval bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kDTypes.size(); i++)
    if (kDTypes[i].dtype != static_cast<DType>(i)) return false;
  return true;
}
static_assert(rows_follow_the_enum());

template <class Field>
std::optional<DType> find(Field field, std::string_view name) {
  auto row = std::find_if(kDTypes.begin(), kDTypes.end(),
                          [&](const DTypeInfo& d) { return d.*field == name; });
  if (row == kDTypes.end()) return std::nullopt;
  return row->dtype;
}

}  // namespace

std::span<const DTypeInfo> dtypes() { return kDTypes; }
const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }
std::optional<DType> dtype_from_name(std::string_view name) { return find(&DTypeInfo::name, name); }
std::optional<DType> dtype_from_safetensors(std::string_view name) {
  return find(&DTypeInfo::safetensors, name);
}
bool is_float(DType dtype) { return dtype <= DType::kF8E8M0; }

}  // namespace mlc
