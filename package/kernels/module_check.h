// Whether a module is what its bundle says: the needs of a SPIR-V module are derived from its
// bytes, and what a variant declares must contain them. So a variant that is selected never meets
// a device that lacks what its modules use.
#pragma once

#include <string>
#include <string_view>

#include "package/kernels/bundle_config.h"

namespace mlc {

// `bytes` are the file's, already of its digest. Error(kBadInput) names variant, module, what the
// module has and what is declared: malformed or invalid SPIR-V, needs beyond `requires`, another
// entry or other arguments than the ABI has; OpenCL C that reaches for files.
void check_module(const KernelBundle& bundle, const KernelVariant& variant, const KernelFile& file,
                  std::string_view bytes);

// That each kernel of the ABI has a module in the variant. Error(kBadInput).
void check_entries(const KernelBundle& bundle, const KernelVariant& variant);

// Parts of check_module.

// Why `variant` does not contain what the module needs; empty if it does.
std::string undeclared_need(const SpirvModule& module, const KernelVariant& variant);
// Why the module can't be called as this kernel; empty if it can.
std::string abi_problem(const SpirvModule& module, const KernelAbi& kernel);

// Error(kBadInput) with the validator's message: what spirv-val says for the environment of this
// version of Vulkan ("1.1").
void validate_spirv(std::string_view bytes, std::string_view vulkan, bool spirv_1_4,
                    const std::string& where);

// Error(kBadInput): other characters than ASCII text, #include of anything but a file of the
// variant, other directives that name files, inline assembly.
void check_opencl_text(std::string_view text, const KernelVariant& variant,
                       const std::string& where);

// Why this text is not the kernel, as far as can be seen without its macros; empty if it can be.
std::string opencl_entry_problem(std::string_view text, const KernelAbi& kernel);

}  // namespace mlc
