#include "models/param_rules.h"

#include <algorithm>
#include <array>

namespace mlc {
namespace {

// mlc_llm compares the full path, so language_model.lm_head (llava), output (internlm2) and
// transformer.output_layer (chatglm) are ordinary linears (mlc_llm/quantization/utils.py,
// is_final_fc).
constexpr std::array<std::string_view, 4> kFinalFc = {"head", "lm_head", "lm_head.linear",
                                                      "embed_out"};

// is_moe_gate of the same file: a router has few outputs, and quantizing it would save nothing.
constexpr std::int64_t kMaxGateRows = 256;

}  // namespace

bool is_gate(const ParamSpec& spec) {
  return module_of(spec.name).ends_with("gate") && !spec.symbolic_rows &&
         spec.shape[0] <= kMaxGateRows;
}

bool is_final_fc(const ParamSpec& spec) {
  return std::find(kFinalFc.begin(), kFinalFc.end(), module_of(spec.name)) != kFinalFc.end();
}

std::string_view module_of(std::string_view param_name) {
  std::size_t dot = param_name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : param_name.substr(0, dot);
}

}  // namespace mlc
