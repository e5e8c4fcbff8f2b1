// Memory of a thread for what a kernel prepares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace mlc {

// Grows, keeps its contents as long as nothing larger is asked for, and is aligned for any vector.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch() { release(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  float* floats(std::size_t count) {
    if (count > size_) {
      release();
      data_ = static_cast<float*>(::operator new(count * sizeof(float), kAlignment));
      size_ = count;
    }
    return data_;
  }

  // Whether it was filled for this dispatch already; if not, it is from now on.
  bool filled_for(std::uint64_t serial) {
    const bool filled = serial == serial_;
    serial_ = serial;
    return filled;
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  void release() {
    ::operator delete(data_, kAlignment);
    data_ = nullptr;
    size_ = 0;
  }

  float* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t serial_ = 0;
};

}  // namespace mlc
