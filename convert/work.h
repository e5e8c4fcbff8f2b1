// A plan cut into units of work that threads take one after the other.
//
// A unit reads whole rows of one source and fills bytes of the records that no other unit touches,
// so the output can't depend on the number of threads or on their order.
#pragma once

#include <cstdint>
#include <vector>

#include "convert/plan.h"

namespace mlc {

struct WorkUnit {
  std::size_t step = 0;
  std::size_t segment = 0;  // kBand: all that the rows touch
  std::int64_t row = 0;     // first row within the segment; of a band: within the param
  std::int64_t rows = 0;
};
// For packers that need whole bands of rows together, wherever these come from.
inline constexpr std::size_t kBand = static_cast<std::size_t>(-1);

struct WorkList {
  std::vector<WorkUnit> units;  // in output order
  // What one unit holds in memory at most, with its packed output and a widened copy; threads x
  // this plus the hash buffers is the conversion's peak.
  std::uint64_t largest_unit_bytes = 0;
};

// What a unit reads.
std::uint64_t unit_source_bytes(const Plan& plan, const Checkpoint& checkpoint,
                                const WorkUnit& unit);

// Memory that one unit needs.
std::uint64_t unit_memory(const Plan& plan, const Checkpoint& checkpoint, const WorkUnit& unit);

// `block_bytes`: how much of a source a unit reads; a single row, or a segment that is turned, may
// be more.
WorkList cut_into_units(const Plan& plan, const Checkpoint& checkpoint, std::uint64_t block_bytes);

}  // namespace mlc
