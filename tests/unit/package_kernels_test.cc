// Kernel bundles: the scanner, derived needs, the config, the choice of variants, and bundles
// within layouts. Rows KN of docs/robustness.md.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spirv-tools/libspirv.h>

#include "base/error.h"
#include "base/file.h"
#include "package/kernels/bundle_modules.h"
#include "package/kernels/device_kernels.h"
#include "package/kernels/module_check.h"
#include "package/kernels/vulkan_terms.h"
#include "runtime-min/vulkan/variants.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// "3: what it said": the exit code and the message.
template <class Call>
std::string error(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return fmt::format("{}: {}", static_cast<int>(e.code()), e.what());
  }
  return "no error";
}
testing::Matcher<std::string> refused(int code, const std::string& text) {
  return testing::AllOf(testing::StartsWith(fmt::format("{}: ", code)), HasSubstr(text));
}

// SPIR-V from its assembly, by Khronos' library.
std::string assembled(const std::string& text, spv_target_env environment = SPV_ENV_VULKAN_1_1) {
  spv_context context = spvContextCreate(environment);
  spv_binary binary = nullptr;
  spv_diagnostic diagnostic = nullptr;
  spvTextToBinary(context, text.data(), text.size(), &binary, &diagnostic);
  std::string bytes;
  if (binary != nullptr) {
    bytes.resize(binary->wordCount * 4);
    std::memcpy(bytes.data(), binary->code, bytes.size());
  } else {
    ADD_FAILURE() << (diagnostic == nullptr ? "not assembled" : diagnostic->error);
  }
  spvBinaryDestroy(binary);
  spvDiagnosticDestroy(diagnostic);
  spvContextDestroy(context);
  return bytes;
}

SpirvModule scanned(const std::string& bytes, const SpecValues& values = {}) {
  return scan_spirv(std::as_bytes(std::span(bytes)), "m.spv", values);
}
std::string scan_error(const std::string& bytes) {
  return error([&] { scanned(bytes); });
}

// A kernel that reads buffer 0 and writes buffer 1; the test's lines go where they belong.
struct Source {
  std::string capabilities = {};
  std::string entry = "main";
  std::string local_size = "1 1 1";
  std::string shared_words = "16";
  std::string push_member = "%uint";  // of the push constants
  std::string push_decorations = {};
  std::string decorations = {};
  std::string types = {};

  std::string text() const {
    return fmt::format(R"(
OpCapability Shader
{}
OpMemoryModel Logical GLSL450
OpEntryPoint GLCompute %main "{}"
OpExecutionMode %main LocalSize {}
OpDecorate %runtime ArrayStride 4
OpMemberDecorate %X 0 NonWritable
OpMemberDecorate %X 0 Offset 0
OpDecorate %X Block
OpMemberDecorate %Y 0 Offset 0
OpDecorate %Y Block
OpDecorate %x DescriptorSet 0
OpDecorate %x Binding 0
OpDecorate %y DescriptorSet 0
OpDecorate %y Binding 1
OpMemberDecorate %P 0 Offset 0
OpDecorate %P Block
{}
{}
%void = OpTypeVoid
%function = OpTypeFunction %void
%uint = OpTypeInt 32 0
%zero = OpConstant %uint 0
%one = OpConstant %uint 1
%words = OpConstant %uint {}
%runtime = OpTypeRuntimeArray %uint
%X = OpTypeStruct %runtime
%Y = OpTypeStruct %runtime
%to_x = OpTypePointer StorageBuffer %X
%to_y = OpTypePointer StorageBuffer %Y
%to_word = OpTypePointer StorageBuffer %uint
%x = OpVariable %to_x StorageBuffer
%y = OpVariable %to_y StorageBuffer
%tile = OpTypeArray %uint %words
%to_tile = OpTypePointer Workgroup %tile
%shared = OpVariable %to_tile Workgroup
{}
%P = OpTypeStruct {}
%to_p = OpTypePointer PushConstant %P
%p = OpVariable %to_p PushConstant
%main = OpFunction %void None %function
%label = OpLabel
%from = OpAccessChain %to_word %x %zero %zero
%value = OpLoad %uint %from
%to = OpAccessChain %to_word %y %zero %one
OpStore %to %value
OpReturn
OpFunctionEnd
)",
                       capabilities, entry, local_size, push_decorations, decorations, shared_words,
                       types, push_member);
  }
};

KernelVariant variant_of(const std::string& requires_json, const std::string& api = "vulkan") {
  KernelVariant variant;
  variant.id = "v";
  variant.api = api;
  variant.needs = parse_requirements(parse_json(requires_json, "requires"), "requires");
  return variant;
}
const std::string kBase = R"({"apiVersion":"1.1"})";

// A bundle of one kernel with these modules: pairs of requires and assembly.
KernelBundle bundle_of(KernelVariant variant, std::uint32_t push = 4) {
  KernelBundle bundle;
  bundle.where = "b";
  bundle.abi = {{.name = "copy", .args = {false, true}, .push = push, .spec = 0}};
  variant.files = {{.module = "m", .entries = {"copy"}, .digest = {}, .size = 0, .spec = {}}};
  bundle.variants = {std::move(variant)};
  return bundle;
}
std::string module_error(const std::string& requires_json, const std::string& bytes,
                         std::uint32_t push = 4) {
  return error([&] {
    const KernelBundle bundle = bundle_of(variant_of(requires_json), push);
    check_module(bundle, bundle.variants[0], bundle.variants[0].files[0], bytes);
  });
}

