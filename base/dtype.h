// Element types and what each ecosystem calls them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mlc {

enum class DType : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3FN,    // OCP FP8: bias 7, no infinity, NaN = 0x7f / 0xff
  kF8E5M2,      // OCP FP8: bias 15, IEEE-like
  kF8E4M3FNUZ,  // bias 8, no negative zero, NaN = 0x80
  kF8E5M2FNUZ,  // bias 16, no negative zero, NaN = 0x80
  kF8E8M0,      // OCP MX scale: 2^(x-127), 0xff = NaN
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
};

struct DTypeInfo {
  DType dtype;
  std::size_t size;              // bytes per element
  std::string_view name;         // TVM, MLC and numpy: "float16"; what tensor-cache.json says
  std::string_view safetensors;  // "F16"; safetensors/src/tensor.rs, enum Dtype
  std::string_view torch;  // "HalfStorage"; empty where torch has no typed storage of that name
};

std::span<const DTypeInfo> dtypes();
const DTypeInfo& info(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
std::optional<DType> dtype_from_safetensors(std::string_view name);

inline std::size_t size_of(DType dtype) { return info(dtype).size; }
inline std::string_view name_of(DType dtype) { return info(dtype).name; }
bool is_float(DType dtype);

}  // namespace mlc
