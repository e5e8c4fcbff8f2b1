// Level *model*: are the logits right on this device, and what did quantization cost?
//
// The device reads fixed prompts, and --text where it is given, and so do
// - the CPU with the same quantized weights and the same format of the cache: the plain reference
//   while that is a matter of seconds, else the fast CPU kernels, which the level before checked.
//   What differs is the device's error, and should be the noise of float32. Where it is more, the
//   pass is run step by step on both and the first wrong kernel is named (model_trace.h);
// - with a source, the CPU with the checkpoint's weights as they are, in float32. What differs is
//   the quantization's error, and whatever else the model folder says differently; where it is too
//   much, the steps are compared in the same way.
#pragma once

#include <span>
#include <string>

#include "verify/model_tokens.h"
#include "verify/verify.h"

namespace mlc {

enum class ModelRule : std::uint8_t {
  kNotRun,
  kNotLoaded,
  kDeviceFailed,
  kTextNotRead,
  kForeignTokenizer,
  kSourceNotRun,
  kNonfinite,
  kDeviceDiverges,
  kFirstWrongLayer,
  kTop1Differs,
  kQuantizationDiverges,
  kQuantizationTop1,
  kPerplexityRatio,
  kSourceLayerDiffers,
};
inline constexpr std::size_t kModelRules = 14;

std::span<const FindingRule> model_rules();  // M01 and on
const FindingRule& rule_of(ModelRule rule);

// The level; see RunLevel.
std::string verify_model(const VerifyOptions& options, VerifyReport& report, Reporter& reporter);
// The same on a device that is open already; `name` is shown.
void verify_model_on(Device& device, const std::string& name, const VerifyOptions& options,
                     VerifyReport& report, Reporter& reporter);

// The device that `device` is held against for a model of so many params, and how many of the
// sequences are: a CPU device has nothing but the plain reference beside it, which is slow.
struct ReferenceChoice {
  std::string device;
  std::size_t sequences = 0;
};
ReferenceChoice choose_reference(const DeviceInfo& device, std::uint64_t params,
                                 const std::vector<TokenSequence>& sequences);

}  // namespace mlc
