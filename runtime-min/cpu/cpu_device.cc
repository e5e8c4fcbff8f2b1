#include "runtime-min/cpu/cpu_device.h"

#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "quantize/group_quant.h"
#include "runtime-min/cpu/cpu_kernel.h"
#include "runtime-min/cpu/cpu_memory.h"
#include "runtime-min/cpu/cpu_pool.h"
#include "runtime-min/cpu/cpu_program.h"
#include "runtime-min/cpu/fast.h"
#include "runtime-min/kernels/check_dispatch.h"

namespace mlc {
namespace {

// Slices begin where lines of the processor's cache do.
constexpr std::uint64_t kSliceAlignment = 64;

CpuChoice choose_reference(const Dispatch& dispatch) {
  return {&reference_kernel(dispatch.kernel), "reference"};
}

class CpuDevice : public Device {
 public:
  CpuDevice(DeviceInfo info, unsigned threads, ChooseCpuKernel choose)
      : info_(std::move(info)), choose_(choose), pool_(threads) {}

  const DeviceInfo& info() const override { return info_; }

  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse /*use*/) override {
    return std::make_unique<CpuBuffer>(bytes);
  }

  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (!bytes.empty())
      std::memcpy(place(buffer, offset, bytes.size()), bytes.data(), bytes.size());
  }

  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    if (!bytes.empty())
      std::memcpy(bytes.data(), place(buffer, offset, bytes.size()), bytes.size());
  }

  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    std::vector<const CpuKernel*> kernels;
    for (const Dispatch& dispatch : dispatches) {
      Extents bound{};
      for (std::size_t i = 0; i < kMaxBuffers; i++)
        if (const Slice& slice = dispatch.buffers[i]; slice.buffer != nullptr) {
          place(*slice.buffer, slice.offset, slice.bytes);
          bound[i] = slice.bytes;
          if (slice.offset % kSliceAlignment != 0)
            fail(ExitCode::kBug, "cpu: {}: a slice begins at byte {}, not at a multiple of {}",
                 dispatch.label, slice.offset, kSliceAlignment);
        }
      check_dispatch(dispatch.kernel, dispatch.words, bound, dispatch.label.c_str());
      kernels.push_back(choose_(dispatch).kernel);
    }
    return std::make_unique<CpuProgram>(std::move(dispatches), kernels, pool_.threads());
  }

  void run(Program& program, std::vector<std::uint64_t>* nanoseconds) override {
    auto& steps = static_cast<CpuProgram&>(program);
    const auto deadline = std::chrono::steady_clock::now() + timeout();
    if (nanoseconds == nullptr) {
      finish(steps, steps.run(pool_, 0, steps.size(), deadline), steps.size());
      return;
    }
    nanoseconds->clear();
    for (std::size_t i = 0; i < steps.size(); i++) {
      const auto start = std::chrono::steady_clock::now();
      finish(steps, steps.run(pool_, i, i + 1, deadline), i + 1);
      const auto took = std::chrono::steady_clock::now() - start;
      nanoseconds->push_back(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()));
    }
  }

  std::string variant_of(const Dispatch& dispatch) override {
    return fmt::format("{}_{}", info_of(dispatch.kernel).name, choose_(dispatch).variant);
  }

 private:
  static std::byte* place(const Buffer& buffer, std::uint64_t offset, std::uint64_t bytes) {
    if (offset > buffer.bytes() || bytes > buffer.bytes() - offset)
      fail(ExitCode::kBug, "cpu: {} bytes at {} of a buffer of {} bytes", bytes, offset,
           buffer.bytes());
    return static_cast<const CpuBuffer&>(buffer).data() + offset;
  }

  void finish(const CpuProgram& program, std::size_t reached, std::size_t end) const {
    if (reached == end) return;
    throw_if_cancelled();
    fail(ExitCode::kUnsupported, "cpu: no result after {} s, at {}", timeout().count(),
         program.label(reached));
  }

  DeviceInfo info_;
  ChooseCpuKernel choose_;
  CpuPool pool_;
};

DeviceInfo cpu_info() {
  DeviceInfo info;
  info.backend = "cpu";
  info.name = processor_name();
  info.is_cpu = true;
  info.memory_bytes = machine_memory().total;
  info.max_buffer_bytes = info.memory_bytes;
  info.max_binding_bytes = info.memory_bytes;
  info.slice_alignment = kSliceAlignment;
  return info;
}

unsigned threads_of(const DeviceOptions& options) {
  return options.threads == 0 ? default_threads() : options.threads;
}

DeviceInfo with_threads(DeviceInfo info, unsigned threads) {
  info.limits.emplace_back("threads", std::to_string(threads));
  return info;
}

DeviceInfo fast_info(unsigned threads) {
  DeviceInfo info = with_threads(cpu_info(), threads);
  // Better levels first.
  info.driver = fmt::format("Highway, {}", simd_levels().front());
  for (const std::string_view level : simd_levels())
    info.features.emplace_back(level);
  return info;
}

}  // namespace

std::unique_ptr<Device> open_cpu_reference(const DeviceOptions& options) {
  DeviceInfo info = with_threads(cpu_info(), threads_of(options));
  info.driver = "plain C++";
  return std::make_unique<CpuDevice>(std::move(info), threads_of(options), choose_reference);
}

CpuChoice choose_fast_kernel(const Dispatch& dispatch) {
  if (const FastKernel* fast = fast_kernel(dispatch)) return {fast->kernel, fast->variant};
  return choose_reference(dispatch);
}

std::unique_ptr<Device> open_cpu_as(ChooseCpuKernel choose, const DeviceOptions& options) {
  return std::make_unique<CpuDevice>(fast_info(threads_of(options)), threads_of(options), choose);
}

std::unique_ptr<Device> open_cpu(const DeviceOptions& options) {
  return open_cpu_as(choose_fast_kernel, options);
}

FoundDevice describe_cpu() { return {"cpu", with_threads(cpu_info(), default_threads())}; }

}  // namespace mlc
