// Which cases the level *kernels* runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime-min/engine/engine.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {

struct ChosenCase {
  std::shared_ptr<const KernelCase> test;
  bool timed = false;
};

// With `all`, every case. Else what a check of a few seconds can have, for drivers take up to half
// a second to compile for each new shape: the core cases, of matrices those in the model's formats;
// what the model itself runs; and of kernels that it does not run one of a usual shape. Without a
// model, or when the engine does not run it (`unknown` says why), the formats are those of most
// models.
std::vector<ChosenCase> choose_cases(Device& device, const LoadedModel* model, bool all,
                                     std::uint64_t max_bytes, std::string& unknown);

}  // namespace mlc
