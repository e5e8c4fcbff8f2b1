#include "verify/levels.h"

#include <array>

#include "verify/diff.h"
#include "verify/files.h"
#include "verify/kernels.h"
#include "verify/model.h"
#include "verify/params.h"
#include "verify/reference.h"
#include "verify/signed.h"
#include "verify/weights.h"

namespace mlc {

std::span<const LevelRow> levels() {
  static const std::vector<LevelRow> kRows = {
      {Level::kFile, "files", "shards, index, JSON and tokenizer files, byte for byte",
       verify_files, false},
      {Level::kParam, "params", "config, params, tokenizer and conversation template agree",
       verify_params, false},
      {Level::kWeight, "weights", "values of the params, alone and beside their source",
       verify_weights, true},
      {Level::kKernel, "kernels", "the device's kernels against float64, whatever the model is",
       verify_kernels, false},
      {Level::kModel, "model", "logits on the device, against the CPU and against the source",
       verify_model, true},
  };
  return kRows;
}

std::span<const std::span<const FindingRule>> finding_tables() {
  // One a line: each is another level's.
  static const std::vector<std::span<const FindingRule>> kTables = {
      signature_rules(),  //
      file_rules(),       //
      param_rules(),      //
      weight_rules(),     //
      kernel_rules(),     //
      model_rules(),      //
      reference_rules(),  //
      diff_rules(),       //
  };
  return kTables;
}

}  // namespace mlc
