#include "convert/torch_storage.h"

#include <algorithm>
#include <cstring>

#include <zlib.h>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;  // for reading only to check

std::uint32_t crc_of(std::uint32_t seed, std::span<const std::byte> bytes) {
  // Safe: zlib reads bytes.
  return static_cast<std::uint32_t>(
      crc32_z(seed, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// The bfloat16 values in the second half of `out` become float32 in all of it. Going up, a value is
// written over others only after they were read: 4 i + 4 <= 2 n + 2 i + 2 for i < n.
void widen_in_place(std::span<std::byte> out) {
  std::size_t n = out.size() / 4;
  const std::byte* from = out.data() + 2 * n;
  for (std::size_t i = 0; i < n; i++) {
    std::uint16_t narrow = 0;
    std::memcpy(&narrow, from + 2 * i, 2);
    std::uint32_t wide = std::uint32_t{narrow} << 16;
    std::memcpy(out.data() + 4 * i, &wide, 4);
  }
}

struct Axis {
  std::uint64_t size, stride;  // of the storage, in elements
  std::uint64_t step;          // in the result, in elements
};

}  // namespace

void TorchStorage::check(std::uint32_t crc) const {
  if (crc != entry_.crc)
    bad_input("{}: {}: CRC-32 is {:08x}, expected {:08x}; the file is damaged, download it again",
              file_.where, printable(entry_.name), crc, entry_.crc);
  checked_ = true;
  pieces_.clear();
}

void TorchStorage::read_counted(std::uint64_t offset, std::span<std::byte> out) const {
  file_.read(entry_.offset + offset, out);
  if (out.empty()) return;
  {
    std::lock_guard lock(mutex_);
    if (checked_) return;
  }
  Piece piece{out.size(), crc_of(0, out)};
  std::lock_guard lock(mutex_);
  if (checked_) return;
  auto next = pieces_.lower_bound(offset);
  bool again = next != pieces_.end() && next->first < offset + piece.size;
  if (next != pieces_.begin()) {
    auto before = std::prev(next);
    again |= before->first + before->second.size > offset;
    if (!again && before->first + before->second.size == offset) {
      // Two pieces of at most 2^63 bytes: the conversion to z_off_t is exact.
      piece.crc = static_cast<std::uint32_t>(
          crc32_combine(before->second.crc, piece.crc, static_cast<z_off_t>(piece.size)));
      piece.size += before->second.size;
      offset = before->first;
      pieces_.erase(before);
    }
  }
  if (again) return;  // of a second tensor, or a second param made of this one
  if (next != pieces_.end() && next->first == offset + piece.size) {
    piece.crc = static_cast<std::uint32_t>(
        crc32_combine(piece.crc, next->second.crc, static_cast<z_off_t>(next->second.size)));
    piece.size += next->second.size;
    pieces_.erase(next);
  }
  if (piece.size == entry_.size)
    check(piece.crc);
  else
    pieces_.emplace(offset, piece);
}

void TorchStorage::read_checked(std::uint64_t offset, std::span<std::byte> out) const {
  {
    std::lock_guard lock(mutex_);
    if (!checked_) {
      std::vector<std::byte> block(std::min<std::uint64_t>(kBlock, entry_.size));
      std::uint32_t crc = 0;
      for (std::uint64_t at = 0; at < entry_.size; at += block.size()) {
        auto part = std::span(block).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), entry_.size - at)));
        file_.read(entry_.offset + at, part);
        crc = crc_of(crc, part);
      }
      check(crc);
    }
  }
  file_.read(entry_.offset + offset, out);
}

bool TorchView::contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

TorchReader::TorchReader(std::shared_ptr<const TorchStorage> storage, TorchView view)
    : storage_(std::move(storage)), view_(std::move(view)), contiguous_(view_.contiguous()) {
  std::uint64_t bytes = size_of(view_.dtype);
  for (std::int64_t d : view_.shape)
    bytes *= static_cast<std::uint64_t>(d);
  whole_ = contiguous_ && bytes == storage_->size();
}

