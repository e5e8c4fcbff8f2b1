// The options that say where a model runs, the same for every command that runs one.
#pragma once

#include "runtime-min/device.h"

namespace CLI {
class App;
}

namespace mlc {

struct DeviceArguments {
  DeviceOptions device;
  unsigned timeout = 60;  // seconds
};

// `arguments` has to outlive the App.
void add_device_options(CLI::App& app, DeviceArguments& arguments);

std::unique_ptr<Device> open_device(const DeviceArguments& arguments);

}  // namespace mlc
