// Times in packages: SOURCE_DATE_EPOCH (reproducible-builds.org), or 0. Never the clock, so that
// the same input has the same digest.
#pragma once

#include <cstdint>
#include <string>

namespace mlc {

// Seconds since 1970. Error(kUsage) when the variable is no whole number in [0, 253402300799],
// the last second of the year 9999.
std::int64_t source_date_epoch();

// "1970-01-01T00:00:00Z", as RFC 3339 has it.
std::string rfc3339(std::int64_t seconds);

}  // namespace mlc
