// The program's own kernels as a bundle.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "package/canonical_json.h"
#include "package/kernels/bundle.h"
#include "package/kernels/bundle_modules.h"
#include "package/kernels/module_check.h"
#include "package/version.h"
#include "runtime-min/opencl/variants.h"
#include "runtime-min/vulkan/variants.h"

namespace mlc {
namespace {

constexpr std::string_view kName = "mlc-kernels";

// A variant has every module whose needs its `requires` contains: they are derived, not listed.
struct OwnVariant {
  std::string_view id, api;
  std::int64_t priority;
  std::string_view requires_json;
};
constexpr OwnVariant kVariants[] = {
    // Within what Vulkan 1.1 guarantees, but for the eight buffers that a kernel may have.
    {"vk11-base", "vulkan", 0,
     R"({"apiVersion":"1.1","limits":{"maxPerStageDescriptorStorageBuffers":{">=":8}},"spirv":"1.3"})"},
    // Tiles of a matrix in shared memory.
    {"vk11-tiled", "vulkan", 10,
     R"({"apiVersion":"1.1","limits":{"maxComputeSharedMemorySize":{">=":20480},)"
     R"("maxPerStageDescriptorStorageBuffers":{">=":8}},"spirv":"1.3"})"},
    {"vk11-subgroup", "vulkan", 20,
     R"({"apiVersion":"1.1","capabilities":["GroupNonUniform","GroupNonUniformArithmetic"],)"
     R"("limits":{"maxPerStageDescriptorStorageBuffers":{">=":8}},"spirv":"1.3",)"
     R"("subgroup":{"ops":["BASIC","ARITHMETIC"]}})"},
    {"vk11-subgroup-tiled", "vulkan", 30,
     R"({"apiVersion":"1.1","capabilities":["GroupNonUniform","GroupNonUniformArithmetic"],)"
     R"("limits":{"maxComputeSharedMemorySize":{">=":20480},)"
     R"("maxPerStageDescriptorStorageBuffers":{">=":8}},"spirv":"1.3",)"
     R"("subgroup":{"ops":["BASIC","ARITHMETIC"]}})"},
    {"cl12-base", "opencl", 0, R"({"openclC":"1.2"})"},
};

struct OwnModule {
  std::string_view api;
  std::string name;
  std::set<std::string> entries;
  std::string bytes;
  SpecValues spec;
};

// With which constants a module needs most of a device that has no more than it must have; on
// larger ones the runtime takes more (runtime-min/vulkan/variants.cc).
SpecValues largest_needs(std::string_view shader) {
  constexpr std::uint32_t kLanes = 16, kSubgroupSize = 17, kFormat = 0, kQ3 = 4;
  SpecValues values = {{kLanes, 128}};
  if (shader == "attention") values[kSubgroupSize] = 32;
  // Groups of 40 make its tiles deepest.
  if (shader == "matmul_tiled") values[kFormat] = kQ3;
  return values;
}

std::vector<OwnModule> modules_of(const KernelModules& modules) {
  std::map<std::string_view, std::set<std::string>, std::less<>> shaders;
  for (const Variant& v : vulkan_variant_rows())
    shaders[v.shader].insert(std::string(info_of(v.kernel).name));
  std::map<std::string, std::set<std::string>> files;
  for (const OpenClVariant& v : opencl_variants())
    files[fmt::format("{}.cl", v.file)].insert(std::string(info_of(v.kernel).name));
  std::vector<OwnModule> all;
  for (const auto& [name, words] : modules.spirv) {
    const auto bytes = std::as_bytes(std::span(words));
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte b) { return static_cast<char>(b); });
    all.push_back({"vulkan", name, shaders[name], std::move(text), largest_needs(name)});
  }
  for (const auto& [name, text] : modules.opencl)
    all.push_back({"opencl", name, files[name], text, {}});
  return all;
}

bool belongs(const OwnModule& module, const KernelVariant& variant) {
  if (module.api != variant.api) return false;
  if (module.api != "vulkan") return true;
  return undeclared_need(
             scan_spirv(std::as_bytes(std::span(module.bytes)), module.name, module.spec), variant)
      .empty();
}

Json file_json(const OwnModule& module) {
  Json entries = Json::array();
  for (const std::string& entry : module.entries)
    entries.push(entry);
  Json json = Json::object()
                  .set("digest", Digest::of(module.bytes).text())
                  .set("entries", std::move(entries))
                  .set("module", module.name)
                  .set("size", std::uint64_t{module.bytes.size()});
  if (module.spec.empty()) return json;
  Json spec = Json::object();
  for (const auto& [id, value] : module.spec)
    spec.set(std::to_string(id), std::uint64_t{value});
  return json.set("spec", std::move(spec));
}

