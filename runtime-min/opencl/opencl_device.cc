#include "runtime-min/opencl/opencl_device.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/units.h"
#include "runtime-min/kernels/kernel_modules.h"
#include "runtime-min/opencl/compiler.h"
#include "runtime-min/opencl/memory.h"
#include "runtime-min/opencl/platform.h"
#include "runtime-min/opencl/program.h"
#include "runtime-min/opencl/queue.h"

namespace mlc {
namespace {

// A driver may make a copy of what it is given in host memory: pieces bound that.
constexpr std::size_t kPieceBytes = 16 << 20;

ClContext make_context(const OpenClDeviceEntry& entry) {
  const cl_context_properties properties[] = {
      CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(entry.platform), 0};
  cl_int code = CL_SUCCESS;
  ClContext context(opencl().clCreateContext(properties, 1, &entry.id, nullptr, nullptr, &code));
  check_opencl(code, "clCreateContext");
  return context;
}

class OpenClDevice : public Device {
 public:
  OpenClDevice(OpenClDeviceEntry entry, OpenClClass device_class, const DeviceOptions& options)
      : entry_(std::move(entry)),
        class_(device_class),
        context_(make_context(entry_)),
        queue_(context_.get(), entry_.id, false),
        compiler_(context_.get(), entry_, options) {}

  const DeviceInfo& info() const override { return entry_.info; }

  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    check_alive();
    if (bytes > entry_.info.max_buffer_bytes)
      fail(ExitCode::kUnsupported, "opencl: a buffer of {} is needed, this device allows {}",
           bytes_text(bytes), bytes_text(entry_.info.max_buffer_bytes));
    const std::uint64_t alignment = entry_.info.slice_alignment;
    const std::uint64_t allocated =
        std::max<std::uint64_t>((bytes + alignment - 1) / alignment * alignment, alignment);
    const std::uint64_t free =
        entry_.info.memory_bytes - std::min(*used_, entry_.info.memory_bytes);
    if (allocated > free) out_of_memory(bytes, free);
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags =
        CL_MEM_READ_WRITE | (use == BufferUse::kShared ? CL_MEM_ALLOC_HOST_PTR : 0);
    ClMemory memory(opencl().clCreateBuffer(context_.get(), flags, allocated, nullptr, &code));
    if (code == CL_SUCCESS) {
      // Drivers allocate late: this is where memory can turn out to be short.
      const cl_uint zero = 0;
      cl_event event = nullptr;
      code = opencl().clEnqueueFillBuffer(queue_.get(), memory.get(), &zero, sizeof(zero), 0,
                                          allocated, 0, nullptr, &event);
      const ClEvent kept(event);
      if (code == CL_SUCCESS) queue_.wait(event, timeout(), "clearing a buffer");
    }
    if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
        code == CL_OUT_OF_HOST_MEMORY)
      out_of_memory(bytes, free);
    check_opencl(code, "clCreateBuffer");
    return std::make_unique<OpenClBuffer>(std::move(memory), bytes, allocated, use, used_);
  }

  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    const OpenClBuffer& to = place(buffer, offset, bytes.size());
    if (bytes.empty()) return;
    if (to.shared()) {
      Mapping mapping(*this, to, CL_MAP_WRITE, offset, bytes.size());
      std::memcpy(mapping.data(), bytes.data(), bytes.size());
      return;
    }
    for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      const std::span<const std::byte> piece =
          bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at));
      check_opencl(opencl().clEnqueueWriteBuffer(queue_.get(), to.memory(), CL_TRUE, offset + at,
                                                 piece.size(), piece.data(), 0, nullptr, nullptr),
                   "clEnqueueWriteBuffer");
    }
  }

  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    const OpenClBuffer& from = place(buffer, offset, bytes.size());
    if (bytes.empty()) return;
    if (from.shared()) {
      Mapping mapping(*this, from, CL_MAP_READ, offset, bytes.size());
      std::memcpy(bytes.data(), mapping.data(), bytes.size());
      return;
    }
    check_opencl(opencl().clEnqueueReadBuffer(queue_.get(), from.memory(), CL_TRUE, offset,
                                              bytes.size(), bytes.data(), 0, nullptr, nullptr),
                 "clEnqueueReadBuffer");
  }

  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    check_alive();
    compiler_.set_timeout(timeout());
    return OpenClRecorder(context_.get(), entry_, compiler_, class_).record(dispatches);
  }

  void run(Program& program, std::vector<std::uint64_t>* nanoseconds) override {
    check_alive();
    const auto& recorded = static_cast<const OpenClProgram&>(program);
    if (nanoseconds == nullptr)
      run_all(recorded);
    else
      run_timed(recorded, *nanoseconds);
  }

  std::string variant_of(const Dispatch& dispatch) override {
    return std::string(choose_opencl_variant(class_, dispatch).name);
  }

 private:
  // A range of a shared buffer in the host's memory.
  class Mapping {
   public:
    Mapping(OpenClDevice& device, const OpenClBuffer& buffer, cl_map_flags flags,
            std::uint64_t offset, std::size_t bytes)
        : device_(device), memory_(buffer.memory()) {
      cl_int code = CL_SUCCESS;
      data_ = opencl().clEnqueueMapBuffer(device.queue_.get(), memory_, CL_TRUE, flags, offset,
                                          bytes, 0, nullptr, nullptr, &code);
      check_opencl(code, "clEnqueueMapBuffer");
    }
    // Kernels come after it in the queue. A driver that fails here fails in the next call too.
    ~Mapping() {
      opencl().clEnqueueUnmapMemObject(device_.queue_.get(), memory_, data_, 0, nullptr, nullptr);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    void* data() const { return data_; }

   private:
    OpenClDevice& device_;
    cl_mem memory_;
    void* data_ = nullptr;
  };

  static void check_alive() {
    if (opencl_abandoned())
      fail(ExitCode::kUnsupported, "opencl: device lost: an earlier kernel did not end");
  }

  [[noreturn]] void out_of_memory(std::uint64_t needed, std::uint64_t available) const {
    fail(ExitCode::kUnsupported, "opencl: out of device memory: {} needed, {} of {} available",
         bytes_text(needed), bytes_text(available), bytes_text(entry_.info.memory_bytes));
  }

  static const OpenClBuffer& place(const Buffer& buffer, std::uint64_t offset,
                                   std::uint64_t bytes) {
    check_alive();
    if (offset > buffer.bytes() || bytes > buffer.bytes() - offset)
      fail(ExitCode::kBug, "opencl: {} bytes at {} of a buffer of {} bytes", bytes, offset,
           buffer.bytes());
    return static_cast<const OpenClBuffer&>(buffer);
  }

  static void enqueue(const OpenClQueue& queue, const OpenClProgram& program,
                      const OpenClProgram::Launch& launch, cl_event* event) {
    const cl_int code =
        opencl().clEnqueueNDRangeKernel(queue.get(), launch.kernel.get(), 2, nullptr, launch.global,
                                        launch.local, 0, nullptr, event);
    check_opencl(code, program.label(launch.dispatch));
  }

  void run_all(const OpenClProgram& program) {
    const std::vector<OpenClProgram::Launch>& launches = program.launches();
    if (launches.empty()) return;
    cl_event event = nullptr;
    for (const OpenClProgram::Launch& launch : launches)
      enqueue(queue_, program, launch, &launch == &launches.back() ? &event : nullptr);
    const ClEvent last(event);
    queue_.wait(event, timeout(), fmt::format("one of {} kernels", launches.size()));
  }

  // A queue of its own, since profiling slows some drivers down; one launch after the other.
  void run_timed(const OpenClProgram& program, std::vector<std::uint64_t>& nanoseconds) {
    if (timed_queue_ == nullptr)
      timed_queue_ = std::make_unique<OpenClQueue>(context_.get(), entry_.id, true);
    // What the other queue still has to do, the unmapping of buffers that were written, comes
    // first.
    cl_event marker = nullptr;
    check_opencl(opencl().clEnqueueMarkerWithWaitList(queue_.get(), 0, nullptr, &marker),
                 "clEnqueueMarkerWithWaitList");
    const ClEvent before(marker);
    queue_.wait(marker, timeout(), "writes");
    nanoseconds.assign(program.dispatches(), 0);
    for (const OpenClProgram::Launch& launch : program.launches()) {
      cl_event event = nullptr;
      enqueue(*timed_queue_, program, launch, &event);
      const ClEvent kept(event);
      timed_queue_->wait(event, timeout(), program.label(launch.dispatch));
      cl_ulong start = 0, end = 0;
      check_opencl(opencl().clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START,
                                                    sizeof(start), &start, nullptr),
                   "clGetEventProfilingInfo");
      check_opencl(opencl().clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(end),
                                                    &end, nullptr),
                   "clGetEventProfilingInfo");
      nanoseconds[launch.dispatch] += end - std::min(start, end);
    }
  }

  OpenClDeviceEntry entry_;
  OpenClClass class_;
  ClContext context_;
  OpenClQueue queue_;
  std::unique_ptr<OpenClQueue> timed_queue_;
  OpenClCompiler compiler_;
  std::shared_ptr<std::uint64_t> used_ = std::make_shared<std::uint64_t>(0);
};

