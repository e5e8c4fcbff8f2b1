#include "convert/elementwise.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/half.h"
#include "quantize/cast.h"

namespace mlc {
namespace {

// Reads and writes one element through double, which holds every narrower float exactly; x + 1 and
// x / 2^k in double then round once to the target. For float32 the double sum is not exact, but
// 53 >= 2 * 24 + 2 bits make the second rounding harmless (Figueroa, "When is double rounding
// innocuous?", 1995), and 11 and 8 bits all the more.
double load(DType dtype, const std::byte* p) {
  switch (dtype) {
    case DType::kF16: {
      std::uint16_t h;
      std::memcpy(&h, p, sizeof h);
      return static_cast<double>(f16_to_f32(h));
    }
    case DType::kBF16: {
      std::uint16_t h;
      std::memcpy(&h, p, sizeof h);
      return static_cast<double>(bf16_to_f32(h));
    }
    case DType::kF32: {
      float f;
      std::memcpy(&f, p, sizeof f);
      return static_cast<double>(f);
    }
    case DType::kF64: {
      double d;
      std::memcpy(&d, p, sizeof d);
      return d;
    }
    default:
      bad_input("dtype {} can't be added to; expected a float", name_of(dtype));
  }
}

void store(DType dtype, double value, std::byte* p) {
  switch (dtype) {
    case DType::kF16: {
      std::uint16_t h = f64_to_f16(value);
      std::memcpy(p, &h, sizeof h);
      return;
    }
    case DType::kBF16: {
      std::uint16_t h = f64_to_bf16(value);
      std::memcpy(p, &h, sizeof h);
      return;
    }
    case DType::kF32: {
      auto f = static_cast<float>(value);
      std::memcpy(p, &f, sizeof f);
      return;
    }
    default:
      std::memcpy(p, &value, sizeof value);
      return;
  }
}

}  // namespace

DType elementwise_result(const Transform& transform, DType from, DType target) {
  switch (transform.elementwise) {
    case Elementwise::kNone:
    case Elementwise::kAddOne:
      return from;
    case Elementwise::kAddOneF32:
    case Elementwise::kExpNegExp:
      return DType::kF32;
    case Elementwise::kDivPow2:
      return target;
  }
  return from;
}

void apply_elementwise(const Transform& transform, DType from, DType target, const void* src,
                       std::size_t n, std::vector<std::byte>& out) {
  DType result = elementwise_result(transform, from, target);
  std::size_t size = size_of(result);
  out.resize(n * size);
  if (n == 0) return;
  // The operand is first brought to the dtype the op computes in.
  DType operand = transform.elementwise == Elementwise::kAddOne ? from : result;
  std::vector<std::byte> widened(n * size_of(operand));
  if (operand == from) {
    std::memcpy(widened.data(), src, widened.size());
  } else {
    CastCounts ignored;
    cast_elements(from, src, operand, widened.data(), n, ignored);
  }
  double divisor = std::ldexp(1.0, static_cast<int>(transform.exponent));
  for (std::size_t i = 0; i < n; i++) {
    double x = load(operand, widened.data() + i * size_of(operand));
    std::byte* to = out.data() + i * size;
    switch (transform.elementwise) {
      case Elementwise::kNone:
        store(result, x, to);
        break;
      case Elementwise::kAddOne:
      case Elementwise::kAddOneF32:
        store(result, x + 1.0, to);
        break;
      case Elementwise::kDivPow2:
        store(result, x / divisor, to);
        break;
      case Elementwise::kExpNegExp: {
        // Each step in float32, as numpy computes on float32 arrays.
        float inner = std::exp(static_cast<float>(x));
        store(result, static_cast<double>(std::exp(-inner)), to);
        break;
      }
    }
  }
}

}  // namespace mlc
