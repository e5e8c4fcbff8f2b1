#include "package/model_pack.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "package/canonical_json.h"
#include "package/source_date.h"

namespace mlc {
namespace {

// What unquantized values are, as the scheme's name says: q4f16_1, q0bf16.
std::string_view precision_of(std::string_view quantization) {
  if (quantization.find("bf16") != std::string_view::npos) return "bfloat16";
  if (quantization.find("f16") != std::string_view::npos) return "float16";
  if (quantization.find("f32") != std::string_view::npos) return "float32";
  return {};
}

// "1.1b", "135m": the number of params, which the tensor cache knows by the bits that each has.
std::string param_size(const TensorCache& cache) {
  if (!(cache.bits_per_param > 0) || !(cache.param_bytes > 0)) return {};
  double params = cache.param_bytes * 8 / cache.bits_per_param;
  if (!(params < 1e18)) return {};
  std::string_view unit;
  double scale = 1;
  for (auto [size, name] : {std::pair(1e12, "t"), {1e9, "b"}, {1e6, "m"}, {1e3, "k"}})
    if (unit.empty() && params >= size * 0.9995) {
      scale = size;
      unit = name;
    }
  double value = params / scale;
  std::string text = value < 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text + std::string(unit);
}

void set_if_known(Json& object, const char* key, std::string_view value) {
  if (!value.empty()) object.set(key, value);
}

}  // namespace

std::string chat_text(const ModelFolder& model, std::string_view key) {
  const Json* value = model.chat_config.find(key);
  return value != nullptr && value->is_string() ? value->as_string({}) : std::string();
}

std::string model_pack_config(const ModelFolder& model, const std::vector<Descriptor>& layers,
                              const ModelPackNames& names) {
  std::string model_type = chat_text(model, "model_type");
  std::string quantization = chat_text(model, "quantization");
  Json config = Json::object();
  config.set("architecture", model_type.starts_with("rwkv") ? "rnn" : "transformer");
  config.set("format", "mlc");
  set_if_known(config, "paramSize", param_size(model.cache));
  set_if_known(config, "precision", precision_of(quantization));
  set_if_known(config, "quantization", quantization);

  Json descriptor = Json::object();
  descriptor.set("createdAt", rfc3339(names.created));
  set_if_known(descriptor, "family", model_type);
  if (!names.license.empty()) {
    Json licenses = Json::array();
    licenses.push(names.license);
    descriptor.set("licenses", std::move(licenses));
  }
  descriptor.set("name", names.name).set("version", names.version);

  Json digests = Json::array();
  for (const Descriptor& layer : layers)
    digests.push(layer.digest.text());
  Json files = Json::object();
  files.set("diffIds", std::move(digests)).set("type", "layers");
  return canonical_json(Json::object()
                            .set("config", std::move(config))
                            .set("descriptor", std::move(descriptor))
                            .set("modelfs", std::move(files)));
}

Annotations model_pack_annotations(const ModelFolder& model, const ModelPackNames& names,
                                   std::uint64_t estimated_vram_bytes) {
  Annotations out = {
      {"ai.mlc.packager", "mlc " MLC_VERSION},
      {"org.opencontainers.image.created", rfc3339(names.created)},
      {"org.opencontainers.image.title", names.name},
      {"org.opencontainers.image.version", names.version},
  };
  if (estimated_vram_bytes > 0)
    out["ai.mlc.estimated_vram_bytes"] = fmt::format("{}", estimated_vram_bytes);
  for (const char* key : {"model_type", "quantization"})
    if (std::string text = chat_text(model, key); !text.empty())
      out[std::string("ai.mlc.") + key] = text;
  for (const char* key : {"context_window_size", "prefill_chunk_size"})
    if (const Json* value = model.chat_config.find(key); value != nullptr && value->is_int())
      out[std::string("ai.mlc.") + key] = value->number_text();
  return out;
}

}  // namespace mlc
