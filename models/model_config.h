// config.json of a checkpoint, read by the table of its architecture.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/architecture.h"
#include "models/expression.h"

namespace mlc {

struct ModelConfig {
  const Architecture* architecture = nullptr;
  std::string path;  // of the file, for messages
  Json source;       // config.json as it is
  Json fields;       // every field of the table, derived, in the table's order
  // What the table silently does that the checkpoint's author would not expect; whole sentences.
  std::vector<std::string> warnings;

  std::string_view model_type() const { return architecture->model_type; }
};

// Names in expressions about a model: its fields, and `config`, the file as it is.
class ConfigScope : public Environment {
 public:
  ConfigScope(const Json& fields, const Json& source) : fields_(fields), source_(source) {}
  explicit ConfigScope(const ModelConfig& config) : ConfigScope(config.fields, config.source) {}
  const Json* find(std::string_view name) const override;

 private:
  const Json& fields_;
  const Json& source_;
};

// `path_or_folder`: a config.json, or the folder that holds it. `model_type`: "auto", or a name of
// the registry, which then counts instead of what the file says.
//
// Auto is mlc_llm's rule: config["model_type"], else config["model_config"]["model_type"];
// "mixformer-sequential" means phi-msft; "architectures" is never looked at.
//
// Error(kBadInput) names the file and the field: model_type missing or unknown (with the nearest
// and all known names), required fields missing (all of them at once), a value of another type
// (num_hidden_layers as 1e9 or "32"), a check of the table that does not hold (with the values of
// all fields in it). A rope_scaling that no MLC runtime has: Error(kUnsupported).
ModelConfig load_model_config(const std::string& path_or_folder, std::string_view model_type);

// The same for a config in memory. mlc_llm's gen_config applies overrides to `fields` and then
// reads the result a second time: that is read_model_config(fields with overrides, ...).
ModelConfig read_model_config(Json source, const std::string& path, std::string_view model_type);

}  // namespace mlc
