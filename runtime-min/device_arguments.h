// The options that say where a model runs, the same for every command that runs one.
#pragma once

#include "base/command.h"
#include "runtime-min/device.h"

namespace CLI {
class App;
}

namespace mlc {

struct DeviceArguments {
  DeviceOptions device;
  unsigned timeout = 60;  // seconds
  std::string kernels;    // a bundle, "PKG[:TAG]"; empty: the program's own
};

// `arguments` has to outlive the App.
void add_device_options(CLI::App& app, DeviceArguments& arguments);

// The arguments with the kernels of --kernels, which `context` knows how to find.
DeviceArguments with_kernels(DeviceArguments arguments, const CommandContext& context);

// Error(kUsage): kernels are given, but the device has functions in their place.
std::unique_ptr<Device> open_device(const DeviceArguments& arguments);

}  // namespace mlc