TEST(SpirvScan, ReadsOurKernels) {
  const KernelModules modules = own_kernel_modules();
  ASSERT_EQ(modules.spirv.size(), 31U);
  const auto scan = [&](const char* name, const SpecValues& values) {
    const auto& words = modules.spirv.find(name)->second;
    return scan_spirv(std::as_bytes(std::span(words)), name, values);
  };
  const SpirvModule tiled = scan("matmul_tiled", {{0, 4}, {16, 128}});
  EXPECT_EQ(tiled.version, (SpirvVersion{1, 3}));
  EXPECT_EQ(tiled.shared_bytes, 20480U);
  EXPECT_EQ(tiled.push_bytes, 24U);
  EXPECT_EQ(tiled.spec_ids, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 16}));
  ASSERT_EQ(tiled.entries.size(), 1U);
  EXPECT_EQ(tiled.entries[0].name, "main");
  EXPECT_TRUE(tiled.entries[0].compute);
  EXPECT_EQ((*tiled.entries[0].local_size)[0], 128U);
  EXPECT_EQ(scan("matmul_tiled", {}).shared_bytes, 16384U);
  const SpirvModule uniform = scan("matmul_uniform", {});
  ASSERT_EQ(uniform.bindings.size(), 6U);
  EXPECT_EQ(uniform.bindings[0].kind, SpirvBinding::Kind::kUniform);
  EXPECT_TRUE(uniform.bindings[5].writable);
  EXPECT_FALSE(uniform.bindings[1].writable);
  EXPECT_THAT(scan("norm_subgroup", {}).capabilities, testing::ElementsAre(1, 61, 63));
}

TEST(SpirvScan, LocalSizeIdAndArrays) {
  const std::string text = R"(
OpCapability Shader
OpMemoryModel Logical GLSL450
OpEntryPoint GLCompute %main "main"
OpExecutionModeId %main LocalSizeId %lanes %two %one
OpDecorate %lanes SpecId 3
%void = OpTypeVoid
%function = OpTypeFunction %void
%uint = OpTypeInt 32 0
%lanes = OpSpecConstant %uint 7
%one = OpConstant %uint 1
%two = OpConstant %uint 2
%size = OpSpecConstantOp %uint IMul %lanes %two
%vec = OpTypeVector %uint 3
%array = OpTypeArray %vec %size
%outer = OpTypeArray %array %two
%to = OpTypePointer Workgroup %outer
%shared = OpVariable %to Workgroup
%main = OpFunction %void None %function
%label = OpLabel
OpReturn
OpFunctionEnd
)";
  const SpirvModule module = scanned(assembled(text, SPV_ENV_VULKAN_1_3), {{3, 10}});
  EXPECT_EQ(*module.entries[0].local_size, (std::array<std::uint64_t, 3>{10, 2, 1}));
  EXPECT_EQ(module.shared_bytes, 2U * 20 * 12);
}

void set_word(std::string& bytes, std::size_t index, std::uint32_t value) {
  std::memcpy(bytes.data() + index * 4, &value, 4);
}

TEST(KN01, NoSoundModule) {
  const std::string good = assembled(Source{}.text());
  EXPECT_EQ(module_error(kBase, good), "no error");
  std::string bad = good;
  set_word(bad, 0, 0x07230204);
  EXPECT_THAT(scan_error(bad), refused(3, "begins with 0x07230204"));
  for (std::size_t i = 0; i < bad.size(); i += 4)
    std::reverse_copy(good.begin() + static_cast<std::ptrdiff_t>(i),
                      good.begin() + static_cast<std::ptrdiff_t>(i) + 4,
                      bad.begin() + static_cast<std::ptrdiff_t>(i));
  EXPECT_THAT(scan_error(bad), refused(3, "big-endian"));
  EXPECT_THAT(scan_error(good + "x"), refused(3, "no multiple of 4"));
  EXPECT_THAT(scan_error(good.substr(0, 16)), refused(3, "shorter than the header"));
  EXPECT_THAT(scan_error(""), refused(3, "shorter than the header"));
  bad = good;
  set_word(bad, 3, 0x80000000);
  EXPECT_THAT(scan_error(bad), refused(3, "its bound is 2147483648"));
  bad = good;
  set_word(bad, 5, 17);  // OpCapability of no words
  EXPECT_THAT(scan_error(bad), refused(3, "the instruction at word 5 has no length"));
  bad = good;
  set_word(bad, 5, 0xFFFF0011);
  EXPECT_THAT(scan_error(bad), refused(3, "are left"));
  bad = good;
  set_word(bad, 1, 0x00010700);
  EXPECT_THAT(scan_error(bad), refused(3, "expected SPIR-V 1.0 to 1.6"));
  // Cut anywhere: the scanner says so, or the validator does.
  for (std::size_t size = 20; size < good.size(); size += 4)
    EXPECT_THAT(module_error(kBase, good.substr(0, size)), refused(3, "")) << size;
  EXPECT_THAT(scan_error(std::string(kMaxModule + 4, '\0')), refused(3, "a module has"));
  // Behind the scanner: an opcode that there is none of, within a function.
  bad = good;
  set_word(bad, good.size() / 4 - 2, 0x0001FFFE);  // for OpReturn
  EXPECT_NO_THROW(scanned(bad));
  EXPECT_THAT(module_error(kBase, bad),
              refused(3, "invalid SPIR-V for Vulkan 1.1: Invalid opcode"));
}

TEST(KN01, NothingGrowsWithoutEnd) {
  // Each array holds the one before it twice; the sizes leave 64 bits, the scanner stays.
  std::string types = "%two = OpConstant %uint 2\n%a0 = OpTypeArray %uint %two\n";
  for (int i = 1; i < 80; i++)
    types += fmt::format("%a{} = OpTypeArray %a{} %two\n", i, i - 1);
  types += "%to_a = OpTypePointer Workgroup %a79\n%big = OpVariable %to_a Workgroup\n";
  const std::string bytes = assembled(Source{.types = types}.text());
  EXPECT_FALSE(scanned(bytes).shared_bytes.has_value());
  EXPECT_THAT(module_error(kBase, bytes), refused(3, "shared memory can't be computed"));
}

TEST(KN02, CapabilitiesMustBeDeclared) {
  const std::string half = assembled(Source{.capabilities = "OpCapability Float16"}.text());
  EXPECT_THAT(module_error(kBase, half),
              refused(3,
                      "b: variant v, module m: it uses capability Float16, which its requires "
                      "does not declare"));
  EXPECT_EQ(module_error(R"({"apiVersion":"1.1","capabilities":["Float16"]})", half), "no error");
  const std::string dot = assembled(
      Source{.capabilities = "OpCapability DotProduct\nOpExtension \"SPV_KHR_integer_dot_product\""}
          .text());
  EXPECT_THAT(module_error(kBase, dot), refused(3, "capability DotProduct"));
  EXPECT_THAT(module_error(R"({"apiVersion":"1.1","capabilities":["DotProduct"]})", dot),
              refused(3, "its requires does not declare VK_KHR_shader_integer_dot_product"));
  EXPECT_EQ(module_error(R"({"apiVersion":"1.3","capabilities":["DotProduct"]})", dot), "no error");
  EXPECT_THAT(module_error(kBase, assembled(Source{.capabilities = "OpCapability Kernel"}.text())),
              refused(3, "it uses capability 6, which this program does not know"));
}

