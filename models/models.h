// Front door of models/: from a config.json to the list of params.
//
//   ModelConfig config = load_model_config("path/to/folder", "auto");
//   std::vector<ParamSpec> params = expand_params(config, "group-quant");
//
// The list is unquantized and in mlc_llm's tree order (docs/architectures.md, "Order"): what the
// model is made of, each with its source tensors and the op that makes it. Which of them a scheme
// quantizes, and in which order they are written, is the plan's (convert/plan.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/model_config.h"
#include "models/param_spec.h"

namespace mlc {

// Far above any model known (61 layers x 21 params; 94 layers x 128 experts x 3 sources), and small
// enough for a hostile config to do no harm: at most some 200 MB are allocated.
inline constexpr std::int64_t kMaxParams = 100'000;
inline constexpr std::int64_t kMaxSources = 1'000'000;
// A dimension of 2^40, and 2^56 elements in one param, fit every later computation in 64 bits.
inline constexpr std::int64_t kMaxDim = std::int64_t{1} << 40;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 56;

// `quant_kind`: the kind of the quantization scheme ("no-quant", "group-quant", ...), for params
// that only some kinds have. Error(kBadInput) names the config, the param, the expression and the
// fields in it: a loop or a list beyond the limits above, a dimension below 1.
std::vector<ParamSpec> expand_params(const ModelConfig& config, std::string_view quant_kind);

// The named rule by which the architecture leaves out this tensor of the checkpoint; none if it
// does not know it.
std::optional<std::string_view> is_ignored_source(const ModelConfig& config,
                                                  std::string_view source_name);

// Whether mlc_llm counts this tensor in BitsPerParam: all but those that it ignores by name itself.
bool is_counted_source(const ModelConfig& config, std::string_view source_name);

// A source's name in the other layout (Architecture::renames), and back; itself where none fits.
std::string renamed_source(const Architecture& architecture, std::string_view name);
std::string original_source(const Architecture& architecture, std::string_view name);

}  // namespace mlc
