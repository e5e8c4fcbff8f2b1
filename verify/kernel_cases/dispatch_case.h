// A case made of a dispatch that a model does: the same words, so the same kernel in the same
// version with the same shape, on random data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime-min/engine/engine.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {

// The dispatch's buffers, filled. Rows stand at the positions from `position` on. Of matrices whose
// weights would take more than `max_bytes` only the first rows are taken.
Instance instance_of(const Dispatch& dispatch, std::uint32_t position, std::uint64_t max_bytes);

// What the engine would run on the device for this model: decoding one token, and reading a prompt
// of a few. Nothing of the weights is read, and nothing runs. Each different dispatch once, in
// order. Error as Engine::open.
std::vector<KernelCase> cases_of_model(Device& device, const LoadedModel& model,
                                       std::uint64_t max_bytes);

// Every kernel with a shape as a model of some billions of params has it.
std::vector<KernelCase> usual_cases(std::uint64_t max_bytes);

}  // namespace mlc
