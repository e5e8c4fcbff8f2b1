#include "base/parallel.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

namespace mlc {
namespace {

namespace fs = std::filesystem;

TEST(Parallel, EveryIndexOnce) {
  for (unsigned threads : {0u, 1u, 2u, 3u, 8u}) {
    for (std::size_t n : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<std::atomic<int>> calls(n);
      parallel_for(threads, n, [&](std::size_t i, unsigned worker) {
        EXPECT_LT(worker, std::max(threads, 1u));
        calls[i]++;
      });
      for (auto& c : calls)
        EXPECT_EQ(c, 1);
    }
  }
}

TEST(Parallel, OneThreadIsTheCallersAndInOrder) {
  std::vector<std::size_t> order;
  auto caller = std::this_thread::get_id();
  parallel_for(1, 5, [&](std::size_t i, unsigned) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(i);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(Parallel, WorkersAreOfUseTogether) {
  // Two calls that wait for each other end only when two threads run them.
  std::atomic<int> arrived{0};
  parallel_for(2, 2, [&](std::size_t, unsigned) {
    arrived++;
    while (arrived < 2)
      std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(Parallel, TheLowestFailureIsRethrown) {
  // Indices 3 and 5 both throw; 3 waits until 5 has been handed out. There are more indices than
  // could ever be run, so that the call returns only because the rest is not begun, however long
  // the two failing threads are kept waiting for a CPU.
  std::atomic<bool> five{false};
  try {
    parallel_for(3, std::size_t{1} << 60, [&](std::size_t i, unsigned) {
      if (i == 3) {
        while (!five)
          std::this_thread::yield();
        throw std::runtime_error("three");
      }
      if (i == 5) {
        five = true;
        throw std::runtime_error("five");
      }
    });
    FAIL() << "no exception";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "three");
  }
}

TEST(Parallel, ThreadsFollowTheAffinityMask) {
  unsigned all = default_threads();
  EXPECT_GE(all, 1u);
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_LE(all, static_cast<unsigned>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &before)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(default_threads(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Parallel, CgroupQuota) {
  std::string name = (fs::temp_directory_path() / "mlc-cgroup-XXXXXX").string();
  std::string root = mkdtemp(name.data());
  fs::create_directories(root + "/a/b");
  auto limit = [&](const std::string& group, const std::string& text) {
    std::ofstream(root + group + "/cpu.max") << text << "\n";
  };
  EXPECT_EQ(cgroup_cpu_quota(root, "/a/b"), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota(root, "/"), std::nullopt);
  limit("/a/b", "max 100000");
  EXPECT_EQ(cgroup_cpu_quota(root, "/a/b"), std::nullopt);
  limit("/a/b", "150000 100000");  // one and a half CPUs keep two threads busy
  EXPECT_EQ(cgroup_cpu_quota(root, "/a/b"), 2u);
  limit("/a", "100000 100000");
  EXPECT_EQ(cgroup_cpu_quota(root, "/a/b/"), 1u);
  limit("/a", "400000 100000");  // the tightest one on the way counts
  EXPECT_EQ(cgroup_cpu_quota(root, "/a/b"), 2u);
  EXPECT_EQ(cgroup_cpu_quota(root, "/a"), 4u);
  limit("/a", "1000 100000");  // less than one is still one
  EXPECT_EQ(cgroup_cpu_quota(root, "/a"), 1u);
  limit("/a", "0 0");
  EXPECT_EQ(cgroup_cpu_quota(root, "/a"), std::nullopt);
  fs::remove_all(root);
}

TEST(Parallel, Cancelling) {
  throw_if_cancelled();
  cancel_signal = 15;
  try {
    throw_if_cancelled();
    ADD_FAILURE() << "not thrown";
  } catch (const Cancelled& cancelled) {
    EXPECT_EQ(cancelled.signal, 15);
  }
  EXPECT_THROW(parallel_for(2, 10, [](std::size_t, unsigned) { throw_if_cancelled(); }), Cancelled);
  cancel_signal = 0;
  throw_if_cancelled();
}

}  // namespace
}  // namespace mlc
