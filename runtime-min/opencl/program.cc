#include "runtime-min/opencl/program.h"

#include <algorithm>

#include "base/error.h"
#include "runtime-min/opencl/memory.h"

namespace mlc {
namespace {

constexpr std::size_t kPackLocal = 16;  // lanes of a block in matmul_wide.cl

// Sets arguments one after the other.
class ArgumentSetter {
 public:
  explicit ArgumentSetter(cl_kernel kernel) : kernel_(kernel) {}
  void memory(cl_mem memory) { set(sizeof(cl_mem), &memory); }
  // All words, whether integers or floats; kernels don't look at those that were compiled in.
  void words(const Dispatch& dispatch) {
    for (std::size_t i = 0; i < info_of(dispatch.kernel).words; i++)
      set(sizeof(dispatch.words[i]), &dispatch.words[i]);
  }

 private:
  void set(std::size_t size, const void* value) {
    check_opencl(opencl().clSetKernelArg(kernel_, next_++, size, value), "clSetKernelArg");
  }
  cl_kernel kernel_;
  cl_uint next_ = 0;
};

ClKernel make_kernel(cl_program program, const char* name) {
  cl_int code = CL_SUCCESS;
  ClKernel kernel(opencl().clCreateKernel(program, name, &code));
  check_opencl(code, fmt::format("clCreateKernel of {}", name));
  return kernel;
}

// OpenCL leaves undefined what a kernel reads through one sub-buffer and writes through another
// that shares bytes with it; one and the same sub-buffer is well.
void check_overlaps(const Dispatch& dispatch, const std::string& label) {
  const KernelInfo& info = info_of(dispatch.kernel);
  for (std::size_t i = 0; i < info.buffers; i++)
    for (std::size_t j = 0; j < info.buffers; j++) {
      const Slice &a = dispatch.buffers[i], &b = dispatch.buffers[j];
      if ((info.written >> i & 1) == 0 || a.buffer == nullptr || a.buffer != b.buffer) continue;
      if (a.offset == b.offset && a.bytes == b.bytes) continue;
      if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes)
        fail(ExitCode::kBug, "opencl: {}: buffers {} and {} overlap, but are not the same slice",
             label, i, j);
    }
}

}  // namespace

std::unique_ptr<OpenClProgram> OpenClRecorder::record(const std::vector<Dispatch>& dispatches) {
  auto program = std::make_unique<OpenClProgram>();
  program->unused_ = make_memory(device_.info.slice_alignment);
  // One scratch buffer serves all dispatches: the queue is in order.
  std::uint64_t scratch = 0;
  for (const Dispatch& dispatch : dispatches) {
    const OpenClVariant& variant = choose_opencl_variant(class_, dispatch);
    if (variant.packed_bytes != nullptr)
      scratch = std::max(scratch, variant.packed_bytes(dispatch.words));
  }
  if (scratch > 0) program->scratch_ = make_memory(scratch);
  for (std::size_t i = 0; i < dispatches.size(); i++)
    add(*program, dispatches[i], i);
  return program;
}

void OpenClRecorder::add(OpenClProgram& program, const Dispatch& dispatch, std::size_t number) {
  const OpenClVariant& variant = choose_opencl_variant(class_, dispatch);
  const std::string& label = program.labels_.emplace_back(
      dispatch.label.empty() ? std::string(variant.name)
                             : fmt::format("{} of {}", variant.name, printable(dispatch.label)));
  check_overlaps(dispatch, label);
  const Groups groups = variant.groups(variant, dispatch.words);
  if (groups.x == 0 || groups.y == 0) return;
  const cl_program compiled = compiler_.program(variant, dispatch.words);
  const bool packed = variant.packed_bytes != nullptr;
  if (packed) {
    ClKernel pack = make_kernel(compiled, "pack");
    ArgumentSetter arguments(pack.get());
    arguments.memory(slice(program, dispatch, 0));
    arguments.memory(program.scratch_.get());
    arguments.words(dispatch);
    add_launch(program, std::move(pack), variant.pack_groups(dispatch.words), kPackLocal, number);
  }
  ClKernel kernel = make_kernel(compiled, info_of(variant.kernel).name.data());
  ArgumentSetter arguments(kernel.get());
  for (std::size_t i = 0; i < info_of(variant.kernel).buffers; i++)
    arguments.memory(slice(program, dispatch, i));
  if (packed) arguments.memory(program.scratch_.get());
  arguments.words(dispatch);
  add_launch(program, std::move(kernel), groups, variant.local, number);
}

void OpenClRecorder::add_launch(OpenClProgram& program, ClKernel kernel, Groups groups,
                                std::size_t local, std::size_t dispatch) {
  std::size_t most = 0;
  check_opencl(
      opencl().clGetKernelWorkGroupInfo(kernel.get(), device_.id, CL_KERNEL_WORK_GROUP_SIZE,
                                        sizeof(most), &most, nullptr),
      "clGetKernelWorkGroupInfo");
  if (most < local)
    fail(ExitCode::kUnsupported,
         "opencl: {} has groups of {} work-items, this device takes {} of this kernel",
         program.labels_[dispatch], local, most);
  program.launches_.push_back(
      {std::move(kernel), {groups.x * local, groups.y}, {local, 1}, dispatch});
}

cl_mem OpenClRecorder::slice(OpenClProgram& program, const Dispatch& dispatch, std::size_t buffer) {
  const Slice& slice = dispatch.buffers[buffer];
  const std::string& label = program.labels_.back();
  if (slice.buffer == nullptr || slice.bytes == 0) return program.unused_.get();
  const auto& whole = static_cast<const OpenClBuffer&>(*slice.buffer);
  if (slice.offset > whole.bytes() || slice.bytes > whole.bytes() - slice.offset)
    fail(ExitCode::kBug, "opencl: {}: {} bytes at {} of a buffer of {} bytes", label, slice.bytes,
         slice.offset, whole.bytes());
  if (slice.offset % device_.info.slice_alignment != 0)
    fail(ExitCode::kBug, "opencl: {}: a slice begins at byte {}, not at a multiple of {}", label,
         slice.offset, device_.info.slice_alignment);
  if (slice.offset == 0 && slice.bytes == whole.bytes()) return whole.memory();
  // The same slice in two places of a dispatch is one sub-buffer, and so are those of other
  // dispatches.
  const OpenClProgram::SliceKey key{whole.memory(), slice.offset, slice.bytes};
  ClMemory& kept = program.slices_[key];
  if (kept == nullptr) {
    const cl_buffer_region region{slice.offset, slice.bytes};
    cl_int code = CL_SUCCESS;
    kept.reset(opencl().clCreateSubBuffer(whole.memory(), CL_MEM_READ_WRITE,
                                          CL_BUFFER_CREATE_TYPE_REGION, &region, &code));
    check_opencl(code, "clCreateSubBuffer");
  }
  return kept.get();
}

ClMemory OpenClRecorder::make_memory(std::uint64_t bytes) {
  cl_int code = CL_SUCCESS;
  ClMemory memory(opencl().clCreateBuffer(context_, CL_MEM_READ_WRITE, bytes, nullptr, &code));
  check_opencl(code, fmt::format("a scratch buffer of {} bytes", bytes));
  return memory;
}

}  // namespace mlc
