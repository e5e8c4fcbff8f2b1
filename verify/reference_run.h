// Running the prompts of a reference: the same for the CPU that writes it and the device that is
// held against it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime-min/engine/engine.h"
#include "verify/reference_file.h"

namespace mlc {

// Rows that the prompt of the layers has: as many as every device computes in one call without
// idle rows.
inline constexpr std::size_t kTracedTokens = 8;

// What is computed is float32 throughout, the cache too.
EngineOptions reference_options();

// Prompts as tokens below `vocab`, of at most `context`: two texts, where the folder has a
// tokenizer, and two lists that reach over the whole vocabulary. The first one has kTracedTokens.
std::vector<std::vector<std::uint32_t>> reference_prompts(const std::string& folder,
                                                          std::uint32_t vocab,
                                                          std::uint32_t context);
// Of a prompt of so many tokens: one in the middle, and the last.
std::vector<std::uint32_t> reference_positions(std::size_t tokens);

// The logits of these positions; valid until the next call.
std::span<const float> run_prompt(Engine& engine, std::span<const std::uint32_t> tokens,
                                  std::span<const std::uint32_t> positions);

// What each part of the forward pass leaves behind for these tokens: layers by their number, what
// is before and after them by its label. The first row is left out, but for NaN and infinity: the
// first token of a text is where trained models park values a thousand times larger than all
// others.
struct TracedPart {
  std::string label;
  Checksum sum;
};
std::vector<TracedPart> trace_parts(Engine& engine, std::span<const std::uint32_t> tokens);

// What rounding explains of the `index`th part. A sum of n products in float32 is off by about
// sqrt(n) u of its size, u = 2^-23 (GPUs may truncate; Higham and Mary 2019), and the longest sums
// have about 4 x hidden products. Twice that, for each part so far: what parts are off adds up in
// the worst case, and the errors of the values in one checksum cancel, so that trained models are
// measured at a few hundredths of it.
double part_tolerance(std::uint32_t hidden, std::size_t index);

}  // namespace mlc
