// Threads: one parallel loop, and the flag that Ctrl-C sets.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace mlc {

// Usable CPUs of this process (affinity mask and cgroup quota count), at least 1.
unsigned default_threads();

// Calls body(i, worker) for every i in [0, n), each once, from `threads` threads (the calling one
// among them); worker is in [0, threads). Indices are handed out in ascending order. When a call
// throws, no new index is handed out, all threads join, and the exception of the lowest index that
// threw is rethrown.
void parallel_for(unsigned threads, std::size_t n,
                  const std::function<void(std::size_t index, unsigned worker)>& body);

// Set by the signal handler that cli installs; long loops call throw_if_cancelled() between blocks.
// The exception carries no message for the user: cli turns it into exit code 128 + signal.
struct Cancelled {
  int signal;
};
extern std::atomic<int> cancel_signal;  // 0 while running
void throw_if_cancelled();

}  // namespace mlc