OpenClDeviceEntry find_entry(std::optional<int> number) {
  std::vector<std::string> missing;
  std::vector<OpenClDeviceEntry> entries = opencl_devices(&missing);
  if (entries.empty()) {
    std::string reasons;
    for (const std::string& reason : missing)
      reasons += (reasons.empty() ? "" : "; ") + reason;
    throw Error(ExitCode::kUnsupported, reasons);
  }
  if (!number.has_value()) {
    const auto gpu = std::find_if(entries.begin(), entries.end(),
                                  [](const OpenClDeviceEntry& e) { return !e.info.is_cpu; });
    return gpu == entries.end() ? entries.front() : *gpu;
  }
  const auto index = static_cast<std::size_t>(*number);
  if (index >= entries.size())
    fail(ExitCode::kUnsupported, "opencl: there is no device {}, only {} of them", *number,
         entries.size());
  return entries[index];
}

}  // namespace

std::unique_ptr<Device> open_opencl(std::optional<int> number, const DeviceOptions& options) {
  OpenClDeviceEntry entry = find_entry(number);
  const OpenClClass fitting = entry.info.is_cpu ? OpenClClass::kCpu : OpenClClass::kGpu;
  const DeviceOptions chosen = with_chosen_kernels(options, entry.info);
  if (chosen.kernels != nullptr) entry.info.kernels = chosen.kernels->name;
  return std::make_unique<OpenClDevice>(std::move(entry), fitting, chosen);
}

std::unique_ptr<Device> open_opencl_as(OpenClClass device_class, std::optional<int> number,
                                       const DeviceOptions& options) {
  return std::make_unique<OpenClDevice>(find_entry(number), device_class, options);
}

std::vector<FoundDevice> list_opencl(std::vector<std::string>* missing) {
  std::vector<FoundDevice> found;
  for (const OpenClDeviceEntry& entry : opencl_devices(missing))
    found.push_back({fmt::format("opencl:{}", found.size()), entry.info});
  return found;
}

}  // namespace mlc
