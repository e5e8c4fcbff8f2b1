#include "genconfig/overrides.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace mlc {
namespace {

// What a runtime reads as a 32-bit integer, with the least value that means something; -1 stands
// for "none" or "unbounded".
struct SizeField {
  const char* name;
  std::int64_t least;
  bool may_be_none;
};
constexpr std::array<SizeField, 8> kSizes = {{
    {"vocab_size", 1, false},
    {"context_window_size", 1, true},
    {"sliding_window_size", 1, true},
    {"prefill_chunk_size", 1, true},
    {"attention_sink_size", 0, true},
    {"max_batch_size", 1, false},
    {"tensor_parallel_shards", 1, false},
    {"pipeline_parallel_stages", 1, false},
}};

void check_sizes(const ModelConfig& config) {
  for (const SizeField& size : kSizes) {
    const Json* field = config.fields.find(size.name);
    if (field == nullptr || field->is_null()) continue;
    std::int64_t value = field->as_int(fmt::format("{}: {}", config.path, size.name));
    if (value == -1 && size.may_be_none) continue;
    if (value < size.least || value > std::numeric_limits<std::int32_t>::max())
      bad_input("{}: {} is {}, expected {} to 2147483647{}", config.path, size.name, value,
                size.least, size.may_be_none ? ", or -1 for none" : "");
  }
}

class Overrider {
 public:
  Overrider(const ModelConfig& config, std::vector<std::string>& warnings)
      : config_(config), fields_(config.fields), warnings_(warnings) {}

  template <class T>
  void set(const char* name, const std::optional<T>& value) {
    if (!value) return;
    if (fields_.find(name) == nullptr) {
      warnings_.push_back(fmt::format("{} is not set to {}: models of type {} have no such field",
                                      name, *value, config_.model_type()));
      return;
    }
    fields_.set(name, Json(*value));
    wanted_.push_back({name, Json(*value)});
  }

  ModelConfig read_again() {
    ModelConfig again = read_model_config(fields_, config_.path, config_.model_type());
    for (const auto& [name, value] : wanted_) {
      const Json& got = *again.fields.find(name);
      if (got == value) continue;
      warnings_.push_back(fmt::format("{} is {} and not {}: models of type {} derive it", name,
                                      dump_json(got), dump_json(value), config_.model_type()));
    }
    // What the first reading found counts; of the second only what it found anew.
    std::vector<std::string> second = std::move(again.warnings);
    again.warnings = config_.warnings;
    for (std::string& warning : second)
      if (std::find(again.warnings.begin(), again.warnings.end(), warning) == again.warnings.end())
        again.warnings.push_back(std::move(warning));
    again.source = config_.source;
    return again;
  }

 private:
  const ModelConfig& config_;
  Json fields_;
  std::vector<std::string>& warnings_;
  std::vector<std::pair<const char*, Json>> wanted_;
};

}  // namespace

ModelConfig apply_overrides(const ModelConfig& config, const ConfigOverrides& overrides,
                            std::vector<std::string>& warnings) {
  Overrider overrider(config, warnings);
  overrider.set("context_window_size", overrides.context_window_size);
  overrider.set("sliding_window_size", overrides.sliding_window_size);
  overrider.set("prefill_chunk_size", overrides.prefill_chunk_size);
  overrider.set("attention_sink_size", overrides.attention_sink_size);
  constexpr std::int64_t kDefaultBatch = 128;  // mlc_llm's, which always overrides the file
  if (overrides.max_batch_size || config.fields.find("max_batch_size") != nullptr)
    overrider.set("max_batch_size",
                  std::optional(overrides.max_batch_size.value_or(kDefaultBatch)));
  overrider.set("tensor_parallel_shards", overrides.tensor_parallel_shards);
  overrider.set("pipeline_parallel_stages", overrides.pipeline_parallel_stages);
  overrider.set("disaggregation", overrides.disaggregation);
  ModelConfig again = overrider.read_again();
  check_sizes(again);
  return again;
}

}  // namespace mlc
