#include "runtime-min/opencl/platform.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace mlc {
namespace {

template <class T>
T device_value(cl_device_id device, cl_device_info what) {
  T value = {};
  check_opencl(opencl().clGetDeviceInfo(device, what, sizeof(value), &value, nullptr),
               "a property of a device");
  return value;
}

std::string device_text(cl_device_id device, cl_device_info what) {
  std::size_t size = 0;
  check_opencl(opencl().clGetDeviceInfo(device, what, 0, nullptr, &size), "a text of a device");
  std::string text(size, '\0');
  check_opencl(opencl().clGetDeviceInfo(device, what, size, text.data(), nullptr),
               "a text of a device");
  return text.substr(0, text.find('\0'));
}

std::string platform_text(cl_platform_id platform, cl_platform_info what) {
  std::size_t size = 0;
  check_opencl(opencl().clGetPlatformInfo(platform, what, 0, nullptr, &size),
               "a text of a platform");
  std::string text(size, '\0');
  check_opencl(opencl().clGetPlatformInfo(platform, what, size, text.data(), nullptr),
               "a text of a platform");
  return text.substr(0, text.find('\0'));
}

bool has_word(std::string_view words, std::string_view word) {
  const std::string spaced = fmt::format(" {} ", words);
  return spaced.find(fmt::format(" {} ", word)) != std::string::npos;
}

// "OpenCL C 1.2 pocl" is 1.2.
std::string number_in(std::string_view version) {
  const std::size_t begin = version.find_first_of("0123456789");
  if (begin == std::string_view::npos) return "";
  return std::string(
      version.substr(begin, version.find_first_not_of("0123456789.", begin) - begin));
}

// DeviceInfo::profile: limits have OpenCL's own names.
Json profile_of(cl_device_id device, const OpenClDeviceEntry& entry,
                const std::string& extensions) {
  Json names = Json::array();
  for (std::string_view rest = extensions; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    if (!name.empty()) names.push(name);
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  }
  return Json::object()
      .set("api", "opencl")
      .set("openclC", number_in(device_text(device, CL_DEVICE_OPENCL_C_VERSION)))
      .set("vendor", device_text(device, CL_DEVICE_VENDOR))
      .set("vendorID", std::uint64_t{device_value<cl_uint>(device, CL_DEVICE_VENDOR_ID)})
      .set("driverVersion", device_text(device, CL_DRIVER_VERSION))
      .set("extensions", std::move(names))
      .set("limits", Json::object()
                         .set("CL_DEVICE_GLOBAL_MEM_SIZE", entry.info.memory_bytes)
                         .set("CL_DEVICE_LOCAL_MEM_SIZE", entry.local_bytes)
                         .set("CL_DEVICE_MAX_MEM_ALLOC_SIZE", entry.info.max_buffer_bytes)
                         .set("CL_DEVICE_MAX_WORK_GROUP_SIZE", std::uint64_t{entry.max_group}));
}

// What makes the device unfit for the kernels; empty if nothing.
std::string unfit(cl_device_id device, const std::string& version) {
  // "OpenCL 1.2 ..." is the form that the standard fixes.
  constexpr std::string_view kPrefix = "OpenCL ";
  if (version.rfind(kPrefix, 0) != 0 || version.compare(kPrefix.size(), 3, "1.2") < 0)
    return "it has " + printable(version) + ", OpenCL 1.2 is needed";
  if (device_value<cl_bool>(device, CL_DEVICE_AVAILABLE) == CL_FALSE) return "it is not available";
  if (device_value<cl_bool>(device, CL_DEVICE_COMPILER_AVAILABLE) == CL_FALSE)
    return "it has no compiler";
  if (device_value<cl_bool>(device, CL_DEVICE_ENDIAN_LITTLE) == CL_FALSE) return "it is big-endian";
  return "";
}

OpenClDeviceEntry describe(cl_platform_id platform, cl_device_id device) {
  const std::string platform_name = platform_text(platform, CL_PLATFORM_NAME);
  const std::string name = device_text(device, CL_DEVICE_NAME);
  const std::string version = device_text(device, CL_DEVICE_VERSION);
  const std::string driver = device_text(device, CL_DRIVER_VERSION);
  const std::string extensions = device_text(device, CL_DEVICE_EXTENSIONS);

  OpenClDeviceEntry entry;
  entry.platform = platform;
  entry.id = device;
  entry.identity = platform_name + '\n' + platform_text(platform, CL_PLATFORM_VERSION) + '\n' +
                   name + '\n' + version + '\n' + driver;
  entry.max_group = device_value<std::size_t>(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  entry.local_bytes = device_value<cl_ulong>(device, CL_DEVICE_LOCAL_MEM_SIZE);
  const auto single = device_value<cl_device_fp_config>(device, CL_DEVICE_SINGLE_FP_CONFIG);
  entry.options = "-cl-std=CL1.2";
  if ((single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0)
    entry.options += " -cl-fp32-correctly-rounded-divide-sqrt";
  // In software it would be far slower than a product and a sum.
  if ((single & CL_FP_FMA) != 0 && (single & CL_FP_SOFT_FLOAT) == 0) entry.options += " -D FUSED";

  DeviceInfo& info = entry.info;
  info.backend = "opencl";
  info.name = printable(name);
  info.driver = printable(platform_name + " " + driver);
  info.is_cpu = (device_value<cl_device_type>(device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0;
  info.memory_bytes = device_value<cl_ulong>(device, CL_DEVICE_GLOBAL_MEM_SIZE);
  info.max_buffer_bytes = device_value<cl_ulong>(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  // A slice is a sub-buffer: as large as its buffer may be.
  info.max_binding_bytes = info.max_buffer_bytes;
  // In bits. Vectors of 16 floats are the largest that kernels load.
  info.slice_alignment =
      std::max<std::uint64_t>(device_value<cl_uint>(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8, 64);
  if (has_word(extensions, "cl_khr_fp16")) info.features.emplace_back("fp16");
  if (has_word(extensions, "cl_khr_fp64")) info.features.emplace_back("fp64");
  if (has_word(extensions, "cl_khr_subgroups") || has_word(extensions, "cl_intel_subgroups"))
    info.features.emplace_back("subgroup");
  if (device_value<cl_bool>(device, CL_DEVICE_HOST_UNIFIED_MEMORY) == CL_TRUE)
    info.features.emplace_back("unified-memory");
  info.limits = {
      {"version", printable(version)},
      {"compute units", std::to_string(device_value<cl_uint>(device, CL_DEVICE_MAX_COMPUTE_UNITS))},
      {"work-group", std::to_string(entry.max_group)},
      {"local memory", bytes_text(entry.local_bytes)},
  };
  info.profile = profile_of(device, entry, extensions);
  return entry;
}

}  // namespace

std::vector<OpenClDeviceEntry> opencl_devices(std::vector<std::string>* missing) {
  std::vector<OpenClDeviceEntry> found;
  std::string reason;
  const OpenClApi* api = find_opencl(&reason);
  if (api == nullptr) {
    missing->push_back(reason);
    return found;
  }
  cl_uint count = 0;
  std::vector<cl_platform_id> platforms;
  cl_int code = api->clGetPlatformIDs(0, nullptr, &count);
  if (code == CL_SUCCESS && count > 0) {
    platforms.resize(count);
    code = api->clGetPlatformIDs(count, platforms.data(), nullptr);
  }
  if (code != CL_SUCCESS || platforms.empty()) {
    missing->push_back(
        fmt::format("opencl: libOpenCL.so.1 knows no driver{}",
                    code == CL_SUCCESS || code == -1001 ? "" : ": " + opencl_error(code)));
    return found;
  }
  for (cl_platform_id platform : platforms) {
    std::vector<cl_device_id> devices;
    code = api->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count);
    if (code == CL_SUCCESS && count > 0) {
      devices.resize(count);
      code = api->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr);
    }
    if (code != CL_SUCCESS || devices.empty()) {
      missing->push_back(fmt::format(
          "opencl: {} has no device{}", printable(platform_text(platform, CL_PLATFORM_NAME)),
          code == CL_SUCCESS || code == CL_DEVICE_NOT_FOUND ? "" : ": " + opencl_error(code)));
      continue;
    }
    for (cl_device_id device : devices) {
      try {
        const std::string against = unfit(device, device_text(device, CL_DEVICE_VERSION));
        if (against.empty())
          found.push_back(describe(platform, device));
        else
          missing->push_back(fmt::format("opencl: {}: {}",
                                         printable(device_text(device, CL_DEVICE_NAME)), against));
      } catch (const Error& error) {
        missing->push_back(error.what());
      }
    }
  }
  return found;
}

}  // namespace mlc