Json abi_json() {
  Json entries = Json::array();
  for (const KernelAbi& kernel : own_abi()) {
    Json args = Json::array(), spec = Json::array();
    for (bool written : kernel.args)
      args.push(written ? "buf:w" : "buf:r");
    for (std::uint32_t i = 0; i < kernel.spec; i++)
      spec.push(std::uint64_t{i});
    entries.push(Json::object()
                     .set("args", std::move(args))
                     .set("name", kernel.name)
                     .set("push", std::uint64_t{kernel.push})
                     .set("spec", std::move(spec)));
  }
  return Json::object().set("entry", std::move(entries)).set("major", std::uint64_t{kAbiMajor});
}

// Only what bytes prove: this program wrote the bundle, and each module names its compiler.
Json provenance_json(const std::vector<OwnModule>& modules) {
  std::set<std::uint32_t> generators;
  for (const OwnModule& module : modules)
    if (module.api == "vulkan")
      generators.insert(scan_spirv(std::as_bytes(std::span(module.bytes)), module.name).generator);
  Json tools = Json::array();
  tools.push(Json::object().set("name", "mlc").set("version", MLC_VERSION));
  for (std::uint32_t generator : generators)
    tools.push(Json::object()
                   .set("name", fmt::format("SPIR-V generator {}", generator >> 16))
                   .set("version", std::to_string(generator & 0xFFFF)));
  return Json::object().set("tools", std::move(tools));
}

Json config_of(const std::vector<OwnModule>& modules, const std::string& version) {
  Json variants = Json::array();
  for (const OwnVariant& row : kVariants) {
    const Json needs = parse_json(row.requires_json, std::string(row.id));
    KernelVariant variant;
    variant.api = row.api;
    variant.needs = parse_requirements(needs, std::string(row.id));
    Json files = Json::array();
    for (const OwnModule& module : modules)
      if (belongs(module, variant)) files.push(file_json(module));
    variants.push(Json::object()
                      .set("api", row.api)
                      .set("files", std::move(files))
                      .set("id", row.id)
                      .set("priority", row.priority)
                      .set("requires", needs));
  }
  Json formats = Json::array();
  for (std::string_view format : {"bf16", "f16", "f32", "q3", "q4"})
    formats.push(format);
  return Json::object()
      .set("abi", abi_json())
      .set("covers", Json::object().set("weight_format", std::move(formats)))
      .set("name", kName)
      .set("provenance", provenance_json(modules))
      .set("schema", 1)
      .set("variants", std::move(variants))
      .set("version", version);
}

}  // namespace

Descriptor add_kernel_bundle(LayoutWriter& layout, const std::string& version) {
  return add_kernel_bundle(layout, version, own_kernel_modules());
}

Descriptor add_kernel_bundle(LayoutWriter& layout, const std::string& version,
                             const KernelModules& modules) {
  if (!is_semantic_version(version))
    fail(ExitCode::kUsage, "\"{}\" is no semantic version, expected such as 1.4.0",
         printable(version));
  const std::vector<OwnModule> all = modules_of(modules);
  const std::string config = canonical_json(config_of(all, version));
  const auto bundle = parse_kernel_bundle(config, std::string(kName));
  check_abi(*bundle);
  std::map<std::pair<std::string_view, std::string_view>, const OwnModule*> by_name;
  for (const OwnModule& module : all)
    by_name[{module.api, module.name}] = &module;
  Manifest manifest;
  manifest.artifact_type = kKernelsArtifact;
  manifest.annotations = {{std::string(kTitle), std::string(kName)},
                          {"org.opencontainers.image.version", version}};
  std::map<std::string, Descriptor> layers;  // by title
  for (const KernelVariant& variant : bundle->variants) {
    check_entries(*bundle, variant);
    for (const KernelFile& file : variant.files) {
      const OwnModule& module = *by_name.at({variant.api, file.module});
      check_module(*bundle, variant, file, module.bytes);
      const bool spirv = module.api == "vulkan";
      const std::string title =
          spirv ? fmt::format("vulkan/{}.spv", file.module) : "opencl/" + file.module;
      if (layers.count(title) != 0) continue;
      Descriptor layer = layout.add(spirv ? kSpirvLayer : kOpenclLayer, module.bytes);
      layer.annotations = {{std::string(kTitle), title}};
      layers.emplace(title, std::move(layer));
    }
  }
  for (const auto& [title, layer] : layers)
    manifest.layers.push_back(layer);
  manifest.config = layout.add(kKernelsConfig, config);
  return layout.add(kManifestType, dump_manifest(manifest));
}

}  // namespace mlc
