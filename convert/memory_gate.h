// Lets units run while their sum stays within the limit; a unit larger than the limit runs alone.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace mlc {

class MemoryGate {
 public:
  explicit MemoryGate(std::uint64_t limit) : limit_(limit) {}
  void enter(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_use_ == 0 || in_use_ + bytes <= limit_; });
    in_use_ += bytes;
  }
  void leave(std::uint64_t bytes) {
    {
      std::lock_guard lock(mutex_);
      in_use_ -= bytes;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t limit_;
  std::uint64_t in_use_ = 0;
};

class GatePass {
 public:
  GatePass(MemoryGate& gate, std::uint64_t bytes) : gate_(gate), bytes_(bytes) {
    gate_.enter(bytes_);
  }
  ~GatePass() { gate_.leave(bytes_); }
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;

 private:
  MemoryGate& gate_;
  std::uint64_t bytes_;
};

}  // namespace mlc
