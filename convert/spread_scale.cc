#include "convert/spread_scale.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "quantize/cast.h"

namespace mlc {

SpreadScale::SpreadScale(const Checkpoint& checkpoint, const SourceTensor& tensor,
                         std::int64_t elements)
    : file_(checkpoint.files[tensor.file].file),
      tensor_(tensor),
      repeat_(elements / tensor.elements()) {}

std::vector<float> SpreadScale::values() const {
  auto n = static_cast<std::size_t>(tensor_.elements());
  std::vector<std::byte> bytes(n * size_of(tensor_.dtype));
  if (tensor_.reader)
    tensor_.reader->read(0, tensor_.elements(), bytes);
  else
    file_->read(tensor_.offset, bytes);
  std::vector<float> values(n);
  CastCounts counts;
  cast_elements(tensor_.dtype, bytes.data(), DType::kF32, values.data(), n, counts);
  return values;
}

void SpreadScale::read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const {
  std::vector<float> own = values();
  for (const auto& other : equal_) {
    std::vector<float> theirs = other->values();
    for (std::size_t i = 0; i < std::max(own.size(), theirs.size()); i++) {
      float a = own[own.size() == 1 ? 0 : i];
      float b = theirs[theirs.size() == 1 ? 0 : i];
      if (!(std::fabs(double{a} - b) <= 1e-8 + 1e-5 * std::fabs(double{b})))
        bad_input("tensor {} is {}, but {} is {}: layers that are joined need one activation scale",
                  printable(tensor_.name), a, printable(other->tensor_.name), b);
    }
  }
  for (std::int64_t i = 0; i < count; i++)
    std::memcpy(out.data() + static_cast<std::size_t>(i) * sizeof(float),
                &own[static_cast<std::size_t>((first + i) / repeat_)], sizeof(float));
}

// A scale per tensor, or per input block, is small; those that it is compared with are no larger.
std::uint64_t SpreadScale::scratch_bytes(std::int64_t) const {
  return static_cast<std::uint64_t>(tensor_.elements()) * 16;
}

}  // namespace mlc
