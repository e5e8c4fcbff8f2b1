#include "package/kernels/module_check.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "package/kernels/vulkan_terms.h"

namespace mlc {
namespace {

using Kind = Requirement::Kind;

// Constants from here on are the launch's: lanes of a work-group and what goes with them.
constexpr std::uint32_t kFirstLaunchConstant = 16, kLaunchConstants = 16;
constexpr std::string_view kEntryPoint = "main";

std::string version_of(const KernelVariant& variant, Kind kind, std::string_view otherwise) {
  for (const Requirement& r : variant.needs)
    if (r.kind == kind) return r.value.as_string(r.name);
  return std::string(otherwise);
}

bool declares(const KernelVariant& variant, Kind kind, std::string_view name) {
  return std::any_of(variant.needs.begin(), variant.needs.end(),
                     [&](const Requirement& r) { return r.kind == kind && r.name == name; });
}

// What a device of the variant has at least.
std::uint64_t least_of(const KernelVariant& variant, std::string_view limit) {
  std::uint64_t least = 0;
  for (const GuaranteedLimit& row : guaranteed_limits())
    if (row.name == limit) least = row.value;
  for (const Requirement& r : variant.needs)
    if (r.kind == Kind::kLimit && r.name == limit && r.op != "<=" && r.value.is_int() &&
        r.value.number_text().front() != '-')
      least = std::max(least, r.value.as_size(r.name));
  return least;
}

// One dimension of maxComputeWorkGroupSize.
std::uint64_t least_size(const KernelVariant& variant, std::size_t dimension) {
  std::uint64_t least = dimension == 2 ? 64 : 128;
  for (const Requirement& r : variant.needs) {
    if (r.kind != Kind::kLimit || r.name != "maxComputeWorkGroupSize" || r.op == "<=" ||
        !r.value.is_array())
      continue;
    const auto& items = r.value.items(r.name);
    if (dimension < items.size() && items[dimension].is_int() &&
        items[dimension].number_text().front() != '-')
      least = std::max(least, items[dimension].as_size(r.name));
  }
  return least;
}

std::string limit_problem(const KernelVariant& variant, std::string_view limit,
                          std::uint64_t needed) {
  const std::uint64_t least = least_of(variant, limit);
  if (needed <= least) return "";
  return fmt::format("it needs {} {}, its requires declares {}", limit, needed, least);
}

std::string version_problem(const SpirvModule& module, const KernelVariant& variant) {
  const std::string has = fmt::format("{}.{}", module.version.major, module.version.minor);
  const std::string vulkan = version_of(variant, Kind::kApiVersion, "1.0");
  Json device = Json::object().set("apiVersion", vulkan);
  if (declares(variant, Kind::kExtension, "VK_KHR_spirv_1_4"))
    device.set("extensions", [] {
      Json list = Json::array();
      list.push("VK_KHR_spirv_1_4");
      return list;
    }());
  const Json offered = spirv_of(device);
  if (offered.is_null()) return fmt::format("Vulkan {} is no version with modules", vulkan);
  const std::string& most = offered.as_string("spirv");
  if (compare(parse_dotted(has), parse_dotted(most)) > 0)
    return fmt::format("it is SPIR-V {}, a device with Vulkan {} takes {}", has, vulkan, most);
  const std::string declared = version_of(variant, Kind::kSpirv, most);
  if (compare(parse_dotted(has), parse_dotted(declared)) > 0)
    return fmt::format("it is SPIR-V {}, its requires declares {}", has, declared);
  return "";
}

std::string capability_need(const SpirvModule& module, const KernelVariant& variant) {
  for (std::uint32_t number : module.capabilities) {
    if (is_always_there(number)) continue;
    const std::string_view name = capability_name(number);
    if (name.empty())
      return fmt::format("it uses capability {}, which this program does not know", number);
    if (!declares(variant, Kind::kCapability, name))
      return fmt::format("it uses capability {}, which its requires does not declare", name);
  }
  for (const std::string& name : module.extensions) {
    const SpirvExtension* extension = find_spirv_extension(name);
    if (extension == nullptr)
      return fmt::format("it uses extension {}, which this program does not know",
                         printable(name, 80));
    const Json vulkan(version_of(variant, Kind::kApiVersion, "1.0"));
    if (!is_core(extension->vulkan, &vulkan) &&
        !declares(variant, Kind::kExtension, extension->vulkan))
      return fmt::format("it uses extension {}, its requires does not declare {}", name,
                         extension->vulkan);
  }
  return "";
}

std::string size_need(const SpirvModule& module, const KernelVariant& variant) {
  for (const SpirvEntry& entry : module.entries) {
    if (!entry.compute || entry.name != kEntryPoint) continue;
    if (!entry.local_size) return "the size of its work-groups can't be computed";
    std::uint64_t invocations = 1;
    for (std::size_t d = 0; d < 3; d++) {
      const std::uint64_t size = (*entry.local_size)[d];
      if (size > least_size(variant, d))
        return fmt::format(
            "its work-groups have {} invocations in direction {}, its requires "
            "declares maxComputeWorkGroupSize {}",
            size, d, least_size(variant, d));
      if (__builtin_mul_overflow(invocations, size, &invocations))
        return "its work-groups are too large";
    }
    if (std::string problem = limit_problem(variant, "maxComputeWorkGroupInvocations", invocations);
        !problem.empty())
      return problem;
  }
  if (!module.shared_bytes) return "the size of its shared memory can't be computed";
  if (std::string problem =
          limit_problem(variant, "maxComputeSharedMemorySize", *module.shared_bytes);
      !problem.empty())
    return problem;
  return limit_problem(variant, "maxPushConstantsSize", module.push_bytes);
}

std::string binding_need(const SpirvModule& module, const KernelVariant& variant) {
  std::uint64_t storage = 0, uniform = 0;
  for (const SpirvBinding& binding : module.bindings) {
    storage += binding.kind == SpirvBinding::Kind::kStorage ? 1U : 0U;
    uniform += binding.kind == SpirvBinding::Kind::kUniform ? 1U : 0U;
  }
  std::string problem = limit_problem(variant, "maxPerStageDescriptorStorageBuffers", storage);
  return problem.empty() ? limit_problem(variant, "maxPerStageDescriptorUniformBuffers", uniform)
                         : problem;
}

void check_spirv(const KernelBundle& bundle, const KernelVariant& variant, const KernelFile& file,
                 std::string_view bytes, const std::string& where) {
  const SpirvModule module = scan_spirv(std::as_bytes(std::span(bytes)), where, file.spec);
  std::string problem = undeclared_need(module, variant);
  if (!problem.empty()) bad_input("{}: {}", where, problem);
  for (const auto& [id, value] : file.spec)
    if (!std::binary_search(module.spec_ids.begin(), module.spec_ids.end(), id))
      bad_input("{}: its spec names constant {}, which it does not have", where, id);
  if (file.entries.empty()) bad_input("{}: it is no kernel of the abi", where);
  for (const std::string& entry : file.entries)
    if (problem = abi_problem(module, *bundle.find(entry)); !problem.empty())
      bad_input("{}: as kernel {}: {}", where, entry, problem);
  validate_spirv(bytes, version_of(variant, Kind::kApiVersion, "1.0"),
                 declares(variant, Kind::kExtension, "VK_KHR_spirv_1_4"), where);
}

}  // namespace

std::string undeclared_need(const SpirvModule& module, const KernelVariant& variant) {
  for (auto* part : {version_problem, capability_need, size_need, binding_need})
    if (std::string problem = part(module, variant); !problem.empty()) return problem;
  return "";
}

std::string abi_problem(const SpirvModule& module, const KernelAbi& kernel) {
  if (std::none_of(module.entries.begin(), module.entries.end(),
                   [](const SpirvEntry& e) { return e.compute && e.name == kEntryPoint; }))
    return fmt::format("there is no compute entry point \"{}\"", kEntryPoint);
  if (module.bindings.size() != kernel.args.size())
    return fmt::format("it binds {} buffers, the abi has {} arguments", module.bindings.size(),
                       kernel.args.size());
  for (std::size_t i = 0; i < module.bindings.size(); i++) {
    const SpirvBinding& binding = module.bindings[i];
    if (binding.set != 0 || binding.number != i || binding.kind == SpirvBinding::Kind::kOther)
      return fmt::format(
          "set {}, binding {} is no argument of the abi, expected buffer {} of set 0", binding.set,
          binding.number, i);
    if (binding.writable && !kernel.args[i])
      return fmt::format("it can write buffer {}, which the abi has as read only", i);
  }
  if (module.push_bytes != kernel.push)
    return fmt::format("its push constants have {} bytes, the abi has {}", module.push_bytes,
                       kernel.push);
  for (std::uint32_t id : module.spec_ids)
    if (id >= kernel.spec &&
        (id < kFirstLaunchConstant || id >= kFirstLaunchConstant + kLaunchConstants))
      return fmt::format("its specialization constant {} is none of the abi's {}", id, kernel.spec);
  return "";
}

void check_module(const KernelBundle& bundle, const KernelVariant& variant, const KernelFile& file,
                  std::string_view bytes) {
  const std::string where =
      fmt::format("{}: variant {}, module {}", bundle.where, variant.id, file.module);
  if (variant.api == "vulkan") return check_spirv(bundle, variant, file, bytes, where);
  if (variant.api != "opencl")
    bad_input("{}: this program has no modules for {}", where, printable(variant.api));
  check_opencl_text(bytes, variant, where);
  for (const std::string& entry : file.entries)
    if (const std::string problem = opencl_entry_problem(bytes, *bundle.find(entry));
        !problem.empty())
      bad_input("{}: as kernel {}: {}", where, entry, problem);
}

void check_entries(const KernelBundle& bundle, const KernelVariant& variant) {
  for (const KernelAbi& kernel : bundle.abi)
    if (std::none_of(variant.files.begin(), variant.files.end(), [&](const KernelFile& file) {
          return std::find(file.entries.begin(), file.entries.end(), kernel.name) !=
                 file.entries.end();
        }))
      bad_input("{}: variant {}: no module is kernel {}", bundle.where, variant.id, kernel.name);
}

}  // namespace mlc
