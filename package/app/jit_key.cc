#include "package/app/jit_key.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "models/model_config.h"

namespace mlc {

namespace {

// In mlc_llm's order; for the first three that may be none, -1 means that nothing is overridden.
struct Override {
  const char* name;
  bool may_be_none;
};
constexpr std::array kOverrides = {
    Override{"context_window_size", true},       Override{"sliding_window_size", true},
    Override{"prefill_chunk_size", false},       Override{"attention_sink_size", true},
    Override{"max_batch_size", false},           Override{"tensor_parallel_shards", false},
    Override{"pipeline_parallel_stages", false},
};

struct Flags {
  bool flashinfer = true;
  bool cublas_gemm = false;
  bool faster_transformer = false;
  bool cudagraph = false;
  bool cutlass = false;
  std::string allreduce = "NONE";
};

bool parse_bit(std::string_view value, std::string_view text) {
  if (value == "0" || value == "1") return value == "1";
  bad_input("overrides: opt \"{}\": found the value \"{}\", expected 0 or 1", printable(text),
            printable(value));
}

void set_flag(Flags& flags, std::string_view item, std::string_view text) {
  std::size_t equals = item.find('=');
  std::string_view name = item.substr(0, equals);
  std::string_view value = equals == item.npos ? "" : item.substr(equals + 1);
  constexpr std::array<std::string_view, 4> kStrategies = {"NONE", "ONESHOT", "TWOSHOT", "AUTO"};
  if (name == "flashinfer")
    flags.flashinfer = parse_bit(value, text);
  else if (name == "cublas_gemm")
    flags.cublas_gemm = parse_bit(value, text);
  else if (name == "faster_transformer")
    flags.faster_transformer = parse_bit(value, text);
  else if (name == "cudagraph")
    flags.cudagraph = parse_bit(value, text);
  else if (name == "cutlass")
    flags.cutlass = parse_bit(value, text);
  else if (name == "ipc_allreduce_strategy" &&
           std::find(kStrategies.begin(), kStrategies.end(), value) != kStrategies.end())
    flags.allreduce = value;
  else
    bad_input(
        "overrides: opt \"{}\": \"{}\" is unknown; expected O0 to O3, or flags such as "
        "flashinfer=0;cudagraph=1",
        printable(text), printable(item));
}

Flags parse_opt(std::string_view text) {
  if (text == "O0") return {.flashinfer = false};
  if (text == "O1")
    return {.flashinfer = false, .cublas_gemm = true, .faster_transformer = true, .cutlass = true};
  if (text == "O2") return {.cublas_gemm = true, .cudagraph = true, .cutlass = true};
  if (text == "O3")
    return {.cublas_gemm = true,
            .faster_transformer = true,
            .cudagraph = true,
            .cutlass = true,
            .allreduce = "AUTO"};
  Flags flags;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find(';', at), text.size());
    if (end > at) set_flag(flags, text.substr(at, end - at), text);
    at = end + 1;
  }
  return flags;
}

std::string text_of(const Flags& flags) {
  return fmt::format(
      "flashinfer={:d};cublas_gemm={:d};faster_transformer={:d};cudagraph={:d};cutlass={:d};"
      "ipc_allreduce_strategy={}",
      flags.flashinfer, flags.cublas_gemm, flags.faster_transformer, flags.cudagraph, flags.cutlass,
      flags.allreduce);
}

// Python's sort_keys, at every depth: by code point, which is the order of the bytes of UTF-8.
Json sorted(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& item : value.items("sorted"))
      out.push(sorted(item));
    return out;
  }
  if (!value.is_object()) return value;
  std::vector<const Json::Member*> members;
  for (const Json::Member& member : value.members("sorted"))
    members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const Json::Member* a, const Json::Member* b) { return a->first < b->first; });
  Json out = Json::object();
  for (const Json::Member* member : members)
    out.set(member->first, sorted(member->second));
  return out;
}

std::string md5_of(const std::string& text) {
  Md5 md5;
  md5.update(std::as_bytes(std::span(text)));
  return hex(md5.finish());
}

const Json& part(const Json& chat, std::string_view name, const std::string& where) {
  const Json* found = chat.find(name);
  if (found == nullptr)
    bad_input("{}: {} is missing; expected an mlc-chat-config.json", printable(where), name);
  return *found;
}

// The config as mlc_llm's model class reads it: model_config, over it the rest of the file, over
// that the overrides.
Json model_config(const JitRequest& request, const std::string& model_type) {
  const Json& chat = request.chat_config;
  Json merged = part(chat, "model_config", request.where);
  for (const Json::Member& member : chat.members(request.where))
    if (member.first != "model_type" && member.first != "quantization" &&
        member.first != "model_config")
      merged.set(member.first, member.second);
  for (const Override& one : kOverrides)
    if (const Json* value = request.overrides.find(one.name); value != nullptr && !value->is_null())
      merged.set(one.name, *value);
  ModelConfig config = read_model_config(std::move(merged), request.where, model_type);
  if (!config.architecture->in_mlc_llm)
    fail(ExitCode::kUnsupported, "{}: mlc_llm has no model {}, so no library of it can be compiled",
         printable(request.where), printable(model_type));
  return config.fields;
}

std::string overrides_text(const Json& overrides) {
  std::string text;
  for (const Override& one : kOverrides) {
    const Json* value = overrides.find(one.name);
    if (value == nullptr || value->is_null()) continue;
    std::int64_t number = value->as_int(fmt::format("overrides: {}", one.name));
    if (number == -1 && one.may_be_none) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ";", one.name, number);
  }
  return text;
}

}  // namespace

JitKey jit_key(const JitRequest& request) {
  const Json& chat = request.chat_config;
  const std::string& model_type =
      part(chat, "model_type", request.where).as_string(request.where + ": model_type");
  const std::string& quantization =
      part(chat, "quantization", request.where).as_string(request.where + ": quantization");
  const Json* opt = request.overrides.find("opt");
  JitKey key;
  key.opt = text_of(
      parse_opt(opt == nullptr || opt->is_null() ? "O2" : opt->as_string("overrides: opt")));
  key.overrides = overrides_text(request.overrides);
  Json json = Json::object()
                  .set("model_config", model_config(request, model_type))
                  .set("overrides", key.overrides)
                  .set("opt", key.opt)
                  .set("device", request.device)
                  .set("model_type", model_type)
                  .set("quantization", quantization);
  if (request.model_lib) {
    key.model_lib = *request.model_lib;
  } else {
    key.name_text = dump_json(sorted(json), 2);
    key.model_lib = fmt::format("{}_{}_{}", model_type, quantization, md5_of(key.name_text));
    std::replace(key.model_lib.begin(), key.model_lib.end(), '-', '_');
  }
  json.set("system_lib_prefix", key.model_lib);
  key.file_text = dump_json(sorted(json), 2);
  key.file = md5_of(key.file_text) + ".tar";
  return key;
}

}  // namespace mlc
