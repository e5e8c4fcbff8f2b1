#include "models/special_configs.h"

#include <utility>

#include "base/error.h"

namespace mlc {

namespace {

[[noreturn]] void unsupported(std::string_view key, const std::string& kind, std::string_view known,
                              const RopeContext& context) {
  fail(ExitCode::kUnsupported,
       "{}: rope_scaling.{} is \"{}\", but MLC runtimes know only \"{}\" for models of type {}",
       context.path, key, printable(kind), known, context.model_type);
}

Json dropped(std::string_view key, const RopeContext& context) {
  context.warnings.push_back(fmt::format(
      "{}: rope_scaling has no {}, so mlc_llm ignores it: the runtime will use unscaled "
      "positions",
      context.path, key));
  return {};
}

std::string kind_of(const Json& scaling, const char* key, const RopeContext& context) {
  return scaling.find(key)->as_string(fmt::format("{}: rope_scaling.{}", context.path, key));
}

}  // namespace

// mlc_llm drops an object without rope_type (older files say "type"), so such a model loses its
// scaling: worth a warning. "default" is transformers' word for none; mlc_llm refuses it.
Json known_llama3_scaling(const Json& scaling, const RopeContext& context) {
  if (scaling.find("rope_type") == nullptr) return dropped("rope_type", context);
  std::string kind = kind_of(scaling, "rope_type", context);
  if (kind == "default") return {};
  if (kind != "llama3") unsupported("rope_type", kind, "llama3", context);
  return scaling;
}

Json known_longrope_scaling(const Json& scaling, const RopeContext& context) {
  if (scaling.find("type") == nullptr) return dropped("type", context);
  std::string kind = kind_of(scaling, "type", context);
  if (kind != "longrope" && kind != "su") unsupported("type", kind, "longrope", context);
  Json known = scaling;
  known.set("type", "longrope").set("rope_type", "longrope");
  for (const char* name : {"max_position_embeddings", "original_max_position_embeddings"})
    known.set(name, *context.fields.find(name));
  return known;
}

std::optional<Fp8Blocks> read_fp8_blocks(const Json& config, const std::string& where) {
  const Json* method = config.find("quant_method");
  if (!config.is_object() || method == nullptr || !method->is_string())
    bad_input("{} must be an object with the name of its quant_method", where);
  if (method->as_string(where) != "fp8") return std::nullopt;
  const Json* format = config.find("fmt");
  if (format != nullptr && !(*format == Json("e4m3")) && !(*format == Json("float8_e4m3fn")))
    fail(ExitCode::kUnsupported, "{}.fmt is {}, but fp8 checkpoints are known as \"e4m3\" only",
         where, printable(dump_json(*format), 60));
  Fp8Blocks blocks{.size = {}, .excluded = Json::array()};
  const Json* size = config.find("weight_block_size");
  if (size != nullptr && !size->is_null()) {
    const std::vector<Json>& sides = size->items(where + ".weight_block_size");
    bool positive = sides.size() == 2;
    for (const Json& side : sides)
      positive = positive && side.as_int(where + ".weight_block_size") > 0;
    if (!positive)
      bad_input("{}.weight_block_size is {}, expected two positive integers", where,
                printable(dump_json(*size), 60));
    blocks.size = *size;
  }
  const Json* excluded = config.find("modules_to_not_convert");
  if (excluded != nullptr && !excluded->is_null()) {
    for (const Json& name : excluded->items(where + ".modules_to_not_convert"))
      name.as_string(where + ".modules_to_not_convert");
    blocks.excluded = *excluded;
  }
  return blocks;
}

}  // namespace mlc
