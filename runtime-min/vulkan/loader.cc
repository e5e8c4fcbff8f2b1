#include "runtime-min/vulkan/loader.h"

#include <string>

#include <dlfcn.h>

#include "base/error.h"

namespace mlc {
namespace {

template <class F>
void assign(F& function, PFN_vkVoidFunction found, const char* name) {
  if (found == nullptr) fail(ExitCode::kUnsupported, "vulkan: the driver lacks {}", name);
  function = reinterpret_cast<F>(found);
}

VulkanLibrary open_library() {
  void* handle = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    fail(ExitCode::kUnsupported,
         "vulkan: libvulkan.so.1 can't be opened; install the Vulkan loader (Debian: libvulkan1)");
  VulkanLibrary library;
  void* symbol = dlsym(handle, "vkGetInstanceProcAddr");
  if (symbol == nullptr)
    fail(ExitCode::kUnsupported, "vulkan: libvulkan.so.1 lacks vkGetInstanceProcAddr");
  library.vkGetInstanceProcAddr = reinterpret_cast<PFN_vkGetInstanceProcAddr>(symbol);
#define MLC_VK_LOAD(name) \
  assign(library.name, library.vkGetInstanceProcAddr(nullptr, #name), #name);
  MLC_VK_GLOBAL(MLC_VK_LOAD)
#undef MLC_VK_LOAD
  return library;
}

const char* result_name(VkResult result) {
  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED:
      return "initialization failed";
    case VK_ERROR_DEVICE_LOST:
      return "device lost";
    case VK_ERROR_MEMORY_MAP_FAILED:
      return "memory can't be mapped";
    case VK_ERROR_LAYER_NOT_PRESENT:
      return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
      return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT:
      return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return "no driver for this machine";
    case VK_ERROR_TOO_MANY_OBJECTS:
      return "too many objects";
    default:
      return nullptr;
  }
}

}  // namespace

const VulkanLibrary& vulkan_library() {
  static const VulkanLibrary kLibrary = open_library();
  return kLibrary;
}

InstanceFunctions load_instance_functions(VkInstance instance) {
  const VulkanLibrary& library = vulkan_library();
  InstanceFunctions functions;
#define MLC_VK_LOAD(name) \
  assign(functions.name, library.vkGetInstanceProcAddr(instance, #name), #name);
  MLC_VK_INSTANCE(MLC_VK_LOAD)
#undef MLC_VK_LOAD
  functions.vkCreateDebugUtilsMessengerEXT = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
      library.vkGetInstanceProcAddr(instance, "vkCreateDebugUtilsMessengerEXT"));
  functions.vkDestroyDebugUtilsMessengerEXT = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
      library.vkGetInstanceProcAddr(instance, "vkDestroyDebugUtilsMessengerEXT"));
  return functions;
}

DeviceFunctions load_device_functions(const InstanceFunctions& functions, VkDevice device) {
  DeviceFunctions loaded;
#define MLC_VK_LOAD(name) assign(loaded.name, functions.vkGetDeviceProcAddr(device, #name), #name);
  MLC_VK_DEVICE(MLC_VK_LOAD)
#undef MLC_VK_LOAD
  return loaded;
}

void check(VkResult result, const char* what) {
  if (result == VK_SUCCESS) return;
  if (const char* name = result_name(result))
    fail(ExitCode::kUnsupported, "vulkan: {}: {}", what, name);
  fail(ExitCode::kUnsupported, "vulkan: {}: result {}", what, static_cast<int>(result));
}

}  // namespace mlc
