// What a variant asks of a device: a list of requirements that are each met or not. There are
// comparisons and sets, no expressions. What is not known is never met.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace mlc {

struct Requirement {
  enum class Kind : std::uint8_t {
    kApiVersion,       // Vulkan, at least
    kSpirv,            // SPIR-V, at least
    kCapability,       // of SPIR-V, by name
    kExtension,        // of Vulkan or OpenCL
    kFeature,          // STRUCTURE.NAME is true
    kLimit,            // NAME OP VALUE
    kSubgroupSize,     // OP VALUE
    kSubgroupControl,  // full subgroups of a chosen size
    kSubgroupOp,       // "ARITHMETIC"
    kOpenclC,          // at least
    kVendor,           // one of `any`
    kUnknown,          // what this program does not know
  };
  Kind kind = Kind::kUnknown;
  std::string name = {};              // of the capability, extension, STRUCTURE.NAME, limit, member
  std::string op = {};                // ">=", "<=", "=="
  Json value = {};                    // a number, a list of numbers or a version
  std::vector<std::string> any = {};  // vendors

  std::string text() const;  // "limits.maxPushConstantsSize >= 128"
};

// Of the member `requires` of a variant. Error(kBadInput) where a member that is known has another
// form than it may have; one that is not known becomes Kind::kUnknown.
std::vector<Requirement> parse_requirements(const Json& requires_json, const std::string& where);

// Empty if met; else what the device has: "the device has 16384", "the device does not say".
std::string why_not(const Requirement& requirement, const Json& device);

// An entry of a `deny` list against a device: every member but `reason` has to match. What this
// program or the device does not know counts as a match.
bool is_denied(const Json& entry, const Json& device);

// "1.10.3" against "1.9": numbers between dots, missing ones are 0. `valid` is false for other
// texts.
struct DottedVersion {
  std::vector<std::uint64_t> numbers;
  bool valid = false;
};
DottedVersion parse_dotted(std::string_view text);
int compare(const DottedVersion& a, const DottedVersion& b);

}  // namespace mlc
