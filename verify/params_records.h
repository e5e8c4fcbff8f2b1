// The records that a config asks for, against those of an index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "convert/plan.h"
#include "models/model_config.h"
#include "quantize/quantization.h"
#include "verify/files_index.h"
#include "verify/params_config.h"
#include "verify/verify.h"

namespace mlc {

// In the order of the architecture's tree; symbolic rows are taken from `index`, as mlc_llm takes
// them from the checkpoint. Throws Error for a config that makes no plan with this quantization.
struct ExpectedRecords {
  std::vector<PlanRecord> records;
  std::vector<std::int64_t> symbolic_rows;  // of each param that has them
};
ExpectedRecords expected_records(const ModelConfig& config, const Quantization& quantization,
                                 const TensorCache& index);

// Whether both have the same names, shapes and dtypes.
bool fits(const ExpectedRecords& expected, const TensorCache& index);

// The names of the quantizations with which `index` is this model.
std::vector<std::string> fitting_quantizations(const ModelConfig& config, const TensorCache& index);

struct RecordsOutcome {
  bool loadable = true;         // what the engine asks for is there
  std::int64_t vocab_rows = 0;  // of embedding and head, the least of them; 0: none known
};
RecordsOutcome check_records(const ChatConfig& config, const FolderIndex& index,
                             VerifyReport& report);

}  // namespace mlc
