#include "runtime-min/vulkan/instance.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace mlc {
namespace {

constexpr const char* kLayer = "VK_LAYER_KHRONOS_validation";

bool has_layer(const VulkanLibrary& library) {
  std::uint32_t count = 0;
  check(library.vkEnumerateInstanceLayerProperties(&count, nullptr), "layers");
  std::vector<VkLayerProperties> layers(count);
  check(library.vkEnumerateInstanceLayerProperties(&count, layers.data()), "layers");
  return std::any_of(layers.begin(), layers.end(), [](const VkLayerProperties& layer) {
    return std::strcmp(layer.layerName, kLayer) == 0;
  });
}

}  // namespace

VulkanInstance::VulkanInstance(bool validation) {
  const VulkanLibrary& library = vulkan_library();
  std::uint32_t version = 0;
  check(library.vkEnumerateInstanceVersion(&version), "version of the loader");
  if (version < VK_API_VERSION_1_1)
    fail(ExitCode::kUnsupported, "vulkan: the loader offers Vulkan {}.{}, expected 1.1 or later",
         VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
  if (validation && !has_layer(library))
    fail(ExitCode::kUnsupported,
         "vulkan: {} is not installed, validation was asked for (Debian: "
         "vulkan-validationlayers)",
         kLayer);

  VkApplicationInfo application = {};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = "mlc";
  // The highest version that we know something of; shaders are made for 1.1.
  application.apiVersion = std::min<std::uint32_t>(version, VK_API_VERSION_1_3);
  VkInstanceCreateInfo create = {};
  create.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  create.pApplicationInfo = &application;
  const char* extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  if (validation) {
    create.enabledLayerCount = 1;
    create.ppEnabledLayerNames = &kLayer;
    create.enabledExtensionCount = 1;
    create.ppEnabledExtensionNames = &extension;
  }
  check(library.vkCreateInstance(&create, nullptr, &instance_), "instance");
  functions_ = load_instance_functions(instance_);
  try {
    if (validation) make_messenger();
    std::uint32_t count = 0;
    check(functions_.vkEnumeratePhysicalDevices(instance_, &count, nullptr), "devices");
    devices_.resize(count);
    check(functions_.vkEnumeratePhysicalDevices(instance_, &count, devices_.data()), "devices");
  } catch (...) {
    functions_.vkDestroyInstance(instance_, nullptr);
    throw;
  }
}

VulkanInstance::~VulkanInstance() {
  if (messenger_ != VK_NULL_HANDLE)
    functions_.vkDestroyDebugUtilsMessengerEXT(instance_, messenger_, nullptr);
  functions_.vkDestroyInstance(instance_, nullptr);
}

void VulkanInstance::make_messenger() {
  VkDebugUtilsMessengerCreateInfoEXT create = {};
  create.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  create.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  create.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
  create.pfnUserCallback = &VulkanInstance::on_message;
  create.pUserData = this;
  check(functions_.vkCreateDebugUtilsMessengerEXT(instance_, &create, nullptr, &messenger_),
        "debug messenger");
}

VkBool32 VulkanInstance::on_message(VkDebugUtilsMessageSeverityFlagBitsEXT /*severity*/,
                                    VkDebugUtilsMessageTypeFlagsEXT /*types*/,
                                    const VkDebugUtilsMessengerCallbackDataEXT* data, void* self) {
  auto* instance = static_cast<VulkanInstance*>(self);
  const std::lock_guard lock(instance->mutex_);
  if (instance->messages_.size() < 16) instance->messages_.emplace_back(data->pMessage);
  return VK_FALSE;
}

void VulkanInstance::check_messages() {
  if (!validation()) return;
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return;
  const std::string first = printable(messages_.front(), 2000);
  const std::size_t others = messages_.size() - 1;
  messages_.clear();
  fail(ExitCode::kBug, "vulkan validation: {} ({} more messages)", first, others);
}

VulkanInstance& vulkan_instance(bool validation) {
  static std::mutex mutex;
  static std::array<std::unique_ptr<VulkanInstance>, 2>* instances =
      new std::array<std::unique_ptr<VulkanInstance>, 2>;  // NOLINT: never freed, on purpose
  const std::lock_guard lock(mutex);
  std::unique_ptr<VulkanInstance>& instance = (*instances)[validation ? 1 : 0];
  if (instance == nullptr) instance = std::make_unique<VulkanInstance>(validation);
  return *instance;
}

}  // namespace mlc
