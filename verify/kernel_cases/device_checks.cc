// What a device does besides computing.
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "verify/kernel_cases/case_data.h"

namespace mlc {
namespace {

constexpr std::size_t kWidth = 1000;

// y = alpha a + beta b, over vectors of kWidth elements.
Dispatch sum_of(Slice a, Slice b, Slice y, float alpha, float beta) {
  Dispatch d{Kernel::kCombine};
  d.buffers = {a, b, {}, y};
  const std::uint32_t w = kWidth;
  d.words = {0, 0, 1, w, w, 0, w, 0, w, 0, w, 0, word(alpha), word(beta)};
  d.label = "sum";
  return d;
}

struct Vectors {
  std::unique_ptr<Buffer> buffer;
  std::uint64_t step;

  Vectors(Device& device, std::size_t count, BufferUse use)
      : step((kWidth * 4 + device.info().slice_alignment - 1) / device.info().slice_alignment *
             device.info().slice_alignment) {
    buffer = device.make_buffer(count * step, use);
  }
  Slice operator[](std::size_t i) const { return {buffer.get(), i * step, kWidth * 4}; }
  std::vector<float> read(Device& device, std::size_t i) const {
    std::vector<float> values(kWidth);
    device.read(*buffer, i * step, std::as_writable_bytes(std::span(values)));
    return values;
  }
  void write(Device& device, std::size_t i, const std::vector<float>& values) {
    device.write(*buffer, i * step, std::as_bytes(std::span(values)));
  }
};

std::vector<float> ramp(float first) {
  std::vector<float> values(kWidth);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// Fibonacci numbers, each from what the two dispatches before it wrote; the values are whole, so
// any wrong order shows exactly. Replayed with other inputs, and timed.
std::string chain(Device& device) {
  constexpr std::size_t kCount = 24;
  Vectors v(device, kCount, BufferUse::kDevice);
  std::vector<Dispatch> dispatches;
  for (std::size_t i = 2; i < kCount; i++)
    dispatches.push_back(sum_of(v[i - 2], v[i - 1], v[i], 1, 1));
  auto program = device.record(dispatches);
  for (int turn = 0; turn < 6; turn++) {
    std::vector<float> a = ramp(static_cast<float>(turn)), b = ramp(1);
    v.write(device, 0, a);
    v.write(device, 1, b);
    std::vector<std::uint64_t> nanoseconds;
    device.run(*program, turn % 2 == 0 ? nullptr : &nanoseconds);
    if (turn % 2 == 1 && nanoseconds.size() != dispatches.size())
      return fmt::format("{} times for {} dispatches", nanoseconds.size(), dispatches.size());
    for (std::size_t i = 2; i < kCount; i++) {
      for (std::size_t j = 0; j < kWidth; j++) {
        const float next = a[j] + b[j];
        a[j] = b[j];
        b[j] = next;
      }
      if (v.read(device, i) != b) return fmt::format("turn {}: wrong after dispatch {}", turn, i);
    }
  }
  return "";
}

// A dispatch may not overwrite what an earlier one still reads, nor pass another that writes the
// same place.
std::string overwrites(Device& device) {
  Vectors v(device, 4, BufferUse::kShared);
  std::vector<Dispatch> dispatches;
  for (int i = 0; i < 8; i++) {
    dispatches.push_back(sum_of(v[0], v[1], v[2], 1, 1));   // 2 = 0 + 1
    dispatches.push_back(sum_of(v[2], v[0], v[0], 0, 1));   // 0 = 0, in place
    dispatches.push_back(sum_of(v[2], v[1], v[1], 1, 0));   // 1 = 2
    dispatches.push_back(sum_of(v[1], v[1], v[2], -1, 0));  // 2 = -1
    dispatches.push_back(sum_of(v[2], v[2], v[3], 1, 0));   // 3 = 2
  }
  auto program = device.record(dispatches);
  v.write(device, 0, ramp(1));
  v.write(device, 1, ramp(5));
  device.run(*program);
  std::vector<float> expected = ramp(5);
  for (std::size_t j = 0; j < kWidth; j++)
    expected[j] = -(expected[j] + 8 * (1 + static_cast<float>(j)));
  return v.read(device, 3) == expected ? "" : "wrong order";
}

std::string copies(Device& device) {
  for (const BufferUse use : {BufferUse::kDevice, BufferUse::kShared}) {
    // Larger than a staging piece may be, and odd.
    const std::size_t size = (std::size_t{72} << 20) + 4;
    auto buffer = device.make_buffer(use == BufferUse::kDevice ? size : 8192, use);
    const std::size_t bytes = buffer->bytes();
    std::vector<std::byte> found(bytes, std::byte{1}), data(bytes);
    device.read(*buffer, 0, found);
    if (found != data) return "a new buffer is not zero";
    Random random("copies");
    for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
      const std::uint64_t value = random.next();
      std::memcpy(&data[i], &value, 8);
    }
    device.write(*buffer, 0, data);
    const std::size_t at = bytes / 2 / 4 * 4 + 4;
    device.write(*buffer, at, std::span(data).subspan(8, 1204));
    std::memmove(&data[at], &data[8], 1204);
    device.read(*buffer, 0, found);
    if (found != data) return "read is not what was written";
    device.read(*buffer, 4, std::span(found).subspan(0, 400));
    if (std::memcmp(&data[4], found.data(), 400) != 0) return "a part read is wrong";
  }
  return "";
}

template <class F>
bool throws(const F& f) {
  try {
    f();
  } catch (const Error&) {
    return true;
  }
  return false;
}

std::string refusals(Device& device) {
  auto buffer = device.make_buffer(4096, BufferUse::kShared);
  std::vector<std::byte> bytes(64);
  if (!throws([&] { device.write(*buffer, 4040, bytes); })) return "a write behind the end passed";
  if (!throws([&] { device.read(*buffer, 4040, bytes); })) return "a read behind the end passed";
  if (!throws([&] { device.read(*buffer, ~std::uint64_t{3}, bytes); })) return "offsets wrap";
  if (!throws([&] { device.make_buffer(std::uint64_t{1} << 52, BufferUse::kDevice); }))
    return "a buffer of 4 PiB was made";
  return "";
}

}  // namespace

const std::vector<DeviceCheck>& device_checks() {
  static const std::vector<DeviceCheck> kChecks = {
      {"chain", chain}, {"overwrites", overwrites}, {"copies", copies}, {"refusals", refusals}};
  return kChecks;
}

}  // namespace mlc
