// Scales of whole tensors, read as the scales of their blocks.
#pragma once

#include <memory>
#include <vector>

#include "convert/source.h"

namespace mlc {

// Each of the n elements of a plain tensor repeated so that there are `elements`, as float32.
class SpreadScale : public ElementReader {
 public:
  // `tensor` is one of the checkpoint's own; n divides `elements`.
  SpreadScale(const Checkpoint& checkpoint, const SourceTensor& tensor, std::int64_t elements);
  // Reading checks from now on that the other is equal as numpy's allclose sees it,
  // |a - b| <= 1e-8 + 1e-5 |b|; Error(kBadInput) names both.
  void must_equal(std::shared_ptr<const SpreadScale> other) { equal_.push_back(std::move(other)); }

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override;
  std::uint64_t scratch_bytes(std::int64_t count) const override;

 private:
  std::vector<float> values() const;

  std::shared_ptr<InputFile> file_;
  SourceTensor tensor_;
  std::int64_t repeat_;
  std::vector<std::shared_ptr<const SpreadScale>> equal_;
};

}  // namespace mlc
