// What the command line says against config.json, and the second reading that follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/model_config.h"

namespace mlc {

struct ConfigOverrides {
  std::optional<std::int64_t> context_window_size;
  std::optional<std::int64_t> sliding_window_size;
  std::optional<std::int64_t> prefill_chunk_size;
  std::optional<std::int64_t> attention_sink_size;
  std::optional<std::int64_t> max_batch_size;  // none: 128, where the model has the field
  std::optional<std::int64_t> tensor_parallel_shards;
  std::optional<std::int64_t> pipeline_parallel_stages;
  std::optional<bool> disaggregation;
};

// mlc_llm reads a config twice: the file, then the fields with the overrides in them. The keys of
// the file that are no fields are gone by then, and what the first reading derived counts as given:
// a longer context leaves prefill_chunk_size as it was. Appends to `warnings` each override that
// the model has no field for or derives itself. Error(kBadInput) as read_model_config, and for
// sizes that no runtime can have (below 1, or beyond 32 bits).
ModelConfig apply_overrides(const ModelConfig& config, const ConfigOverrides& overrides,
                            std::vector<std::string>& warnings);

}  // namespace mlc
