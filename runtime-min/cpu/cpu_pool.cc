#include "runtime-min/cpu/cpu_pool.h"

#include <system_error>

namespace mlc {
namespace {

constexpr std::uint64_t kOpen = std::uint64_t{1} << 31;
constexpr std::uint64_t kInside = kOpen - 1;
constexpr std::uint64_t kNextJob = std::uint64_t{1} << 32;

// A turn takes 10 to 50 ns. A core is offered to others after about 20 us of waiting; an idle
// worker sleeps after about 200 us, in which the host has usually sampled the next token.
constexpr std::uint32_t kTurnsBeforeYield = 1000;
constexpr std::uint32_t kTurnsBeforeSleep = 1100;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Spin::turn() {
  if (turns_ < kTurnsBeforeYield)
    relax();
  else
    std::this_thread::yield();
  turns_++;
}

CpuPool::CpuPool(unsigned threads) {
  try {
    for (unsigned i = 1; i < threads; i++)
      workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // Fewer threads do the work.
  }
}

CpuPool::~CpuPool() {
  stop_ = true;
  bell_++;
  bell_.notify_all();
  for (std::thread& worker : workers_)
    worker.join();
}

void CpuPool::work() {
  std::uint32_t heard = 0;
  for (;;) {
    Spin spin;
    while (bell_.load(std::memory_order_acquire) == heard) {
      if (spin.turns() < kTurnsBeforeSleep)
        spin.turn();
      else
        bell_.wait(heard);
    }
    heard = bell_.load();
    if (stop_) return;
    std::uint64_t state = state_.load();
    while ((state & kOpen) != 0 && !state_.compare_exchange_weak(state, state + 1)) {
    }
    if ((state & kOpen) == 0) continue;
    (*job_)();
    state_--;
  }
}

void CpuPool::run(const std::function<void()>& job) {
  job_ = &job;
  state_ = ((state_ & ~kInside) + kNextJob) | kOpen;
  if (!workers_.empty()) {
    bell_++;
    bell_.notify_all();
  }
  job();
  state_ &= ~kOpen;
  Spin spin;
  while ((state_.load() & kInside) != 0)
    spin.turn();
}

}  // namespace mlc
