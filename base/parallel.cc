#include "base/parallel.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <sched.h>

namespace mlc {
namespace {

unsigned affinity_cpus() {
  // The kernel says EINVAL while the mask is smaller than its own; 2^16 CPUs are beyond any
  // machine.
  for (int cpus = 1024; cpus <= 65536; cpus *= 2) {
    std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(static_cast<std::size_t>(cpus)),
                                                         [](cpu_set_t* s) { CPU_FREE(s); });
    if (!set) break;
    std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    if (sched_getaffinity(0, size, set.get()) == 0)
      return static_cast<unsigned>(CPU_COUNT_S(size, set.get()));
    if (errno != EINVAL) break;
  }
  return std::thread::hardware_concurrency();
}

// This process's path in the version 2 hierarchy: the line "0::/path".
std::optional<std::string> own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line))
    if (line.starts_with("0::/")) return line.substr(3);
  return std::nullopt;
}

// What the threads of one loop share.
struct Loop {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::size_t failed_index = std::numeric_limits<std::size_t>::max();  // guarded by mutex
  std::exception_ptr failure;                                          // guarded by mutex

  void fail(std::size_t index) {
    stop = true;
    std::lock_guard lock(mutex);
    if (index > failed_index) return;
    failed_index = index;
    failure = std::current_exception();
  }
};

}  // namespace

std::optional<unsigned> cgroup_cpu_quota(const std::string& mount, const std::string& cgroup) {
  std::optional<unsigned> least;
  std::string path = cgroup;
  while (path.ends_with('/'))
    path.pop_back();
  for (;;) {
    // "QUOTA PERIOD" in microseconds, or "max PERIOD"; the root has no such file.
    std::ifstream file(mount + path + "/cpu.max");
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    if (file >> quota >> period && quota > 0 && period > 0) {
      std::uint64_t cpus = (quota - 1) / period + 1;
      auto bounded = static_cast<unsigned>(std::min<std::uint64_t>(cpus, 1u << 16));
      least = std::min(least.value_or(bounded), bounded);
    }
    if (path.empty()) return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

unsigned default_threads() {
  unsigned cpus = affinity_cpus();
  if (auto cgroup = own_cgroup())
    cpus = std::min(cpus, cgroup_cpu_quota("/sys/fs/cgroup", *cgroup).value_or(cpus));
  return std::max(cpus, 1u);
}

void parallel_for(unsigned threads, std::size_t n,
                  const std::function<void(std::size_t index, unsigned worker)>& body) {
  Loop loop;
  auto work = [&](unsigned worker) {
    while (!loop.stop) {
      std::size_t index = loop.next++;
      if (index >= n) return;
      try {
        body(index, worker);
      } catch (...) {
        loop.fail(index);
      }
    }
  };
  auto helpers = static_cast<unsigned>(std::min<std::size_t>(std::max(threads, 1u), n));
  std::vector<std::thread> pool;
  for (unsigned worker = 1; worker < helpers; worker++) {
    try {
      pool.emplace_back(work, worker);
    } catch (const std::system_error&) {
      break;
    }
  }
  work(0);
  for (auto& thread : pool)
    thread.join();
  if (loop.failure) std::rethrow_exception(loop.failure);
}

std::atomic<int> cancel_signal{0};

void throw_if_cancelled() {
  if (int signal = cancel_signal.load(std::memory_order_relaxed)) throw Cancelled{signal};
}

}  // namespace mlc
