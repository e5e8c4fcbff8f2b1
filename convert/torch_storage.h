// The values of a torch tensor: a view of a storage, which is one entry of the archive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "convert/source.h"
#include "convert/torch_zip.h"

namespace mlc {

// A storage whose CRC-32 is checked by what is read of it. Thread-safe.
class TorchStorage {
 public:
  TorchStorage(RandomAccess file, const ZipEntry& entry) : file_(std::move(file)), entry_(entry) {}

  std::uint64_t size() const { return entry_.size; }
  // The CRC-32 of the pieces is joined, in whatever order they come; Error(kBadInput) from the
  // read that completes a storage whose CRC-32 is wrong.
  void read_counted(std::uint64_t offset, std::span<std::byte> out) const;
  // The whole storage is checked before the first byte is given.
  void read_checked(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  struct Piece {
    std::uint64_t size;
    std::uint32_t crc;
  };
  void check(std::uint32_t crc) const;

  RandomAccess file_;
  ZipEntry entry_;
  mutable std::mutex mutex_;
  mutable std::map<std::uint64_t, Piece> pieces_;  // by offset; neighbours are joined
  mutable bool checked_ = false;
};

struct TorchView {
  DType dtype = DType::kF32;  // stored
  std::uint64_t offset = 0;   // in elements
  std::vector<std::int64_t> shape, strides;
  // Elements lie one after another, in order.
  bool contiguous() const;
};

// Decodes bfloat16 to float32, and gives every other dtype as it is.
class TorchReader : public ElementReader {
 public:
  TorchReader(std::shared_ptr<const TorchStorage> storage, TorchView view);
  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override;
  std::uint64_t scratch_bytes(std::int64_t count) const override;

 private:
  void gather(std::uint64_t first, std::uint64_t count, std::span<std::byte> out) const;

  std::shared_ptr<const TorchStorage> storage_;
  TorchView view_;
  bool contiguous_;
  bool whole_;  // contiguous, and all of the storage
};

}  // namespace mlc
