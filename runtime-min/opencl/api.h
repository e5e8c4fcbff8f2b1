// libOpenCL.so.1, opened at run time: the program starts without it.
#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include <CL/cl.h>

namespace mlc {

// The functions of OpenCL 1.2 that are used: all are there in any library of 1.2 or later.
#define MLC_OPENCL_FUNCTIONS(X)  \
  X(clBuildProgram)              \
  X(clCreateBuffer)              \
  X(clCreateCommandQueue)        \
  X(clCreateContext)             \
  X(clCreateKernel)              \
  X(clCreateProgramWithBinary)   \
  X(clCreateProgramWithSource)   \
  X(clCreateSubBuffer)           \
  X(clEnqueueFillBuffer)         \
  X(clEnqueueMapBuffer)          \
  X(clEnqueueMarkerWithWaitList) \
  X(clEnqueueNDRangeKernel)      \
  X(clEnqueueReadBuffer)         \
  X(clEnqueueUnmapMemObject)     \
  X(clEnqueueWriteBuffer)        \
  X(clFlush)                     \
  X(clGetDeviceIDs)              \
  X(clGetDeviceInfo)             \
  X(clGetEventProfilingInfo)     \
  X(clGetKernelWorkGroupInfo)    \
  X(clGetPlatformIDs)            \
  X(clGetPlatformInfo)           \
  X(clGetProgramBuildInfo)       \
  X(clGetProgramInfo)            \
  X(clReleaseCommandQueue)       \
  X(clReleaseContext)            \
  X(clReleaseEvent)              \
  X(clReleaseKernel)             \
  X(clReleaseMemObject)          \
  X(clReleaseProgram)            \
  X(clSetEventCallback)          \
  X(clSetKernelArg)

struct OpenClApi {
// A member's name can't be in parentheses.
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define MLC_OPENCL_POINTER(name) decltype(&::name) name = nullptr;
  MLC_OPENCL_FUNCTIONS(MLC_OPENCL_POINTER)
#undef MLC_OPENCL_POINTER
};

// Null, and why in `missing`, when the library or one of its functions is not there.
std::unique_ptr<OpenClApi> load_opencl(const char* library, std::string* missing);

// The library of this process, loaded once and never unloaded: drivers keep threads.
const OpenClApi* find_opencl(std::string* missing);
// The same where something was made with it before.
const OpenClApi& opencl();

// "CL_OUT_OF_RESOURCES (-5)".
std::string opencl_error(cl_int code);
// Error(kUnsupported) "opencl: WHAT: CODE" unless CL_SUCCESS.
void check_opencl(cl_int code, std::string_view what);

// Once a kernel did not come to an end, nothing is released any more in this process: a driver
// would wait for the kernel there.
void abandon_opencl();
bool opencl_abandoned();

template <auto kRelease>
struct OpenClRelease {
  template <class T>
  void operator()(T* object) const {
    if (!opencl_abandoned()) (opencl().*kRelease)(object);
  }
};
template <class T, auto kRelease>
using OpenClHandle = std::unique_ptr<std::remove_pointer_t<T>, OpenClRelease<kRelease>>;
using ClContext = OpenClHandle<cl_context, &OpenClApi::clReleaseContext>;
using ClQueue = OpenClHandle<cl_command_queue, &OpenClApi::clReleaseCommandQueue>;
using ClMemory = OpenClHandle<cl_mem, &OpenClApi::clReleaseMemObject>;
using ClProgram = OpenClHandle<cl_program, &OpenClApi::clReleaseProgram>;
using ClKernel = OpenClHandle<cl_kernel, &OpenClApi::clReleaseKernel>;
using ClEvent = OpenClHandle<cl_event, &OpenClApi::clReleaseEvent>;

}  // namespace mlc
