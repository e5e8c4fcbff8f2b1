#include "runtime-min/opencl/api.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <dlfcn.h>

#include "base/error.h"

namespace mlc {
namespace {

std::atomic<bool> abandoned{false};

struct CodeName {
  cl_int code;
  std::string_view name;
};
constexpr std::array kCodeNames = {
    CodeName{CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
    CodeName{CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
    CodeName{CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE"},
    CodeName{CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
    CodeName{CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
    CodeName{CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
    CodeName{CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE"},
    CodeName{CL_MAP_FAILURE, "CL_MAP_FAILURE"},
    CodeName{CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET"},
    CodeName{CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
             "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
    CodeName{CL_INVALID_VALUE, "CL_INVALID_VALUE"},
    CodeName{CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE"},
    CodeName{CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE"},
    CodeName{-1001, "no platform installed"},  // CL_PLATFORM_NOT_FOUND_KHR
};

}  // namespace

std::unique_ptr<OpenClApi> load_opencl(const char* library, std::string* missing) {
  // dlclose is never called: see find_opencl().
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    *missing = fmt::format("opencl: {} is not installed ({})", library,
                           printable(reason == nullptr ? "no reason given" : reason));
    return nullptr;
  }
  auto api = std::make_unique<OpenClApi>();
  // POSIX lets a pointer to a function come out of a void*; C++ takes it through a cast only.
#define MLC_OPENCL_LOAD(name)                                                             \
  api->name = reinterpret_cast<decltype(api->name)>(dlsym(handle, #name));                \
  if (api->name == nullptr) {                                                             \
    *missing = fmt::format("opencl: {} has no {}, OpenCL 1.2 is needed", library, #name); \
    return nullptr;                                                                       \
  }
  MLC_OPENCL_FUNCTIONS(MLC_OPENCL_LOAD)
#undef MLC_OPENCL_LOAD
  return api;
}

const OpenClApi* find_opencl(std::string* missing) {
  static std::string reason;
  static const std::unique_ptr<OpenClApi> kApi = load_opencl("libOpenCL.so.1", &reason);
  if (kApi == nullptr) *missing = reason;
  return kApi.get();
}

const OpenClApi& opencl() {
  std::string missing;
  const OpenClApi* api = find_opencl(&missing);
  if (api == nullptr) throw Error(ExitCode::kUnsupported, missing);
  return *api;
}

std::string opencl_error(cl_int code) {
  const auto* found = std::find_if(kCodeNames.begin(), kCodeNames.end(),
                                   [&](const CodeName& row) { return row.code == code; });
  if (found == kCodeNames.end()) return fmt::format("error {}", code);
  return fmt::format("{} ({})", found->name, code);
}

void check_opencl(cl_int code, std::string_view what) {
  if (code != CL_SUCCESS) fail(ExitCode::kUnsupported, "opencl: {}: {}", what, opencl_error(code));
}

void abandon_opencl() { abandoned = true; }
bool opencl_abandoned() { return abandoned; }

}  // namespace mlc
