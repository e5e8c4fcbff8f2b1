// What a Vulkan device does besides computing, and what can go wrong with it: on whatever drivers
// the machine has; CI has lavapipe. With the validation layer where that is installed.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime-min/vulkan/shaders.h"
#include "tests/unit/open_validated.h"

namespace mlc {
namespace {

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// As on a GPU whose memory the host doesn't see: zeroed, and copied in pieces in both directions.
TEST(VulkanDevice, StagedCopiesEqualDirectOnes) {
  auto device = open_validated();
  if (device == nullptr) return;
  set_vulkan_hooks(*device, {"", true});
  constexpr std::size_t kWords = 11'000'001;  // three stages, the last one short
  auto buffer = device->make_buffer(4 * kWords + 20, BufferUse::kDevice);
  std::vector<std::uint32_t> data(kWords), found(kWords + 5, 1);
  device->read(*buffer, 0, std::as_writable_bytes(std::span(found)));
  EXPECT_EQ(found, std::vector<std::uint32_t>(kWords + 5, 0));
  for (std::size_t i = 0; i < data.size(); i++)
    data[i] = static_cast<std::uint32_t>(i * 2654435761u);
  device->write(*buffer, 8, std::as_bytes(std::span(data)));
  device->read(*buffer, 8, std::as_writable_bytes(std::span(found).first(kWords)));
  found.resize(kWords);
  EXPECT_EQ(found, data);
}

Dispatch copy_of(Buffer& from, Buffer& to, std::uint32_t words) {
  Dispatch dispatch{Kernel::kCopy};
  dispatch.buffers[0] = {&from, 0, 4 * std::uint64_t{words}};
  dispatch.buffers[1] = {&to, 0, 4 * std::uint64_t{words}};
  dispatch.words = {1, words, 0, 0, 0, 0};
  return dispatch;
}

TEST(VulkanDevice, BarriersStandOnTrueHazardsOnly) {
  auto device = open_validated();
  if (device == nullptr) return;
  constexpr std::uint32_t kWords = 1000;
  std::vector<std::unique_ptr<Buffer>> b;
  for (int i = 0; i < 6; i++)
    b.push_back(device->make_buffer(4 * kWords, BufferUse::kDevice));
  const auto barriers = [&](std::vector<Dispatch> dispatches) {
    return vulkan_barriers(*device->record(std::move(dispatches)));
  };
  const auto copy = [&](int from, int to) {
    return copy_of(*b[static_cast<std::size_t>(from)], *b[static_cast<std::size_t>(to)], kWords);
  };
  EXPECT_EQ(barriers({copy(0, 1), copy(0, 2), copy(3, 4)}), 0u);  // readers of one buffer
  EXPECT_EQ(barriers({copy(0, 1), copy(1, 2)}), 1u);              // reads what was written
  EXPECT_EQ(barriers({copy(0, 1), copy(2, 1)}), 1u);              // written twice
  EXPECT_EQ(barriers({copy(0, 1), copy(2, 0)}), 1u);              // writes what was read
  EXPECT_EQ(barriers({copy(0, 1), copy(1, 2), copy(1, 3), copy(2, 4)}), 2u);
  Dispatch low = copy(0, 1), high = copy(2, 1);
  low.buffers[1].bytes = 2048;
  low.words[1] = 512;
  high.words[1] = 256;
  high.buffers[1] = {b[1].get(), 2048, 1024};
  EXPECT_EQ(barriers({low, high}), 0u);  // other parts of one buffer
}

TEST(VulkanDevice, TimesEveryDispatch) {
  auto device = open_validated();
  if (device == nullptr) return;
  auto from = device->make_buffer(4 << 20, BufferUse::kDevice);
  auto to = device->make_buffer(4 << 20, BufferUse::kDevice);
  auto program = device->record({copy_of(*from, *to, 1 << 20), copy_of(*from, *to, 1)});
  std::vector<std::uint64_t> best(2, ~std::uint64_t{0});
  for (int i = 0; i < 6; i++) {  // the first time with compilation; any may be interrupted
    std::vector<std::uint64_t> times;
    device->run(*program, &times);
    ASSERT_EQ(times.size(), 2u);
    for (std::size_t j = 0; j < 2; j++)
      best[j] = std::min(best[j], times[j]);
  }
  EXPECT_GT(best[0], best[1]);
  EXPECT_LT(best[0], 10'000'000'000u);
}

TEST(VulkanDevice, DamagedPipelineCacheIsIgnored) {
  const std::string folder = testing::TempDir() + "vulkan_cache." + std::to_string(::getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  DeviceOptions options;
  options.cache_folder = folder;
  const auto use = [&] {
    auto device = open_validated(options);
    if (device == nullptr) return false;
    auto a = device->make_buffer(64, BufferUse::kShared),
         b = device->make_buffer(64, BufferUse::kShared);
    const std::vector<std::uint32_t> data(16, 7);
    device->write(*a, 0, std::as_bytes(std::span(data)));
    device->run(*device->record({copy_of(*a, *b, 16)}));
    std::vector<std::uint32_t> found(16);
    device->read(*b, 0, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(found, data);
    return true;
  };
  if (!use()) return;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1u);
  const auto size = std::filesystem::file_size(files[0]);
  ASSERT_GT(size, 32u);
  EXPECT_TRUE(use());  // with the cache
  std::fstream(files[0], std::ios::in | std::ios::out).seekp(40).put('\x5a');
  EXPECT_TRUE(use());
  std::filesystem::resize_file(files[0], 10);
  EXPECT_TRUE(use());
  // A folder that isn't there is no error either.
  options.cache_folder = folder + "/missing/folder";
  EXPECT_TRUE(use());
}

TEST(VulkanDevice, RefusesWhatTheDeviceCannotDo) {
  auto device = open_validated();
  if (device == nullptr) return;
  const DeviceInfo& info = device->info();
  EXPECT_EQ(info.slice_alignment % 16, 0u);
  EXPECT_NE(failure_of([&] {
              device->make_buffer(std::uint64_t{1} << 50, BufferUse::kDevice);
            }).find("allows"),
            std::string::npos);
  EXPECT_NE(failure_of([] { open_vulkan(1000, {}); }).find("there is no device 1000"),
            std::string::npos);
  auto buffer = device->make_buffer(256, BufferUse::kDevice);
  const std::vector<std::byte> bytes(300);
  EXPECT_NE(failure_of([&] { device->write(*buffer, 0, bytes); }), "");
  Dispatch copy = copy_of(*buffer, *buffer, 8);
  copy.buffers[0].offset = 4;
  EXPECT_NE(failure_of([&] { device->record({copy}); }).find("no multiple of"), std::string::npos);
  copy.buffers[0] = {buffer.get(), 128, 256};
  EXPECT_NE(failure_of([&] { device->record({copy}); }), "");
  copy.buffers[0] = {buffer.get(), 128, 28};
  EXPECT_NE(failure_of([&] { device->record({copy}); }).find("needs 32 bytes of buffer 0"),
            std::string::npos);
}

TEST(VulkanDevice, GivesUpWhatDoesNotEndInTime) {
  auto device = open_validated();
  if (device == nullptr) return;
  constexpr std::uint32_t kWords = 16 << 20;
  auto from = device->make_buffer(4 * std::uint64_t{kWords}, BufferUse::kDevice);
  auto to = device->make_buffer(4 * std::uint64_t{kWords}, BufferUse::kDevice);
  auto program = device->record({copy_of(*from, *to, kWords)});
  device->set_timeout(std::chrono::seconds(0));
  // The copy can be done before this thread, which may be kept from a CPU, looks.
  std::string failure;
  for (int i = 0; i < 1000 && failure.empty(); i++)
    failure = failure_of([&] { device->run(*program); });
  EXPECT_NE(failure.find("did not finish"), std::string::npos);
  EXPECT_NE(failure_of([&] { device->run(*program); }).find("device lost"), std::string::npos);
}

TEST(VulkanDevice, ListsDevicesAndWhatIsMissing) {
  std::vector<std::string> missing;
  const std::vector<FoundDevice> found = list_vulkan(&missing);
  EXPECT_TRUE(!found.empty() || !missing.empty());
  for (const FoundDevice& device : found) {
    EXPECT_EQ(device.id.rfind("vulkan:", 0), 0u);
    EXPECT_EQ(device.info.backend, "vulkan");
    EXPECT_NE(device.info.name, "");
    EXPECT_GT(device.info.max_binding_bytes, 0u);
  }
  EXPECT_FALSE(kShaders.empty());
  EXPECT_EQ(find_shader("nothing of this name"), nullptr);
}

}  // namespace
}  // namespace mlc
