// What the model level may find.
#include <array>

#include "verify/model.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, kModelRules> kRules = {{
    {"M01", "model-not-run", Severity::kWarning,
     "the model can't be run here, so its logits were not checked",
     "run verify where the reason does not hold, or leave the level out"},
    {"M02", "model-not-loaded", Severity::kError, "the folder does not hold a model that runs",
     "see the findings of the levels files and params, and convert again"},
    {"M03", "device-failed", Severity::kError, "the device gave up while it ran the model",
     "update the driver, give it more time (--timeout), or try another device"},
    {"M04", "text-not-read", Severity::kWarning,
     "there is no tokenizer that could read the text, so it was left out",
     "copy the tokenizer's files with mlc gen_config"},
    {"M05", "tokenizer-foreign", Severity::kError,
     "the tokenizer gives tokens that the model does not know",
     "take the tokenizer of the checkpoint: mlc gen_config copies it"},
    {"M06", "source-not-run", Severity::kWarning,
     "the source can't be run here, so the quantization's error was not measured",
     "run verify where the reason does not hold"},
    {"M11", "nan-in-activations", Severity::kError, "the model computes NaN or infinity",
     "if the reference does, too, look at the weights (level weights); else it is the kernel"},
    {"M12", "device-diverges", Severity::kError,
     "the device's logits are further from the reference's than float32 explains",
     "do not ship on this device; see first-wrong-layer and the level kernels"},
    {"M13", "first-wrong-layer", Severity::kError,
     "this step is wrong on the device, given the input that the reference has",
     "update the driver, and report the kernel with the device's name"},
    {"M14", "top1-differs", Severity::kError,
     "the device prefers other tokens where the reference leaves no doubt",
     "do not ship on this device; see first-wrong-layer and the level kernels"},
    {"M21", "quantization-diverges", Severity::kError,
     "the model's predictions are far from its source's",
     "see the weights level for params that stand out; compare the configs; try --method search "
     "or another quantization"},
    {"M22", "quantization-top1", Severity::kError,
     "the model and its source prefer other tokens too often", "see quantization-diverges"},
    {"M23", "perplexity-ratio", Severity::kError,
     "the model predicts the text worse than its source does", "see quantization-diverges"},
    {"M24", "source-layer-differs", Severity::kError,
     "given the same input, this step differs from the source's by more than quantization explains",
     "a step with weights: convert them again from this source; any other: compare "
     "mlc-chat-config.json with the source's config"},
}};

constexpr bool rules_are_in_order() {
  for (std::size_t i = 1; i < kRules.size(); i++)
    if (!(kRules[i - 1].id < kRules[i].id)) return false;
  return true;
}
static_assert(rules_are_in_order());

}  // namespace

std::span<const FindingRule> model_rules() { return kRules; }

const FindingRule& rule_of(ModelRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

}  // namespace mlc
