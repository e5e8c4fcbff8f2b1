// What a SPIR-V module says of itself: read by our own scanner, whatever the bytes are.
//
// The scanner trusts nothing: word counts, ids, strings and sizes are checked, the number of types
// and constants is bounded, and nothing recurses. What it takes need not be valid SPIR-V; that is
// what validate_spirv() finds out (package/kernels/validate.h). Both stand before every driver,
// for drivers don't check.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mlc {

inline constexpr std::size_t kMaxModule = std::size_t{16} << 20;

struct SpirvVersion {
  std::uint32_t major = 1, minor = 0;
  auto operator<=>(const SpirvVersion&) const = default;
};

// Values of specialization constants by SpecId; those not named have the module's own.
using SpecValues = std::map<std::uint32_t, std::uint32_t>;

struct SpirvEntry {
  std::string name;
  bool compute = false;
  // x, y, z of a work-group; nothing where they can't be computed.
  std::optional<std::array<std::uint64_t, 3>> local_size;
};

struct SpirvBinding {
  std::uint32_t set = 0, number = 0;
  enum class Kind : std::uint8_t { kStorage, kUniform, kOther } kind = Kind::kOther;
  bool writable = false;
};

struct SpirvModule {
  SpirvVersion version;
  std::uint32_t generator = 0;  // the tool that wrote it and its version, 16 bits each
  std::uint32_t bound = 0;
  std::vector<std::uint32_t> capabilities;  // numbers, as they stand
  std::vector<std::string> extensions;      // "SPV_KHR_..."
  std::vector<std::string> imports;         // "GLSL.std.450"
  std::vector<SpirvEntry> entries;
  std::vector<std::uint32_t> spec_ids;  // ascending, each once
  std::vector<SpirvBinding> bindings;  // by set and number; of several variables one, the most able
  std::uint64_t push_bytes = 0;        // of the push constant block
  // Of work-groups, all variables together; nothing where a length can't be computed.
  std::optional<std::uint64_t> shared_bytes;
};

// `where` names the module in messages. Error(kBadInput): no SPIR-V, of the other byte order,
// truncated, beyond the limits, or contradicting itself.
SpirvModule scan_spirv(std::span<const std::byte> bytes, const std::string& where,
                       const SpecValues& values = {});

}  // namespace mlc