void TorchReader::read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const {
  if (count == 0) return;
  bool widen = view_.dtype == DType::kBF16;
  std::span<std::byte> stored = widen ? out.subspan(out.size() / 2) : out;
  auto from = static_cast<std::uint64_t>(first), n = static_cast<std::uint64_t>(count);
  std::uint64_t offset = (view_.offset + from) * size_of(view_.dtype);
  if (whole_)
    storage_->read_counted(offset, stored);
  else if (contiguous_)
    storage_->read_checked(offset, stored);
  else
    gather(from, n, stored);
  if (widen) widen_in_place(out);
}

std::uint64_t TorchReader::scratch_bytes(std::int64_t count) const {
  // gather() holds a run of elements, at most kBlock; the check holds a block.
  return contiguous_ && whole_
             ? 0
             : kBlock + std::min<std::uint64_t>(
                            kBlock, static_cast<std::uint64_t>(count) * size_of(view_.dtype));
}

// The range is cut into boxes: some leading indices fixed, then a range of one, then all of the
// rest. Within a box the axis of the smallest stride runs innermost, so what lies together in the
// storage is read at once.
void TorchReader::gather(std::uint64_t first, std::uint64_t count, std::span<std::byte> out) const {
  std::size_t size = size_of(view_.dtype);
  std::size_t rank = view_.shape.size();
  auto dim = [&](std::size_t i) { return static_cast<std::uint64_t>(view_.shape[i]); };
  auto stride = [&](std::size_t i) { return static_cast<std::uint64_t>(view_.strides[i]); };
  std::vector<std::byte> run;
  std::vector<std::uint64_t> index(rank);
  for (std::uint64_t done = 0; done < count;) {
    std::uint64_t base = view_.offset, rest = first + done;
    for (std::size_t i = rank; i-- > 0; rest /= dim(i)) {
      index[i] = rest % dim(i);
      base += index[i] * stride(i);
    }
    // Widen the box while whole inner dimensions fit.
    std::size_t d = rank - 1;
    std::uint64_t inner = 1;
    std::vector<Axis> axes;
    while (d > 0 && index[d] == 0 && (count - done) / inner >= dim(d)) {
      axes.push_back({dim(d), stride(d), inner});
      inner *= dim(d);
      d--;
    }
    std::uint64_t n = std::min(dim(d) - index[d], (count - done) / inner);
    axes.push_back({n, stride(d), inner});
    std::erase_if(axes, [](const Axis& a) { return a.size == 1; });
    std::sort(axes.begin(), axes.end(),
              [](const Axis& a, const Axis& b) { return a.stride > b.stride; });
    Axis last = axes.empty() ? Axis{1, 1, 1} : axes.back();
    if (!axes.empty()) axes.pop_back();
    // Elements of the innermost axis that one read of at most kBlock bytes covers.
    std::uint64_t most =
        last.stride == 0 ? last.size : std::max<std::uint64_t>(1, kBlock / size / last.stride);
    std::vector<std::uint64_t> at(axes.size());
    for (bool more = true; more;) {
      std::uint64_t from = base, to = done;
      for (std::size_t i = 0; i < axes.size(); i++) {
        from += at[i] * axes[i].stride;
        to += at[i] * axes[i].step;
      }
      for (std::uint64_t k = 0; k < last.size; k += most) {
        std::uint64_t part = std::min(most, last.size - k);
        run.resize(static_cast<std::size_t>(((part - 1) * last.stride + 1) * size));
        storage_->read_checked((from + k * last.stride) * size, run);
        for (std::uint64_t j = 0; j < part; j++)
          std::memcpy(out.data() + (to + (k + j) * last.step) * size,
                      run.data() + j * last.stride * size, size);
      }
      more = false;
      for (std::size_t i = axes.size(); i-- > 0 && !more;) {
        more = ++at[i] < axes[i].size;
        if (!more) at[i] = 0;
      }
    }
    done += n * inner;
  }
}

}  // namespace mlc
