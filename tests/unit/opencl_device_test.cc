// What can go wrong with an OpenCL device, and what then happens. Needs a driver, as
// opencl_kernels_test does.
#include "runtime-min/opencl/opencl_device.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime-min/opencl/compiler.h"

namespace mlc {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(OpenClLibrary, SaysWhatIsMissing) {
  std::string missing;
  EXPECT_EQ(load_opencl("libnot-there.so.1", &missing), nullptr);
  EXPECT_THAT(missing, HasSubstr("opencl: libnot-there.so.1 is not installed ("));
  EXPECT_EQ(load_opencl("libc.so.6", &missing), nullptr);
  EXPECT_EQ(missing, "opencl: libc.so.6 has no clBuildProgram, OpenCL 1.2 is needed");
}

TEST(OpenClLibrary, NamesErrors) {
  EXPECT_EQ(opencl_error(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES (-5)");
  EXPECT_EQ(opencl_error(-9999), "error -9999");
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class OpenClDevice : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> missing;
    if (list_opencl(&missing).empty()) GTEST_SKIP() << "skipped: " << missing.front();
  }
};

Dispatch copy_of(Slice x, Slice y, std::uint32_t width) {
  Dispatch d{Kernel::kCopy};
  d.buffers = {x, y};
  d.words = {1, width, width, 0, width, 0};
  d.label = "the copy";
  return d;
}

TEST_F(OpenClDevice, RefusesNumbersAndSlices) {
  EXPECT_THAT(error_of([] { open_opencl(99, {}); }), HasSubstr("opencl: there is no device 99"));
  const auto device = open_opencl(0, {});
  const auto buffer = device->make_buffer(4096, BufferUse::kDevice);
  const auto other = device->make_buffer(4096, BufferUse::kDevice);
  const std::uint64_t step = device->info().slice_alignment;
  const Slice first{buffer.get(), 0, 2 * step};
  EXPECT_THAT(error_of([&] {
                device->record({copy_of(first, {buffer.get(), step, step}, 16)});
              }),
              HasSubstr("copy_wide of the copy: buffers 1 and 0 overlap"));
  EXPECT_THAT(error_of([&] {
                device->record({copy_of(first, {other.get(), 4, 64}, 16)});
              }),
              HasSubstr("a slice begins at byte 4"));
  EXPECT_THAT(error_of([&] {
                device->record({copy_of(first, {other.get(), step, 4096}, 16)});
              }),
              HasSubstr("4096 bytes at"));
  EXPECT_EQ(error_of([&] { device->record({copy_of(first, first, 16)}); }), "no error");
}

TEST_F(OpenClDevice, ShowsTheLogOfAFailedBuild) {
  std::vector<std::string> missing;
  const OpenClDeviceEntry entry = opencl_devices(&missing).front();
  cl_int code = CL_SUCCESS;
  const ClContext context(opencl().clCreateContext(nullptr, 1, &entry.id, nullptr, nullptr, &code));
  ASSERT_EQ(code, CL_SUCCESS);
  OpenClCompiler compiler(context.get(), entry, DeviceOptions{});
  std::string source;
  for (int i = 0; i < 1000; i++)
    source += "__kernel void k() { no_such_\x1b_function(); }\n";
  const std::string message = error_of([&] { compiler.build("broken", source, "-cl-std=CL1.2"); });
  EXPECT_THAT(message, HasSubstr("opencl: the driver can't compile broken (-cl-std=CL1.2)"));
  EXPECT_THAT(message, HasSubstr("no_such_"));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 8000u);
}

class OpenClCache : public OpenClDevice {
 protected:
  void SetUp() override {
    OpenClDevice::SetUp();
    folder_ = fs::path(testing::TempDir()) / fmt::format("opencl-cache-{}", getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Copies 16 words with a device that keeps its programs in the folder.
  void copy_well() const {
    DeviceOptions options;
    options.cache_folder = folder_.string();
    const auto device = open_opencl(0, options);
    const auto x = device->make_buffer(64, BufferUse::kShared);
    const auto y = device->make_buffer(64, BufferUse::kShared);
    std::vector<std::byte> in(64, std::byte{7}), out(64);
    device->write(*x, 0, in);
    const auto program = device->record({copy_of({x.get(), 0, 64}, {y.get(), 0, 64}, 16)});
    device->run(*program);
    device->read(*y, 0, out);
    EXPECT_EQ(in, out);
  }
  fs::path only_file() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_))
      files.push_back(entry.path());
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? fs::path() : files.front();
  }

  fs::path folder_;
};

TEST_F(OpenClCache, IsUsedAndDamageIsMended) {
  copy_well();
  const fs::path file = only_file();
  const std::string good = read_file(file.string(), 64 << 20);
  // What is read from the cache is not written again.
  const auto long_ago = fs::last_write_time(file) - std::chrono::hours(1);
  fs::last_write_time(file, long_ago);
  copy_well();
  EXPECT_EQ(fs::last_write_time(only_file()), long_ago);

  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  for (const std::string& damaged :
       {std::string(), good.substr(0, 64), good.substr(0, good.size() - 1), flipped}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    fs::last_write_time(file, long_ago);
    copy_well();
    EXPECT_NE(fs::last_write_time(only_file()), long_ago);
  }
}

TEST_F(OpenClCache, MayBeImpossible) {
  std::ofstream(folder_) << "a file where the folder should be";
  copy_well();
  EXPECT_TRUE(fs::is_regular_file(folder_));
}

// In processes of their own, since nothing of OpenCL is of use after them.
using OpenClDeathTest = OpenClDevice;

// Four thousand million positions: minutes.
[[noreturn]] void run_without_end() {
  const auto device = open_opencl(0, {});
  const auto buffer = device->make_buffer(1 << 20, BufferUse::kDevice);
  const std::uint32_t state[4] = {0, 0, 0xFFFFFF00, 0};
  device->write(*buffer, 0, std::as_bytes(std::span(state)));
  Dispatch d{Kernel::kAttention};
  d.label = "layer 0";
  d.buffers = {Slice{buffer.get(), 0, 4096}, Slice{buffer.get(), 4096, 4096},
               Slice{buffer.get(), 8192, 16384}, Slice{buffer.get(), 24576, 16384},
               Slice{buffer.get(), 40960, 4096}};
  d.words = {1, 64, 1, 1, 1, 64, 0, 64, 0, 64, 0, 0, 0x3f800000, 0};
  const auto program = device->record({d, d});
  device->set_timeout(std::chrono::seconds(1));
  std::cerr << error_of([&] { device->run(*program); }) << '\n'
            << error_of([&] { device->run(*program); }) << '\n'
            << error_of([&] { device->write(*buffer, 0, std::as_bytes(std::span(state))); })
            << '\n';
  std::exit(7);
}

TEST_F(OpenClDeathTest, GivesUpAKernelThatDoesNotEnd) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_without_end(), testing::ExitedWithCode(7),
              "opencl: no result after 1 s, at one of 2 kernels\n"
              "opencl: device lost: an earlier kernel did not end\n"
              "opencl: device lost");
}

}  // namespace
}  // namespace mlc
