// Level *files*: is what lies in the folder what its index says, byte for byte?
//
// Every shard is read once and hashed (runtimes check neither sizes nor md5), every JSON and
// tokenizer file is parsed strictly, both names of the index must say the same, and nothing may be
// left over from another conversion. What a damaged file would do to a later level is said in the
// reason that verify_files() returns.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "verify/verify.h"

namespace mlc {

enum class FileRule : std::uint8_t {
  kNoIndex,
  kIndexDamaged,
  kIndexesDiffer,
  kB16Differs,
  kOneIndexName,
  kMissing,
  kUnreadable,
  kSize,
  kMd5,
  kSha256,
  kSwapped,
  kNoMd5,
  kStaleShard,
  kLeftover,
  kLinkOutside,
  kDamaged,
};
inline constexpr std::size_t kFileRules = 16;

std::span<const FindingRule> file_rules();  // F01 to F16
const FindingRule& rule_of(FileRule rule);

// The level; see RunLevel. Work is spread over options.threads, the result does not depend on them.
std::string verify_files(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);

}  // namespace mlc