TEST(KN03, VersionOfSpirv) {
  const std::string new_one = assembled(Source{}.text(), SPV_ENV_UNIVERSAL_1_6);
  EXPECT_THAT(module_error(kBase, new_one),
              refused(3, "it is SPIR-V 1.6, a device with Vulkan 1.1 takes 1.3"));
  EXPECT_THAT(module_error(R"({"apiVersion":"1.1","spirv":"1.6"})", new_one),
              refused(3, "a device with Vulkan 1.1 takes 1.3"));
  EXPECT_THAT(module_error(R"({"apiVersion":"1.3","spirv":"1.5"})", new_one),
              refused(3, "it is SPIR-V 1.6, its requires declares 1.5"));
  // 1.1 with the extension goes to 1.4.
  const std::string four = assembled(Source{}.text(), SPV_ENV_UNIVERSAL_1_4);
  EXPECT_THAT(module_error(kBase, four), refused(3, "takes 1.3"));
  EXPECT_THAT(module_error(R"({"apiVersion":"1.1","extensions":["VK_KHR_spirv_1_4"]})", four),
              refused(3, "invalid SPIR-V"));  // its interface lacks the buffers, as 1.4 wants
}

TEST(KN04, LimitsMustBeDeclared) {
  const std::string large = assembled(Source{.local_size = "1024 1 1"}.text());
  EXPECT_THAT(module_error(kBase, large), refused(3, "work-groups have 1024 invocations"));
  EXPECT_THAT(
      module_error(R"({"apiVersion":"1.1","limits":{"maxComputeWorkGroupSize":{">=":[1024,1,1]}}})",
                   large),
      refused(3, "it needs maxComputeWorkGroupInvocations 1024, its requires declares 128"));
  EXPECT_EQ(module_error(R"({"apiVersion":"1.1","limits":{"maxComputeWorkGroupSize":)"
                         R"({">=":[1024,1,1]},"maxComputeWorkGroupInvocations":{">=":1024}}})",
                         large),
            "no error");
  const std::string shared = assembled(Source{.shared_words = "12288"}.text());
  EXPECT_THAT(module_error(kBase, shared),
              refused(3, "it needs maxComputeSharedMemorySize 49152, its requires declares 16384"));
  std::string push = Source{.push_member = "%many",
                            .push_decorations = "OpDecorate %many ArrayStride 4",
                            .types = "%c64 = OpConstant %uint 64\n%many = OpTypeArray %uint %c64"}
                         .text();
  EXPECT_THAT(module_error(kBase, assembled(push), 256),
              refused(3, "it needs maxPushConstantsSize 256, its requires declares 128"));
  EXPECT_EQ(module_error(R"({"apiVersion":"1.1","limits":{"maxPushConstantsSize":{">=":256}}})",
                         assembled(push), 256),
            "no error");
}

TEST(KN05, EntriesAndArguments) {
  EXPECT_THAT(module_error(kBase, assembled(Source{.entry = "other"}.text())),
              refused(3, "as kernel copy: there is no compute entry point \"main\""));
  EXPECT_THAT(module_error(kBase, assembled(Source{}.text()), 8),
              refused(3, "its push constants have 4 bytes, the abi has 8"));
  KernelBundle bundle = bundle_of(variant_of(kBase));
  const std::string good = assembled(Source{}.text());
  const auto check = [&] {
    return error(
        [&] { check_module(bundle, bundle.variants[0], bundle.variants[0].files[0], good); });
  };
  bundle.abi[0].args = {false, false, true};
  EXPECT_THAT(check(), refused(3, "it binds 2 buffers, the abi has 3 arguments"));
  bundle.abi[0].args = {true, false};
  EXPECT_THAT(check(), refused(3, "it can write buffer 1, which the abi has as read only"));
  bundle.abi[0].args = {false, true};
  bundle.variants[0].files[0].spec = {{16, 4}};
  EXPECT_THAT(check(), refused(3, "its spec names constant 16, which it does not have"));
  bundle.variants[0].files.clear();
  EXPECT_THAT(error([&] { check_entries(bundle, bundle.variants[0]); }),
              refused(3, "no module is kernel copy"));
  // In OpenCL C.
  const KernelAbi kernel{.name = "copy", .args = {false, true}, .push = 4, .spec = 0};
  EXPECT_EQ(
      opencl_entry_problem("__kernel void copy(global int* a, global int* b, uint n) {}", kernel),
      "");
  EXPECT_EQ(opencl_entry_problem("__kernel void copy(global int* a, uint n) {}", kernel),
            "it has 2 arguments, the abi has 3 (buffers and words)");
  EXPECT_EQ(opencl_entry_problem("__kernel void other(global int* a) {} // copy", kernel),
            "there is no kernel of the name copy");
  EXPECT_EQ(
      opencl_entry_problem("#define NAME copy\n__kernel void NAME(BUFFERS, WORDS) {}", kernel), "");
}

