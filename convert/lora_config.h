// adapter_config.json of a PEFT adapter: what is added to which linear, and how much of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace mlc {

struct LoraConfig {
  std::int64_t rank = 0;
  double alpha = 0;
  bool rslora = false;
  bool fan_in_fan_out = false;  // linears are stored [in, out] (GPT-2)
  bool saves_biases = false;
  bool any_module = false;  // target_modules is a pattern: what the file holds is what it matched
  std::vector<std::string> target_modules;
  std::vector<std::string> modules_to_save;
  // The first entry that names a module counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;

  bool targets(std::string_view module) const;
  bool saves(std::string_view module) const;
  std::int64_t rank_of(std::string_view module) const;
  // What B A is multiplied with: alpha / r, with rslora alpha / sqrt(r).
  double scaling_of(std::string_view module) const;
};

// Error(kUnsupported) names what a sum can't express or we don't compute: DoRA, another peft_type,
// initializations that change the base model (PiSSA, OLoRA, CorDA, LoftQ), patterns with operators
// of regular expressions, biases of B, replicated layers, target_parameters.
LoraConfig parse_lora_config(const Json& config, const std::string& where);

}  // namespace mlc
