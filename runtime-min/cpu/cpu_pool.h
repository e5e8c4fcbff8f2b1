// Threads that stay: between two tokens they spin for a moment, then sleep.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace mlc {

// One turn of a loop that waits for another thread: tells the core, and after a while gives it to
// whoever needs it, since the awaited thread may be one that waits for a core.
class Spin {
 public:
  void turn();
  std::uint32_t turns() const { return turns_; }

 private:
  std::uint32_t turns_ = 0;
};

class CpuPool {
 public:
  // `threads` counts the caller of run(). When the system refuses threads, there are fewer.
  explicit CpuPool(unsigned threads);
  ~CpuPool();
  CpuPool(const CpuPool&) = delete;
  CpuPool& operator=(const CpuPool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  // Calls job() in this thread, and in those workers that are awake before it returns here: the
  // job must hand out work in such a way that one thread alone can finish it. Returns when nobody
  // is in the job any more. The job must not throw.
  void run(const std::function<void()>& job);

 private:
  void work();

  // The job's number (upper half), bit 31: workers may enter, and how many are in it. One word, so
  // that closing a job and entering it can't cross.
  std::atomic<std::uint64_t> state_{0};
  std::atomic<std::uint32_t> bell_{0};  // changes with each job: what sleepers wait on
  std::atomic<bool> stop_{false};
  const std::function<void()>* job_ = nullptr;
  std::vector<std::thread> workers_;
};

}  // namespace mlc
