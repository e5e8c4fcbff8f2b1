// Which devices there are, and the opening of one by name.
#include "runtime-min/device.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "runtime-min/cpu/cpu_device.h"
#include "runtime-min/opencl/opencl_device.h"
#include "runtime-min/vulkan/vulkan_device.h"

namespace mlc {
namespace {

struct Backend {
  std::string_view name;
  bool numbered;  // NAME:N is one of several
  std::unique_ptr<Device> (*open)(std::optional<int> number, const DeviceOptions& options);
  // Null: not shown, for its use is checking.
  std::vector<FoundDevice> (*list)(std::vector<std::string>* missing);
};

// To add a backend is to add a row. Vulkan and OpenCL stand before the CPU in the order of `auto`.
constexpr Backend kBackends[] = {
    {"vulkan", true, open_vulkan, list_vulkan},
    {"opencl", true, open_opencl, list_opencl},
    {"cpu", false, [](std::optional<int>, const DeviceOptions& o) { return open_cpu(o); },
     [](std::vector<std::string>*) { return std::vector{describe_cpu()}; }},
    {"cpu-reference", false,
     [](std::optional<int>, const DeviceOptions& o) { return open_cpu_reference(o); }, nullptr},
};

// auto takes a GPU first, then the CPU. Drivers that compute on the CPU come last.
int rank(const FoundDevice& device) {
  if (!device.info.is_cpu) return 0;
  return device.info.backend == "cpu" ? 1 : 2;
}

std::string names_text() {
  std::string text = "auto";
  for (const Backend& backend : kBackends)
    text += fmt::format(", {}{}", backend.name, backend.numbered ? "[:N]" : "");
  return text;
}

std::string available_text() {
  std::vector<std::string> missing;
  std::string text;
  for (const FoundDevice& device : list_devices(&missing))
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", device.id, device.info.name);
  for (const std::string& reason : missing)
    text += "; " + reason;
  return text;
}

std::unique_ptr<Device> open_named(std::string_view id, const DeviceOptions& options) {
  const std::string_view name = id.substr(0, id.find(':'));
  const auto* backend =
      std::find_if(std::begin(kBackends), std::end(kBackends),
                   [&](const Backend& candidate) { return candidate.name == name; });
  std::optional<int> number;
  bool known = backend != std::end(kBackends);
  if (known && name.size() != id.size()) {
    const std::string_view digits = id.substr(name.size() + 1);
    int value = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    known = backend->numbered && problem == std::errc() && value >= 0 &&
            end == digits.data() + digits.size();
    number = value;
  }
  if (!known)
    fail(ExitCode::kUsage, "--device: '{}' is no device, expected one of: {}", printable(id),
         names_text());
  try {
    return backend->open(number, options);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kUnsupported) throw;
    fail(ExitCode::kUnsupported, "{}; available: {}", error.what(), available_text());
  }
}

}  // namespace

std::vector<FoundDevice> list_devices(std::vector<std::string>* missing) {
  std::vector<FoundDevice> found;
  for (const Backend& backend : kBackends)
    if (backend.list != nullptr)
      for (FoundDevice& device : backend.list(missing))
        found.push_back(std::move(device));
  std::stable_sort(found.begin(), found.end(),
                   [](const FoundDevice& a, const FoundDevice& b) { return rank(a) < rank(b); });
  return found;
}

DeviceOptions with_chosen_kernels(const DeviceOptions& options, const DeviceInfo& device) {
  DeviceOptions chosen = options;
  if (chosen.kernels == nullptr && options.choose_kernels != nullptr)
    chosen.kernels = options.choose_kernels(device);
  return chosen;
}

std::unique_ptr<Device> open_device(const DeviceOptions& options) {
  if (options.device != "auto") return open_named(options.device, options);
  std::vector<std::string> missing;
  // The CPU is always there.
  return open_named(list_devices(&missing).front().id, options);
}

}  // namespace mlc
