// Numbers as people read them. Decimal units: 1 GB is 10^9 bytes, so that sizes and rates agree.
#pragma once

#include <cstdint>
#include <string>

namespace mlc {

std::string bytes_text(std::uint64_t bytes);  // "512 B", "1.50 MB", "2.20 GB": three digits
std::string duration_text(double seconds);    // "0.42 s", "12.3 s", "3 min 05 s", "2 h 07 min"

}  // namespace mlc
