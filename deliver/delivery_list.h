// mlc_llm's delivery lists, as JSON: what a CI has to deliver, and the log of what it delivered.
// docs/formats.md, "Delivery", has the schema.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace mlc {

inline constexpr std::array<std::string_view, 6> kDeliveryOverrides = {
    "context_window_size", "sliding_window_size",    "prefill_chunk_size",
    "attention_sink_size", "tensor_parallel_shards", "pipeline_parallel_stages"};

// One value for each name of kDeliveryOverrides; none: as the model says.
using DeliveryOverrides = std::array<std::optional<std::int64_t>, kDeliveryOverrides.size()>;
// By quantization, in the file's order.
using OverridesByScheme = std::vector<std::pair<std::string, DeliveryOverrides>>;

struct DeliveryTask {
  std::string model_id;
  std::string model;  // HF://, https://huggingface.co/ or a folder
  std::string conv_template;
  std::vector<std::string> quantization;
  OverridesByScheme overrides;
  std::optional<std::string> destination;  // "{username}/{model_id}-{quantization}-MLC"
  bool gen_config_only = false;

  const DeliveryOverrides& of(std::string_view scheme) const;  // those of the scheme, or none
};

struct DeliveryList {
  std::vector<DeliveryTask> tasks;
  std::optional<std::string> default_destination;
  std::vector<std::string> default_quantization;
  OverridesByScheme default_overrides;
  std::vector<std::string> warnings;  // keys that mean nothing; whole sentences
};

// Error(kUsage): no such file. Error(kBadInput): a missing key, a value of another type, a model_id
// that can't be a folder's name, names that can't be part of a folder's.
DeliveryList read_delivery_spec(const std::string& path);
// An empty list when there is no such file. Each task of a log has one quantization, and comes
// once.
DeliveryList read_delivery_log(const std::string& path);

// As mlc_llm writes it: json.dump(indent=4), no final newline, tasks by model_id.
std::string delivery_log_text(const DeliveryList& log);

}  // namespace mlc
