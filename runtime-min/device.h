// A device that runs kernels: Vulkan, OpenCL, or the CPU. One thread at a time may call a device
// and what it made. What a device made must be destroyed before it.
//
// Use: make buffers, write params into them, record a program once, then for every token write the
// small inputs, run, read the outputs.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime-min/kernels/kernels.h"

namespace mlc {

struct DeviceInfo {
  std::string backend;                  // "vulkan", "opencl", "cpu"
  std::string name;                     // what the driver calls it, printable
  std::string driver;                   // name and version
  bool is_cpu = false;                  // it computes on the host's processor, whatever the backend
  std::uint64_t memory_bytes = 0;       // of the device
  std::uint64_t max_buffer_bytes = 0;   // of one buffer
  std::uint64_t max_binding_bytes = 0;  // of one slice that a kernel sees
  std::uint64_t slice_alignment = 1;    // slices begin at multiples of it
  std::vector<std::string> features;    // what variants ask for: "fp16", "subgroup", ...
  std::vector<std::pair<std::string, std::string>> limits;  // for people: name and value
  // What kernels may ask of it, in the names of Vulkan's profiles and of OpenCL (docs/formats.md,
  // "Device profiles"); null: the CPU.
  Json profile = {};
  std::string kernels = {};  // whose it runs; empty: the program's own
};

class Buffer {
 public:
  virtual ~Buffer() = default;
  std::uint64_t bytes() const { return bytes_; }

 protected:
  explicit Buffer(std::uint64_t bytes) : bytes_(bytes) {}

 private:
  std::uint64_t bytes_;
};

enum class BufferUse : std::uint8_t {
  kDevice,  // params, activations, caches: near the kernels
  kShared,  // small, written or read by the host for every token
};

struct Slice {
  Buffer* buffer = nullptr;  // null: not used by this dispatch
  std::uint64_t offset = 0;  // bytes, a multiple of slice_alignment
  std::uint64_t bytes = 0;
};

struct Dispatch {
  Kernel kernel;
  std::array<Slice, kMaxBuffers> buffers = {};
  std::array<std::uint32_t, kMaxWords> words = {};
  std::string label = {};  // "layer 3 mlp.down_proj": for profiles and findings
};

// Kernels with their buffers, ready to be replayed in order. Dispatches that don't touch what an
// earlier one wrote may overlap; the backend puts barriers on true hazards only, from
// KernelInfo::written and the slices.
class Program {
 public:
  virtual ~Program() = default;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;

  // Zeroed. Error(kUnsupported) that says needed and available bytes when memory is short.
  virtual std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) = 0;

  // Blocking copies; ranges are checked. Large writes are staged in pieces.
  virtual void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  virtual void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) = 0;

  // Compiles what is missing. Error(kUnsupported) names the kernel and what the device lacks.
  virtual std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) = 0;

  // Runs and waits. Error(kUnsupported) "device lost" or when `timeout()` passes; the device is of
  // no use after that. With `nanoseconds` (one per dispatch) each dispatch is timed, alone.
  virtual void run(Program& program, std::vector<std::uint64_t>* nanoseconds = nullptr) = 0;

  // Which version of the kernel a dispatch gets: "matmul_rows8".
  virtual std::string variant_of(const Dispatch& dispatch) = 0;

  std::chrono::seconds timeout() const { return timeout_; }
  void set_timeout(std::chrono::seconds timeout) { timeout_ = timeout; }

 private:
  std::chrono::seconds timeout_{60};
};

struct KernelModules;  // kernels/kernel_modules.h

struct DeviceOptions {
  std::string device = "auto";  // auto, vulkan[:N], opencl[:N], cpu, cpu-reference
  unsigned threads = 0;         // of the CPU device; 0: all
  bool validation = false;      // Vulkan: with the validation layers; their messages are errors
  std::string cache_folder;     // of compiled pipelines; empty: none
  // Of Vulkan and OpenCL, in place of the program's own; null: those. The CPU's are functions.
  std::shared_ptr<const KernelModules> kernels = {};
  // Asked for `kernels` when the device is known, where these are null.
  std::function<std::shared_ptr<const KernelModules>(const DeviceInfo& device)> choose_kernels = {};
};

// The options with what choose_kernels says, for backends.
DeviceOptions with_chosen_kernels(const DeviceOptions& options, const DeviceInfo& device);

// auto: a GPU over Vulkan, then over OpenCL, then the CPU. Error(kUnsupported) names what is
// missing (no loader, no driver, no such number) and lists what there is; Error(kUsage) for another
// name.
std::unique_ptr<Device> open_device(const DeviceOptions& options);

// All devices that can be opened, in the order of `auto`, each with the name that opens it. What
// could not be asked stands in `missing`: "vulkan: libvulkan.so.1 is not installed".
struct FoundDevice {
  std::string id;  // "vulkan:0"
  DeviceInfo info;
};
std::vector<FoundDevice> list_devices(std::vector<std::string>* missing);

}  // namespace mlc
