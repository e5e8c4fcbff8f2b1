#include "runtime-min/bandwidth.h"

#include <algorithm>
#include <chrono>

#include "base/parallel.h"

namespace mlc {
namespace {

// 256 MiB are twice the largest caches of processors and five times those of GPUs.
constexpr std::uint64_t kBufferBytes = std::uint64_t{256} << 20;
constexpr std::uint32_t kWidth = 4096;  // elements in a row
constexpr std::uint64_t kRowBytes = kWidth * 4;
constexpr unsigned kLeastRuns = 3, kMostRuns = 50;
constexpr double kSeconds = 0.5;

}  // namespace

CopyBandwidth measure_copy(Device& device) {
  const DeviceInfo& info = device.info();
  std::uint64_t bytes = std::min({kBufferBytes, info.max_buffer_bytes, info.max_binding_bytes});
  // A quarter for both leaves room for what else there is.
  if (info.memory_bytes > 0) bytes = std::min(bytes, info.memory_bytes / 8);
  auto rows = static_cast<std::uint32_t>(std::max<std::uint64_t>(bytes / kRowBytes, 1));
  bytes = rows * kRowBytes;

  std::unique_ptr<Buffer> from = device.make_buffer(bytes, BufferUse::kDevice);
  std::unique_ptr<Buffer> to = device.make_buffer(bytes, BufferUse::kDevice);
  Dispatch copy{.kernel = Kernel::kCopy, .label = "copy"};
  copy.words = {rows, kWidth, kWidth, 0, kWidth, 0};
  auto record = [&](Buffer* source, Buffer* target) {
    copy.buffers[0] = {.buffer = source, .offset = 0, .bytes = bytes};
    copy.buffers[1] = {.buffer = target, .offset = 0, .bytes = bytes};
    return device.record({copy});
  };
  std::unique_ptr<Program> program = record(from.get(), to.get());
  // Compiles; and pages that were never written may all be one page of zeros, which lies in a
  // cache.
  device.run(*program);
  device.run(*record(to.get(), from.get()));

  CopyBandwidth found{.bytes_per_second = 0, .buffer_bytes = bytes, .runs = 0};
  double total = 0;
  while (found.runs < kMostRuns && (found.runs < kLeastRuns || total < kSeconds)) {
    throw_if_cancelled();
    std::vector<std::uint64_t> nanoseconds;
    device.run(*program, &nanoseconds);
    double seconds = nanoseconds.empty() ? 0 : static_cast<double>(nanoseconds[0]) * 1e-9;
    if (seconds <= 0) break;  // a device without a clock
    found.bytes_per_second =
        std::max(found.bytes_per_second, 2 * static_cast<double>(bytes) / seconds);
    found.runs++;
    total += seconds;
  }
  return found;
}

}  // namespace mlc
