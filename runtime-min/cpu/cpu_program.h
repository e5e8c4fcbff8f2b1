// Recorded dispatches, and how threads go through them.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "runtime-min/cpu/cpu_kernel.h"
#include "runtime-min/cpu/cpu_pool.h"
#include "runtime-min/device.h"

namespace mlc {

class CpuProgram : public Program {
 public:
  // kernels[i] runs dispatches[i].
  CpuProgram(std::vector<Dispatch> dispatches, const std::vector<const CpuKernel*>& kernels,
             unsigned threads);

  std::size_t size() const { return steps_.size(); }
  const std::string& label(std::size_t step) const { return dispatches_[step].label; }

  // Runs the steps [begin, end). Returns the first one that was not finished when the deadline
  // passed or a signal cancelled the run (base/parallel.h), or `end`.
  std::size_t run(CpuPool& pool, std::size_t begin, std::size_t end,
                  std::chrono::steady_clock::time_point deadline);

 private:
  // The chunks [next, end) of one thread, which stand together: so a thread reads memory in a row.
  // Threads that are done with theirs take others'. On a line of its own, as all may write it.
  struct alignas(64) Lane {
    std::atomic<std::size_t> next{0};
    std::size_t begin = 0, end = 0;
  };
  struct Step {
    const CpuKernel* kernel = nullptr;
    Arguments arguments;
    std::size_t items = 0, chunk = 1, chunks = 0;
    std::size_t after = 0;  // all steps before this one must be done: they write what it touches,
                            // or read what it writes
    std::vector<Lane> lanes;
    alignas(64) std::atomic<std::size_t> done{0};  // chunks
  };
  // What ends a run early.
  struct Watch {
    std::chrono::steady_clock::time_point deadline;
    std::atomic<bool> stop{false};
    bool over();
  };
  void work(std::size_t begin, std::size_t end, std::size_t lane, Watch& watch);
  static bool run_chunks(Step& step, Lane& lane, Watch& watch);

  std::vector<Dispatch> dispatches_;
  std::deque<Step> steps_;
};

}  // namespace mlc
