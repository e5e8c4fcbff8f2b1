// config.json: any bytes give params or an Error, within bounds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "models/models.h"
#include "models/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  mlc::Json json;
  try {
    json = mlc::parse_json(text, "config.json");
  } catch (const mlc::Error&) {
    return 0;
  }
  try {
    mlc::ModelConfig config = mlc::read_model_config(json, "config.json", "auto");
    for (const mlc::ParamSpec& param : mlc::expand_params(config, "group-quant"))
      mlc::is_ignored_source(config, param.name);
  } catch (const mlc::Error&) {
    return 0;
  }
  return 0;
}
