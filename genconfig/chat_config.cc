#include "genconfig/chat_config.h"

#include <array>
#include <limits>

#include "base/error.h"

namespace mlc {
namespace {

enum class Kind { kNumber, kTokens, kObject };

// What generation_config.json and config.json may set, and what holds where neither does. A null
// in `otherwise` stays null.
struct Generated {
  const char* name;
  Kind kind;
  const char* otherwise;  // JSON
};
constexpr std::array<Generated, 5> kSampling = {{
    {"temperature", Kind::kNumber, "1.0"},
    {"presence_penalty", Kind::kNumber, "0.0"},
    {"frequency_penalty", Kind::kNumber, "0.0"},
    {"repetition_penalty", Kind::kNumber, "1.0"},
    {"top_p", Kind::kNumber, "1.0"},
}};
constexpr std::array<Generated, 3> kTokenIds = {{
    {"pad_token_id", Kind::kTokens, "0"},
    {"bos_token_id", Kind::kTokens, "1"},
    {"eos_token_id", Kind::kTokens, "2"},
}};
constexpr Generated kMetadata = {"embedding_metadata", Kind::kObject, "null"};

void check_token_id(const Json& value, const std::string& where) {
  std::int64_t id = value.as_int(where);
  // -1 is how some files say that there is none.
  if (id < -1 || id > std::numeric_limits<std::int32_t>::max())
    bad_input("{} is {}, expected a token id: 0 to 2147483647, or -1", where, id);
}

void check(const Generated& key, const Json& value, const std::string& where) {
  switch (key.kind) {
    case Kind::kNumber:
      value.as_double(where);
      break;
    case Kind::kTokens:
      if (!value.is_array()) {
        check_token_id(value, where);
        break;
      }
      for (const Json& id : value.items(where))
        check_token_id(id, where);
      break;
    case Kind::kObject:
      value.members(where);
      break;
  }
}

Json generated(const Generated& key, std::span<const GenerationSource> sources) {
  for (const GenerationSource& source : sources) {
    const Json* value = source.json.find(key.name);
    if (value == nullptr || value->is_null()) continue;
    check(key, *value, fmt::format("{}: {}", source.path, key.name));
    return *value;
  }
  return parse_json(key.otherwise, key.name);
}

// A field that only some model types have.
Json field_or(const Json& fields, const char* name, const Json& otherwise) {
  const Json* value = fields.find(name);
  return value == nullptr ? otherwise : *value;
}

Json texts(const std::vector<std::string>& values) {
  Json list = Json::array();
  for (const std::string& value : values)
    list.push(value);
  return list;
}

Json tokenizer_info_json(const TokenizerInfo& info) {
  return Json::object()
      .set("token_postproc_method", info.token_postproc_method)
      .set("prepend_space_in_encode", info.prepend_space_in_encode)
      .set("strip_space_in_decode", info.strip_space_in_decode);
}

Json template_json(const ChatConfigParts& parts) {
  Json json = conv_template_json(parts.conv_template);
  if (parts.more_stop_tokens.empty()) return json;
  Json ids = *json.find("stop_token_ids");
  for (std::int64_t id : parts.more_stop_tokens)
    ids.push(id);
  json.set("stop_token_ids", std::move(ids));
  return json;
}

Json metadata_json(const ChatConfigParts& parts) {
  const std::optional<Embedding>& embedding = parts.model.architecture->embedding;
  if (!embedding) return generated(kMetadata, parts.generation);
  return Json::object()
      .set("model_type", embedding->side)
      .set("pooling_strategy", embedding->pooling)
      .set("normalize", embedding->normalize);
}

}  // namespace

Json chat_config_json(const ChatConfigParts& parts) {
  const Json& fields = parts.model.fields;
  const Json vocab_size = field_or(fields, "vocab_size", Json());
  Json json = Json::object();
  json.set("version", "0.1.0");
  json.set("model_type", parts.model.model_type());
  json.set("quantization", parts.quantization);
  json.set("model_config", fields);
  json.set("vocab_size", vocab_size);
  for (const char* name :
       {"context_window_size", "sliding_window_size", "prefill_chunk_size", "attention_sink_size"})
    json.set(name, field_or(fields, name, -1));
  for (const char* name : {"tensor_parallel_shards", "pipeline_parallel_stages"})
    json.set(name, field_or(fields, name, 1));
  json.set("active_vocab_size", parts.tokenizer.active_vocab_size
                                    ? Json(*parts.tokenizer.active_vocab_size)
                                    : vocab_size);
  for (const Generated& key : kSampling)
    json.set(key.name, generated(key, parts.generation));
  json.set("tokenizer_files", texts(parts.tokenizer.names));
  json.set("tokenizer_info", tokenizer_info_json(parts.tokenizer.info));
  json.set("conv_template", template_json(parts));
  for (const Generated& key : kTokenIds)
    json.set(key.name, generated(key, parts.generation));
  json.set("model_task", parts.model.architecture->embedding ? "embedding" : "chat");
  json.set("embedding_metadata", metadata_json(parts));
  if (parts.legacy) {
    json.set("mean_gen_len", 128);
    json.set("max_gen_len", 512);
    json.set("shift_fill_factor", 0.3);
  }
  return json;
}

std::string chat_config_text(const Json& config) { return dump_json(config, 2); }

}  // namespace mlc