TEST(KN06, TextThatReachesForFiles) {
  KernelVariant variant = variant_of(R"({"openclC":"1.2"})", "opencl");
  variant.files = {{.module = "good.clh", .entries = {}, .digest = {}, .size = 0, .spec = {}}};
  const auto check = [&](const std::string& text) {
    return error([&] { check_opencl_text(text, variant, "m.cl"); });
  };
  EXPECT_EQ(check("#include \"good.clh\"\n#pragma OPENCL FP_CONTRACT OFF\n#define A(x) \\\n x\n"
                  "// asm\n/* #include \"x\" */ char c = '\"';\n"),
            "no error");
  for (const char* text :
       {"#include \"/etc/passwd\"\n", "#include </etc/passwd>\n", " # include \"good.clh\"\n",
        "#/**/include \"/etc/passwd\"\n", "#inc\\\nlude \"/etc/passwd\"\n",
        "/*\n*/ #include \"/etc/passwd\"\n", "#define F \"/etc/passwd\"\n#include F\n",
        "#include \"good.clh\" \"x\"\n", "int a;\n#include \"bad.clh\""})
    EXPECT_THAT(check(text), refused(3, "includes what is no file of the variant")) << text;
  EXPECT_THAT(check("#include_next \"good.clh\"\n"), refused(3, "is not for kernels"));
  EXPECT_THAT(check("#import \"good.clh\"\n"), refused(3, "is not for kernels"));
  EXPECT_THAT(check("#pragma GCC dependency \"/etc/passwd\"\n"), refused(3, "is not for kernels"));
  EXPECT_THAT(check("#line 1 \"x\"\n"), refused(3, "is not for kernels"));
  EXPECT_THAT(check("%:include \"/etc/passwd\"\n"), refused(3, "\"%:\" is not for kernels"));
  EXPECT_THAT(check("?"
                    "?=include \"/etc/passwd\"\n"),
              refused(3, "is not for kernels"));
  EXPECT_THAT(check("constant char* f = __FILE__;"), refused(3, "line 1: \"__FILE__\""));
  EXPECT_THAT(check("void f() { __asm__(\".incbin\"); }"), refused(3, "\"__asm__\""));
  EXPECT_THAT(check("_Pragma(\"GCC dependency\")"), refused(3, "_Pragma"));
  EXPECT_THAT(check("float \xC3\xA4;"), refused(3, "byte 6 is 0xc3, expected ASCII text"));
  EXPECT_THAT(check(std::string("a\0b", 3)), refused(3, "byte 1 is 0x00"));
  EXPECT_THAT(check(std::string(2 << 20, 'x')), refused(3, "expected at most 1048576"));
  // The program's own text is fine.
  const KernelModules modules = own_kernel_modules();
  variant.files.clear();
  for (const auto& [name, text] : modules.opencl)
    variant.files.push_back({.module = name, .entries = {}, .digest = {}, .size = 0, .spec = {}});
  for (const auto& [name, text] : modules.opencl)
    EXPECT_EQ(check(text), "no error") << name;
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

// A config with these variants: ID, api, priority, requires, more members.
std::string config(const std::string& variants, const std::string& more = "") {
  return fmt::format(
      R"({{"schema":1,"name":"n","version":"1.0.0","abi":{{"major":1,"entry":[)"
      R"({{"name":"copy","args":["buf:r","buf:w"],"push":4,"spec":[]}}]}},"variants":[{}]{}}})",
      variants, more);
}
std::string variant(const std::string& id, int priority, const std::string& needs,
                    const std::string& api = "vulkan", const std::string& more = "") {
  return fmt::format(R"({{"id":"{}","api":"{}","priority":{},"requires":{},"files":[)"
                     R"({{"module":"m","entries":["copy"],"digest":"{}","size":4}}]{}}})",
                     id, api, priority, needs, kDigest, more);
}
std::string config_error(const std::string& text) {
  return error([&] { parse_kernel_bundle(text, "c.json"); });
}

TEST(KN07, ConfigsThatAreRefused) {
  const std::string base = variant("base", 0, kBase);
  EXPECT_EQ(config_error(config(base)), "no error");
  EXPECT_EQ(config_error(config(base, R"(,"later":{"x":1})")), "no error");
  std::string two = config(base);
  two.replace(two.find("\"schema\":1"), 10, "\"schema\":2");
  EXPECT_THAT(config_error(two),
              refused(3, "kernel bundle of schema 2, this program reads schema 1"));
  EXPECT_THAT(config_error(config(base + "," + base)),
              refused(3, "variant base stands there twice"));
  EXPECT_THAT(config_error(config(variant("a", 0, R"({"apiVersion":"1.2"})"))),
              refused(3, "no variant for vulkan is a baseline"));
  EXPECT_THAT(config_error(config(base + "," + variant("c", 0, R"({"vendor":["X"]})", "opencl"))),
              refused(3, "no variant for opencl is a baseline"));
  EXPECT_THAT(config_error(config(variant("a", 0, kBase, "vulkan", R"(,"deny":[{}])"))),
              refused(3, "is a baseline"));
  EXPECT_THAT(config_error(config("")), refused(3, "there are no variants"));
  EXPECT_THAT(config_error(config(variant("../x", 0, kBase))), refused(3, "is no name"));
  EXPECT_THAT(config_error(config(variant("a", 0, R"({"apiVersion":"one"})"))),
              refused(3, "\"one\" is no version"));
  EXPECT_THAT(config_error(config(variant("a", 0, R"({"capabilities":"Float16"})"))),
              refused(3, "capabilities"));
  std::string version = config(base);
  version.replace(version.find("1.0.0"), 5, "1.0.01");
  EXPECT_THAT(config_error(version), refused(3, "is no semantic version"));
  std::string upper = config(base);
  upper.replace(upper.find("aaaa"), 4, "AAAA");
  EXPECT_THAT(config_error(upper), refused(3, "digest"));
  std::string kernel = config(base);
  kernel.replace(kernel.find("[\"copy\"]"), 8, "[\"norm\"]");
  EXPECT_THAT(config_error(kernel), refused(3, "it is to be kernel \"norm\", which abi lacks"));
  EXPECT_THAT(config_error(config(base).substr(1)), refused(3, "c.json"));
}

// Devices of classes that exist, written from what Vulkan guarantees and what its features are
// called; none is a copy of a product's report.
struct Class {
  std::string name;
  std::string expected_own, expected_rich;
  std::string api = "1.1.0";
  std::uint64_t shared = 16384, invocations = 128, push = 128, buffers = 8;
  std::uint64_t subgroup = 32;
  std::vector<std::string> ops = {"BASIC"};
  bool control = false;
  std::uint64_t least = 0, most = 0;
  bool half = false, storage16 = false, dot = false;
  std::uint64_t vendor = 1;
  std::string driver = "1.0.0";

  Json profile() const {
    Json operations = Json::array();
    for (const std::string& op : ops)
      operations.push(op);
    Json sub = Json::object()
                   .set("size", subgroup)
                   .set("ops", std::move(operations))
                   .set("control", control);
    if (control) sub.set("minSize", least).set("maxSize", most);
    return Json::object()
        .set("api", "vulkan")
        .set("apiVersion", api)
        .set("vendorID", vendor)
        .set("driverVersion", driver)
        .set("extensions", Json::array())
        .set("features",
             Json::object()
                 .set("VkPhysicalDeviceVulkan11Features",
                      Json::object().set("storageBuffer16BitAccess", storage16))
                 .set("VkPhysicalDeviceVulkan12Features", Json::object().set("shaderFloat16", half))
                 .set("VkPhysicalDeviceVulkan13Features",
                      Json::object().set("shaderIntegerDotProduct", dot)))
        .set("limits", Json::object()
                           .set("maxComputeSharedMemorySize", shared)
                           .set("maxComputeWorkGroupInvocations", invocations)
                           .set("maxPushConstantsSize", push)
                           .set("maxPerStageDescriptorStorageBuffers", buffers))
        .set("subgroup", std::move(sub));
  }
};

// As the specification of bundles has it: fast where the device is known to be able.
std::string rich_config() {
  return config(
      variant("vk11-base", 0, kBase) + "," +
      variant(
          "vk11-f16", 10,
          R"({"apiVersion":"1.1","capabilities":["Float16","StorageBuffer16BitAccess"],)"
          R"("limits":{"maxComputeSharedMemorySize":{">=":32768},)"
          R"("maxComputeWorkGroupInvocations":{">=":256}}})",
          "vulkan",
          R"(,"deny":[{"vendorID":20803,"driverVersion":{"<":"512.800"},"reason":"wrong sums"}])") +
      "," +
      variant("vk13-f16-sg32-dp4a", 30,
              R"({"apiVersion":"1.3","spirv":"1.5","capabilities":["Float16",)"
              R"("StorageBuffer16BitAccess","DotProduct"],"features":{)"
              R"("VkPhysicalDeviceVulkan12Features":{"shaderFloat16":true}},)"
              R"("limits":{"maxComputeSharedMemorySize":{">=":32768}},)"
              R"("subgroup":{"size":32,"control":"required","ops":["BASIC","ARITHMETIC"]}})") +
      "," + variant("vk14-next", 99, R"({"apiVersion":"1.1","tensorCores":{"kind":"new"}})") + "," +
      variant("cl12-base", 0, R"({"openclC":"1.2"})", "opencl") + "," +
      variant("cl30-q", 20,
              R"({"openclC":"3.0","extensions":["cl_khr_fp16","cl_khr_subgroups"],)"
              R"("vendor":["QUALCOMM"]})",
              "opencl"));
}

std::vector<Class> classes() {
  const std::vector<std::string> sums = {"BASIC", "VOTE", "ARITHMETIC", "BALLOT"};
  const std::string b = "vk11-base", t = "vk11-tiled", s = "vk11-subgroup",
                    st = "vk11-subgroup-tiled", h = "vk11-f16", d = "vk13-f16-sg32-dp4a";
  return {
      {.name = "what Vulkan 1.1 guarantees", .expected_own = "", .expected_rich = b, .buffers = 4},
      {.name = "seven buffers", .expected_own = "", .expected_rich = b, .buffers = 7},
      {.name = "eight buffers", .expected_own = b, .expected_rich = b},
      {.name = "Vulkan 1.0", .expected_own = "", .expected_rich = "", .api = "1.0.68"},
      {.name = "Vulkan 1.0, able",
       .expected_own = "",
       .expected_rich = "",
       .api = "1.0.255",
       .shared = 65536,
       .invocations = 1024,
       .buffers = 1024,
       .ops = sums},
      {.name = "20 KB", .expected_own = t, .expected_rich = b, .shared = 20480},
      {.name = "a byte less", .expected_own = b, .expected_rich = b, .shared = 20479},
      {.name = "32 KB", .expected_own = t, .expected_rich = b, .shared = 32768},
      {.name = "48 KB",
       .expected_own = t,
       .expected_rich = b,
       .shared = 49152,
       .invocations = 1024},
      {.name = "sums, 16 KB", .expected_own = s, .expected_rich = b, .ops = sums},
      {.name = "sums, 32 KB", .expected_own = st, .expected_rich = b, .shared = 32768, .ops = sums},
      {.name = "sums of 4", .expected_own = s, .expected_rich = b, .subgroup = 4, .ops = sums},
      {.name = "sums of 8",
       .expected_own = st,
       .expected_rich = b,
       .shared = 32768,
       .subgroup = 8,
       .ops = sums},
      {.name = "sums of 16",
       .expected_own = st,
       .expected_rich = b,
       .shared = 32768,
       .subgroup = 16,
       .ops = sums},
      {.name = "sums of 64",
       .expected_own = st,
       .expected_rich = b,
       .shared = 65536,
       .subgroup = 64,
       .ops = sums},
      {.name = "sums of 128",
       .expected_own = st,
       .expected_rich = b,
       .shared = 32768,
       .subgroup = 128,
       .ops = sums},
      {.name = "arithmetic alone", .expected_own = b, .expected_rich = b, .ops = {"ARITHMETIC"}},
      {.name = "ballots only", .expected_own = b, .expected_rich = b, .ops = {"BASIC", "BALLOT"}},
      {.name = "no subgroups in compute", .expected_own = b, .expected_rich = b, .ops = {}},
      {.name = "half, 16 KB",
       .expected_own = b,
       .expected_rich = b,
       .half = true,
       .storage16 = true},
      {.name = "half, 32 KB, 128 invocations",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .half = true,
       .storage16 = true},
      {.name = "half, 32 KB, 256 invocations",
       .expected_own = t,
       .expected_rich = h,
       .shared = 32768,
       .invocations = 256,
       .half = true,
       .storage16 = true},
      {.name = "half in registers only",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .invocations = 256,
       .half = true},
      {.name = "half in storage only",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .invocations = 256,
       .storage16 = true},
      {.name = "half and sums",
       .expected_own = st,
       .expected_rich = h,
       .shared = 32768,
       .invocations = 512,
       .ops = sums,
       .half = true,
       .storage16 = true},
      {.name = "vendor 20803, old driver",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 20803,
       .driver = "512.650.3"},
      {.name = "vendor 20803, driver before",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 20803,
       .driver = "512.799.99"},
      {.name = "vendor 20803, driver of the fix",
       .expected_own = t,
       .expected_rich = h,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 20803,
       .driver = "512.800.0"},
      {.name = "vendor 20803, new driver",
       .expected_own = t,
       .expected_rich = h,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 20803,
       .driver = "512.1200"},
      {.name = "vendor 20803, unreadable driver",
       .expected_own = t,
       .expected_rich = b,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 20803,
       .driver = "beta"},
      {.name = "other vendor, old driver",
       .expected_own = t,
       .expected_rich = h,
       .shared = 32768,
       .invocations = 1024,
       .half = true,
       .storage16 = true,
       .vendor = 5045,
       .driver = "1.0"},
      {.name = "1.2, all but 1.3",
       .expected_own = st,
       .expected_rich = h,
       .api = "1.2.198",
       .shared = 49152,
       .invocations = 1024,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 32,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, subgroups of 32",
       .expected_own = st,
       .expected_rich = d,
       .api = "1.3.230",
       .shared = 49152,
       .invocations = 1024,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 32,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, 32 or 64",
       .expected_own = st,
       .expected_rich = d,
       .api = "1.3.250",
       .shared = 65536,
       .invocations = 1024,
       .subgroup = 64,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 64,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, 8 to 32",
       .expected_own = st,
       .expected_rich = d,
       .api = "1.3.224",
       .shared = 65536,
       .invocations = 1024,
       .subgroup = 16,
       .ops = sums,
       .control = true,
       .least = 8,
       .most = 32,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, 64 only",
       .expected_own = st,
       .expected_rich = h,
       .api = "1.3.230",
       .shared = 65536,
       .invocations = 1024,
       .subgroup = 64,
       .ops = sums,
       .control = true,
       .least = 64,
       .most = 128,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, no control",
       .expected_own = st,
       .expected_rich = h,
       .api = "1.3.230",
       .shared = 65536,
       .invocations = 1024,
       .ops = sums,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.3, no dot product",
       .expected_own = st,
       .expected_rich = h,
       .api = "1.3.230",
       .shared = 65536,
       .invocations = 1024,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 32,
       .half = true,
       .storage16 = true},
      {.name = "1.3, no half",
       .expected_own = st,
       .expected_rich = b,
       .api = "1.3.230",
       .shared = 32768,
       .invocations = 1024,
       .subgroup = 8,
       .ops = sums,
       .control = true,
       .least = 8,
       .most = 8,
       .storage16 = true,
       .dot = true},
      {.name = "1.4",
       .expected_own = st,
       .expected_rich = d,
       .api = "1.4.300",
       .shared = 49152,
       .invocations = 1024,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 32,
       .half = true,
       .storage16 = true,
       .dot = true},
      {.name = "1.10 is after 1.3",
       .expected_own = st,
       .expected_rich = d,
       .api = "1.10",
       .shared = 49152,
       .invocations = 1024,
       .ops = sums,
       .control = true,
       .least = 32,
       .most = 32,
       .half = true,
       .storage16 = true,
       .dot = true},
  };
}

std::string own_config() {
  static const std::string kText = [] {
    char name[] = "/tmp/mlc-kernels-XXXXXX";
    const std::string folder = mkdtemp(name);
    std::string text;
    {
      LayoutWriter writer(folder + "/pkg");
      const Descriptor manifest = add_kernel_bundle(writer, "0.1.0");
      writer.commit(std::vector<LayoutWriter::Entry>{{manifest, "kernels"}});
      const Layout layout(folder + "/pkg");
      text = layout.read(layout.manifest(layout.find("kernels")).config, kMaxConfig);
    }
    fs::remove_all(folder);
    return text;
  }();
  return kText;
}

TEST(KN08, GoldenTableOfDevices) {
  const auto own = parse_kernel_bundle(own_config(), "own");
  const auto rich = parse_kernel_bundle(rich_config(), "rich");
  const std::vector<Class> rows = classes();
  ASSERT_GE(rows.size(), 40U);
  for (const Class& row : rows) {
    EXPECT_EQ(select_variant(*own, row.profile(), "vulkan").id, row.expected_own) << row.name;
    EXPECT_EQ(select_variant(*rich, row.profile(), "vulkan").id, row.expected_rich) << row.name;
    EXPECT_EQ(select_variant(*rich, row.profile(), "opencl").id, "") << row.name;
  }
  const auto opencl = [&](const std::string& text) {
    return select_variant(*rich, parse_json(text, "device"), "opencl").id;
  };
  EXPECT_EQ(opencl(R"({"openclC":"1.2"})"), "cl12-base");
  EXPECT_EQ(opencl(R"({"openclC":"1.1"})"), "");
  EXPECT_EQ(opencl(R"({"openclC":"3.0","vendor":"QUALCOMM","extensions":["cl_khr_fp16"]})"),
            "cl12-base");
  EXPECT_EQ(opencl(R"({"openclC":"3.0","vendor":"QUALCOMM",)"
                   R"("extensions":["cl_khr_subgroups","cl_khr_fp16"]})"),
            "cl30-q");
  EXPECT_EQ(opencl(R"({"openclC":"3.0","vendor":"ARM",)"
                   R"("extensions":["cl_khr_subgroups","cl_khr_fp16"]})"),
            "cl12-base");
  EXPECT_EQ(opencl("{}"), "");
  EXPECT_EQ(opencl("[]"), "");
}

TEST(KN08, ExplainsWhatWasRefused) {
  const auto rich = parse_kernel_bundle(rich_config(), "rich");
  Class row = classes()[2];
  VariantChoice choice = select_variant(*rich, row.profile(), "vulkan");
  EXPECT_EQ(choice.id, "vk11-base");
  ASSERT_EQ(choice.explained.size(), 6U);
  EXPECT_THAT(choice.explained[0],
              HasSubstr("vk14-next: refused: \"tensorCores\": this program does not know"));
  EXPECT_THAT(choice.explained,
              testing::Contains(HasSubstr("vk11-base: taken (priority 0, 1 req")));
  EXPECT_THAT(choice.explained,
              testing::Contains(
                  HasSubstr("limits.maxComputeSharedMemorySize >= 32768: the device has 16384")));
  row = classes()[25];
  choice = select_variant(*rich, row.profile(), "vulkan");
  EXPECT_THAT(choice.explained,
              testing::Contains(HasSubstr("vk11-f16: refused: denied: wrong sums")));
}

TEST(KN08, TiesMissingFieldsAndNaN) {
  const std::string same = R"({"apiVersion":"1.1","limits":{"a":{">=":1}}})";
  const auto bundle =
      parse_kernel_bundle(config(variant("z", 5, same) + "," + variant("b", 5, same) + "," +
                                 variant("m", 5, kBase) + "," + variant("base", 0, kBase)),
                          "c");
  Json device = Json::object().set("apiVersion", "1.1");
  EXPECT_EQ(select_variant(*bundle, device, "vulkan").id, "m");  // "a" is missing
  device.set("limits", Json::object().set("a", 1));
  EXPECT_EQ(select_variant(*bundle, device, "vulkan").id, "b");  // more met, then the id
  for (const Json& value : {Json(std::nan("")), Json("1"), Json(), Json(true), Json::array()}) {
    device.set("limits", Json::object().set("a", value));
    EXPECT_EQ(select_variant(*bundle, device, "vulkan").id, "m") << dump_json(value);
  }
  device.set("limits", Json::object().set("a", std::numeric_limits<double>::infinity()));
  EXPECT_EQ(select_variant(*bundle, device, "vulkan").id, "b");
  device.set("apiVersion", 1.1);
  EXPECT_EQ(select_variant(*bundle, device, "vulkan").id, "");
}

// Random bundles and devices against a second, plain reading of the rules.
struct RandomCase {
  std::mt19937_64 random;
  std::uint64_t below(std::uint64_t n) { return random() % n; }

  struct Made {
    std::string id;
    std::int64_t priority;
    std::vector<std::pair<int, std::uint64_t>> atoms;  // kind, value
    bool fits = true;
  };

  // Kind 0..3: limits l0..l3 >= value; 4: subgroup operation; 5: api version 1.value; 6: unknown.
  std::string needs(const Made& made, bool reversed) {
    std::vector<std::string> limits, others;
    for (const auto& [kind, value] : made.atoms) {
      if (kind < 4) limits.push_back(fmt::format(R"("l{}":{{">=":{}}})", kind, value));
      if (kind == 4) others.push_back(R"("subgroup":{"ops":["ARITHMETIC"]})");
      if (kind == 5) others.push_back(fmt::format(R"("apiVersion":"1.{}")", value));
      if (kind == 6) others.push_back(R"("later":1)");
    }
    if (!limits.empty())
      others.push_back(fmt::format(R"("limits":{{{}}})", fmt::join(limits, ",")));
    if (reversed) std::reverse(others.begin(), others.end());
    return fmt::format("{{{}}}", fmt::join(others, ","));
  }

  void run() {
    std::vector<std::uint64_t> limits(4);
    std::vector<bool> known(4);
    for (int l = 0; l < 4; l++) {
      limits[static_cast<std::size_t>(l)] = below(4);
      known[static_cast<std::size_t>(l)] = below(8) != 0;
    }
    const bool sums = below(2) != 0;
    const std::uint64_t minor = below(4);
    std::vector<Made> all = {{"base", 0, {{5, 1}}}};
    const std::uint64_t count = 1 + below(5);
    for (std::uint64_t v = 0; v < count; v++) {
      Made made{fmt::format("v{}", below(1000) * 8 + v), static_cast<std::int64_t>(below(3)), {}};
      for (int kind = 0; kind < 7; kind++)
        if (below(kind == 6 ? 12 : 3) == 0) made.atoms.emplace_back(kind, below(4));
      all.push_back(std::move(made));
    }
    for (Made& made : all)
      for (const auto& [kind, value] : made.atoms) {
        const auto l = static_cast<std::size_t>(kind);
        const bool met = kind < 4    ? known[l] && limits[l] >= value
                         : kind == 4 ? sums
                         : kind == 5 ? minor >= value
                                     : false;
        made.fits = made.fits && met;
      }
    const Made* best = nullptr;
    for (const Made& made : all) {
      if (!made.fits) continue;
      const auto key = [](const Made& m) {
        return std::tuple(-m.priority, -static_cast<std::int64_t>(m.atoms.size()), m.id);
      };
      if (best == nullptr || key(made) < key(*best)) best = &made;
    }
    std::string device = "{\"limits\":{";
    for (std::size_t l = 0; l < 4; l++)
      if (known[l])
        device += fmt::format("{}\"l{}\":{}", device.back() == '{' ? "" : ",", l, limits[l]);
    device += fmt::format(R"(}},"apiVersion":"1.{}","subgroup":{{"ops":[{}]}}}})", minor,
                          sums ? R"("BASIC","ARITHMETIC")" : R"("BASIC")");
    const Json profile = parse_json(device, "device");
    const std::string expected = best == nullptr ? "" : best->id;
    for (bool reversed : {false, true}) {
      // Neither the order of variants nor that of members changes anything.
      std::vector<std::string> texts;
      for (const Made& made : all)
        texts.push_back(variant(made.id, static_cast<int>(made.priority), needs(made, reversed)));
      if (reversed) std::reverse(texts.begin(), texts.end());
      const auto bundle =
          parse_kernel_bundle(config(fmt::format("{}", fmt::join(texts, ","))), "c");
      ASSERT_EQ(select_variant(*bundle, profile, "vulkan").id, expected) << device;
    }
  }
};

TEST(KN08, RandomBundlesAndDevices) {
  // MLC_SELECT_PAIRS=1000000 for a longer run.
  const char* more = std::getenv("MLC_SELECT_PAIRS");
  const std::uint64_t pairs = more == nullptr ? 100000 : std::strtoull(more, nullptr, 10);
  RandomCase random{.random = std::mt19937_64(7)};
  for (std::uint64_t i = 0; i < pairs / 2 && !testing::Test::HasFatalFailure(); i++)
    random.run();
}

class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    std::string name = (fs::temp_directory_path() / "mlc-kernels-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~BundleTest() override { fs::remove_all(root_); }

  std::string write(const std::string& name, const KernelModules& modules,
                    const std::string& version = "0.1.0") {
    const std::string path = (root_ / name).string();
    LayoutWriter writer(path);
    const Descriptor manifest = add_kernel_bundle(writer, version, modules);
    writer.commit(std::vector<LayoutWriter::Entry>{{manifest, "kernels-" + version}});
    return path;
  }
  static std::shared_ptr<const KernelModules> load(const std::string& path, const Json& profile,
                                                   const std::string& api, VariantChoice* choice) {
    const Layout layout(path);
    return load_kernel_modules(layout, find_kernel_bundle(layout, ""), profile, api, choice);
  }

  fs::path root_;
};

TEST_F(BundleTest, OwnKernelsGoThere) {
  const KernelModules own = own_kernel_modules();
  const std::string path = write("pkg", own);
  const Layout layout(path), again(write("again", own));
  EXPECT_EQ(layout.find("kernels-0.1.0").digest, again.find("kernels-0.1.0").digest);
  Class least = classes()[2];
  VariantChoice choice;
  const auto base = load(path, least.profile(), "vulkan", &choice);
  EXPECT_EQ(choice.id, "vk11-base");
  EXPECT_EQ(base->name, "bundle mlc-kernels 0.1.0, variant vk11-base");
  EXPECT_EQ(base->spirv.count("matmul_rows_subgroup"), 0U);
  EXPECT_EQ(base->spirv.count("matmul_tiled"), 0U);
  EXPECT_TRUE(base->opencl.empty());
  for (const auto& [name, words] : base->spirv)
    EXPECT_EQ(words, own.spirv.find(name)->second) << name;
  const auto all = load(path, classes().back().profile(), "vulkan", &choice);
  EXPECT_EQ(choice.id, "vk11-subgroup-tiled");
  EXPECT_EQ(all->spirv.size(), own.spirv.size());
  const auto opencl = load(path, parse_json(R"({"openclC":"1.2"})", "d"), "opencl", &choice);
  EXPECT_EQ(opencl->opencl, own.opencl);
  EXPECT_THAT(error([&] { load(path, Json::object(), "vulkan", &choice); }),
              refused(7, "no variant fits this device: vk11-subgroup-tiled: refused: apiVersion"));
}

// What the baseline's device can run is found in the baseline, and within its limits.
TEST_F(BundleTest, BaselineIsEnough) {
  const std::string path = write("pkg", own_kernel_modules());
  VariantChoice choice;
  const auto base = load(path, classes()[2].profile(), "vulkan", &choice);
  for (bool cpu : {false, true})
    for (const KernelInfo& info : kKernels)
      for (std::uint32_t rows : {1U, 3U, 40U}) {
        DeviceTraits traits;
        traits.is_cpu = cpu;
        // Devices with more go by their own limits; the modules are the same.
        traits.subgroup_arithmetic = true;
        traits.subgroup_size = 32;
        Dispatch dispatch{.kernel = info.kernel};
        dispatch.words.fill(64);
        dispatch.words[0] = 0;
        dispatch.words[6] = rows;
        const auto found = variants_for(traits, dispatch, base.get());
        ASSERT_FALSE(found.empty()) << info.name;
        for (const Variant* v : found) {
          EXPECT_FALSE(v->subgroups) << v->name;
          EXPECT_LE(v->launch(traits, dispatch).constants[0], 128U) << v->name;
        }
      }
}

TEST_F(BundleTest, OneByteIsFound) {
  const std::string path = write("pkg", own_kernel_modules());
  VariantChoice choice;
  std::string blob;
  {
    const Layout layout(path);
    const auto bundle = read_kernel_bundle(layout, find_kernel_bundle(layout, ""));
    blob = layout.blob_path(bundle->variants[0].files[0].digest);
  }
  std::string bytes = read_file(blob, 1 << 20);
  bytes[bytes.size() / 2] ^= 1;
  fs::permissions(blob, fs::perms::owner_all);
  write_file_atomically(blob, bytes);
  EXPECT_THAT(error([&] { load(path, classes()[2].profile(), "vulkan", &choice); }),
              refused(6, "its bytes have the digest"));
}

TEST_F(BundleTest, CopiesWhatIsSound) {
  const std::string path = write("pkg", own_kernel_modules());
  const Layout from(path);
  const std::string to = (root_ / "copy").string();
  {
    LayoutWriter writer(to);
    const Descriptor copied = copy_kernel_bundle(writer, from, find_kernel_bundle(from, ""));
    EXPECT_EQ(copied.digest, from.find("kernels-0.1.0").digest);
    writer.commit(std::vector<LayoutWriter::Entry>{{copied, "k"}});
  }
  VariantChoice choice;
  EXPECT_EQ(load(to, classes()[2].profile(), "vulkan", &choice)->spirv.size(),
            load(path, classes()[2].profile(), "vulkan", &choice)->spirv.size());
  EXPECT_THAT(error([&] {
                LayoutWriter writer((root_ / "none").string());
                add_kernel_bundle(writer, "one");
              }),
              refused(2, "\"one\" is no semantic version"));
}

// Modules that lack what they have to have don't get into a bundle.
TEST_F(BundleTest, PackingChecks) {
  KernelModules modules = own_kernel_modules();
  modules.spirv["copy"][10] ^= 0x100;
  EXPECT_THAT(error([&] { write("a", modules); }), testing::StartsWith("3: "));
  modules = own_kernel_modules();
  modules.spirv.erase("attention_lanes");
  EXPECT_THAT(error([&] { write("b", modules); }),
              refused(3, "variant vk11-base: no module is kernel attention"));
  modules = own_kernel_modules();
  modules.opencl.find("copy.cl")->second += "#include \"/etc/passwd\"\n";
  EXPECT_THAT(error([&] { write("c", modules); }), refused(3, "variant cl12-base, module copy.cl"));
  EXPECT_TRUE(!fs::exists(root_ / "a") || fs::is_empty(root_ / "a"));
}

}  // namespace
}  // namespace mlc
