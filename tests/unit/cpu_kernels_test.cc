#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/parallel.h"
#include "quantize/group_quant.h"
#include "runtime-min/cpu/cpu_device.h"
#include "runtime-min/cpu/cpu_pool.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {
namespace {

std::unique_ptr<Device> open(const std::string& name, unsigned threads) {
  DeviceOptions options;
  options.device = name;
  options.threads = threads;
  return open_device(options);
}

TEST(CpuKernels, ReferenceIsWithinTheBounds) {
  auto device = open("cpu-reference", 2);
  for (const KernelCase& c : all_cases())
    EXPECT_EQ(run_case(*device, c).wrong, "") << c.name;
}

TEST(CpuKernels, FastIsWithinTheBoundsAtEverySimdLevel) {
  for (const std::string_view level : simd_levels()) {
    limit_simd_level(level);
    auto device = open("cpu", 2);
    for (const KernelCase& c : all_cases())
      EXPECT_EQ(run_case(*device, c).wrong, "") << level << ": " << c.name;
  }
  limit_simd_level("");
}

// The level may change the last bits, the number of threads may not.
TEST(CpuKernels, ThreadsDontChangeBits) {
  for (const char* name : {"cpu-reference", "cpu"}) {
    auto one = open(name, 1), two = open(name, 2), three = open(name, 3);
    for (const KernelCase& c : all_cases()) {
      if (c.large) continue;
      const auto bits = run_bits(*one, c);
      EXPECT_EQ(bits, run_bits(*two, c)) << c.name;
      EXPECT_EQ(bits, run_bits(*three, c)) << c.name;
    }
  }
}

TEST(CpuKernels, EveryKernelHasCasesWithNamesOfTheirOwn) {
  std::set<Kernel> kernels;
  std::set<std::string> names;
  for (const KernelCase& c : all_cases()) {
    kernels.insert(c.kernel);
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
  }
  EXPECT_EQ(kernels.size(), kKernels.size());
}

TEST(CpuDevice, DoesWhatDevicesDo) {
  for (const char* name : {"cpu-reference", "cpu"})
    for (const unsigned threads : {1u, 2u, 5u}) {
      auto device = open(name, threads);
      for (const DeviceCheck& c : device_checks())
        EXPECT_EQ(c.run(*device), "") << c.name;
    }
}

std::string message(const std::function<void()>& call, ExitCode code) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "nothing was thrown";
}

// Enough work that a time-out of 0 s passes.
std::vector<Dispatch> long_work(Buffer& buffer) {
  std::vector<Dispatch> dispatches(40, Dispatch{Kernel::kActivate});
  for (Dispatch& d : dispatches) {
    d.buffers = {Slice{&buffer, 0, buffer.bytes()}, Slice{&buffer, 0, buffer.bytes()}};
    d.words = {0, 0, 1, static_cast<std::uint32_t>(buffer.bytes() / 4)};
    d.label = "layer 1 mlp";
  }
  return dispatches;
}

TEST(CpuDevice, StopsWhenTheTimeIsOver) {
  for (const unsigned threads : {1u, 3u}) {
    auto device = open("cpu", threads);
    auto buffer = device->make_buffer(1 << 20, BufferUse::kDevice);
    auto program = device->record(long_work(*buffer));
    device->set_timeout(std::chrono::seconds(0));
    EXPECT_EQ(message([&] { device->run(*program); }, ExitCode::kUnsupported),
              "cpu: no result after 0 s, at layer 1 mlp");
  }
}

TEST(CpuDevice, StopsWhenCancelled) {
  auto device = open("cpu", 2);
  auto buffer = device->make_buffer(1 << 20, BufferUse::kDevice);
  auto program = device->record(long_work(*buffer));
  cancel_signal = 2;
  EXPECT_THROW(device->run(*program), Cancelled);
  cancel_signal = 0;
  device->run(*program);
}

TEST(CpuDevice, NamesWhatIsNoDevice) {
  for (const char* name : {"gpu", "", "cpu:0", "cpu-reference:1"})
    EXPECT_NE(message([&] { open(name, 1); }, ExitCode::kUsage).find("is no device, expected one"),
              std::string::npos)
        << name;
}

// Many short jobs with pauses among them: workers sleep, wake up, come late.
TEST(CpuPool, EveryJobIsDoneOnce) {
  CpuPool pool(4);
  for (int job = 0; job < 300; job++) {
    std::atomic<int> next{0}, done{0};
    pool.run([&] {
      while (next.fetch_add(1) < 50)
        done++;
    });
    EXPECT_EQ(done, 50);
    if (job % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

}  // namespace
}  // namespace mlc
