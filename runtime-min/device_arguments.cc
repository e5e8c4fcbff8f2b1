#include "runtime-min/device_arguments.h"

#include <cstdlib>

#include <CLI/CLI.hpp>

namespace mlc {
namespace {

// As the XDG Base Directory Specification has it; none where there is no home.
std::string cache_folder() {
  auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::string cache = variable("XDG_CACHE_HOME");
  if (cache.empty() && !variable("HOME").empty()) cache = variable("HOME") + "/.cache";
  return cache.empty() || cache[0] != '/' ? "" : cache + "/mlc";
}

}  // namespace

void add_device_options(CLI::App& app, DeviceArguments& arguments) {
  app.add_option("--device", arguments.device.device,
                 "where to run: auto, vulkan[:N], opencl[:N], cpu; \"mlc devices\" lists them")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--threads", arguments.device.threads, "threads of the cpu device; 0: all")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--timeout", arguments.timeout,
                 "seconds after which a device that does not answer is given up")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_flag("--validation", arguments.device.validation,
               "vulkan: run under the validation layers; what they find is an error");
  app.add_option("--kernels", arguments.kernels,
                 "run the kernels of this bundle (a package, or PKG:TAG) in place of the program's "
                 "own, on vulkan and opencl")
      ->type_name("PATH");
  arguments.device.cache_folder = cache_folder();
}

DeviceArguments with_kernels(DeviceArguments arguments, const CommandContext& context) {
  if (arguments.kernels.empty()) return arguments;
  if (context.bundle_kernels == nullptr)
    fail(ExitCode::kBug, "--kernels: there is nothing that reads bundles");
  arguments.device.choose_kernels = [find = context.bundle_kernels, place = arguments.kernels](
                                        const DeviceInfo& device) { return find(place, device); };
  return arguments;
}

std::unique_ptr<Device> open_device(const DeviceArguments& arguments) {
  std::unique_ptr<Device> device = open_device(arguments.device);
  if (!arguments.kernels.empty() && device->info().kernels.empty())
    fail(ExitCode::kUsage,
         "--kernels: bundles are for vulkan and opencl, this device is {}; choose with --device",
         device->info().backend);
  device->set_timeout(std::chrono::seconds(arguments.timeout));
  return device;
}

}  // namespace mlc
