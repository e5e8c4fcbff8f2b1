// Threads: one parallel loop, and the flag that Ctrl-C sets.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace mlc {

// Usable CPUs of this process (affinity mask and cgroup quota count), at least 1.
unsigned default_threads();

// The CPU quota of a cgroup (version 2) and of those around it, rounded up; none when unlimited.
// `mount` is where the hierarchy lies ("/sys/fs/cgroup"), `cgroup` the path within it, as
// /proc/self/cgroup names it ("/a/b").
std::optional<unsigned> cgroup_cpu_quota(const std::string& mount, const std::string& cgroup);

// Calls body(i, worker) for every i in [0, n), each once, from `threads` threads (the calling one
// among them); worker is in [0, threads). Indices are handed out in ascending order. When a call
// throws, no new index is handed out, all threads join, and the exception of the lowest index that
// threw is rethrown. When the system refuses more threads, fewer do the work.
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
