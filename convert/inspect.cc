#include "convert/inspect.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/tensor_cache.h"
#include "convert/hub.h"
#include "convert/lora_config.h"
#include "convert/open_checkpoint.h"
#include "convert/open_gguf.h"
#include "convert/packed.h"
#include "convert/safetensors.h"
#include "convert/transform.h"

namespace mlc {
namespace {

using Folder = std::shared_ptr<const SourceFolder>;

constexpr std::string_view kAdapterConfig = "adapter_config.json";
constexpr std::array<std::string_view, 2> kAdapterFiles = {"adapter_model.safetensors",
                                                           "adapter_model.bin"};
// Runtimes prefer the first.
constexpr std::array<std::string_view, 4> kCacheFiles = {
    "tensor-cache.json", "ndarray-cache.json", "tensor-cache-b16.json", "ndarray-cache-b16.json"};
constexpr std::uint64_t kMaxCache = std::uint64_t{256} << 20;

bool is_cache(std::string_view name) {
  return std::find(kCacheFiles.begin(), kCacheFiles.end(), name) != kCacheFiles.end();
}

bool is_shard(std::string_view name) {
  return name.starts_with("params_shard_") && name.ends_with(".bin");
}

std::string find_cache(const SourceFolder& folder) {
  for (std::string_view name : kCacheFiles)
    if (folder.holds(std::string(name))) return std::string(name);
  return {};
}

// What else says something of the model is shown if it can be read; what can't be is a warning,
// since the tensors are what was asked for.
template <class Get>
void add_fact(Inspected& out, const char* name, Get get) {
  try {
    Json value = get();
    if (!value.members(name).empty()) out.facts.emplace_back(name, std::move(value));
  } catch (const Error& error) {
    out.warnings.emplace_back(error.what());
  }
}

void copy_member(Json& to, const Json& from, const char* key) {
  if (const Json* value = from.find(key); value && !value->is_null()) to.set(key, *value);
}

Json packed_json(const Checkpoint& checkpoint, const Json& config, const std::string& where) {
  Json out = Json::object();
  const Json* declared = config.find("quantization_config");
  if (declared) copy_member(out, *declared, "quant_method");
  try {
    PackedConfig packed = find_packed_config(checkpoint, config, where);
    if (packed.kind == PackedKind::kNone) return out;
    out.set("kind", packed_kind_name(packed.kind));
    if (!packed.ints.empty()) {
      out.set("bits", packed.ints[0].bits).set("group_size", packed.ints[0].group_size);
      if (packed.ints.size() > 1) out.set("config_groups", std::uint64_t{packed.ints.size()});
    }
    if (packed.weight_block) {
      Json block = Json::array();
      for (std::int64_t n : *packed.weight_block)
        block.push(n);
      out.set("weight_block_size", std::move(block));
    }
  } catch (const Error& error) {
    out.set("not_read", error.what());
  }
  return out;
}

void add_config_facts(Inspected& out, const SourceFolder& folder, const Checkpoint& checkpoint) {
  const std::string name = "config.json";
  Json config = Json::object();
  add_fact(out, "model", [&] {
    Json model = Json::object();
    if (!folder.holds(name)) return model;
    config = folder.read_json(name);
    copy_member(model, config, "model_type");
    copy_member(model, config, "architectures");
    return model;
  });
  add_fact(out, "quantization",
           [&] { return packed_json(checkpoint, config, folder.path_of(name)); });
}

void add_adapter_facts(Inspected& out, const SourceFolder& folder) {
  add_fact(out, "adapter", [&] {
    Json config = folder.read_json(std::string(kAdapterConfig));
    Json adapter = Json::object();
    for (const char* key : {"peft_type", "base_model_name_or_path", "r", "lora_alpha", "use_rslora",
                            "use_dora", "target_modules", "modules_to_save", "fan_in_fan_out"})
      copy_member(adapter, config, key);
    try {
      parse_lora_config(config, folder.path_of(std::string(kAdapterConfig)));
    } catch (const Error& error) {
      adapter.set("not_merged", error.what());
    }
    return adapter;
  });
}

Inspected inspect_checkpoint(const FoundSource& found) {
  Inspected out;
  out.format = name_of(found.kind);
  Checkpoint checkpoint = open_found(found);
  out.warnings = checkpoint.warnings;
  for (const SourceFile& f : checkpoint.files) {
    out.files.push_back({f.name, f.file->size()});
    if (found.kind == SourceKind::kSafetensors)
      for (auto& [key, value] : safetensors_metadata(*f.file))
        out.metadata.push_back({f.name, key, value});
  }
  for (const SourceTensor& t : checkpoint.tensors)
    out.tensors.push_back({.name = t.name,
                           .dtype = std::string(name_of(t.stored_dtype.value_or(t.dtype))),
                           .shape = t.shape,
                           .elements = static_cast<std::uint64_t>(t.elements()),
                           .nbytes = t.nbytes,
                           .file = t.file,
                           .offset = t.offset});
  if (found.folder->holds(std::string(kAdapterConfig)))
    add_adapter_facts(out, *found.folder);
  else
    add_config_facts(out, *found.folder, checkpoint);
  return out;
}

Json gguf_json(const GgufValue& value) {
  if (const auto* array = std::get_if<GgufArray>(&value))
    return Json::object().set("type", array->type).set("count", array->count);
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, GgufArray>)
          return {};
        else
          return v;
      },
      value);
}

Inspected inspect_gguf(const FoundSource& found) {
  Inspected out;
  out.format = name_of(found.kind);
  out.warnings = found.warnings;
  for (const GgufPart& part : read_gguf_parts(*found.folder, found.files[0])) {
    for (const auto& [key, value] : part.header.metadata)
      out.metadata.push_back({part.name, key, gguf_json(value)});
    for (const GgufTensor& t : part.header.tensors)
      out.tensors.push_back({.name = t.name,
                             .dtype = std::string(t.type->name),
                             .shape = t.shape,
                             .elements = static_cast<std::uint64_t>(t.elements()),
                             .nbytes = t.nbytes,
                             .file = out.files.size(),
                             .offset = t.offset});
    if (part.header.trailing)
      out.warnings.push_back(fmt::format("{}: {} bytes after the last tensor",
                                         printable(part.file->path(), 1024), part.header.trailing));
    if (out.files.empty())
      add_fact(out, "model", [&] {
        Json model = Json::object();
        model.set("gguf_version", std::uint64_t{part.header.version});
        if (const std::string* name = part.header.text("general.architecture"))
          model.set("architecture", *name);
        return model;
      });
    out.files.push_back({part.name, part.file->size()});
  }
  return out;
}

// A shard that is not what the index says makes a warning: the index itself is what is shown.
std::uint64_t shard_size(Inspected& out, const SourceFolder& folder, const Shard& shard) {
  const std::string where = printable(folder.path_of(shard.data_path), 1024);
  if (!folder.holds(shard.data_path)) {
    out.warnings.push_back(where + ": not there");
    return 0;
  }
  std::uint64_t size = folder.open(shard.data_path)->size();
  if (size != shard.nbytes)
    out.warnings.push_back(
        fmt::format("{}: {} bytes, expected {} by the index", where, size, shard.nbytes));
  return size;
}

// `only`: the one shard to show; empty: all.
Inspected inspect_converted(const SourceFolder& folder, const std::string& index,
                            const std::string& only) {
  TensorCache cache = parse_tensor_cache(folder.read_text(index, kMaxCache), folder.path_of(index));
  Inspected out;
  out.format = "mlc";
  out.metadata = {{index, "ParamSize", cache.param_size},
                  {index, "ParamBytes", cache.param_bytes},
                  {index, "BitsPerParam", cache.bits_per_param}};
  for (const Shard& shard : cache.shards) {
    if (!only.empty() && shard.data_path != only) continue;
    for (const Record& r : shard.records) {
      bool halved = r.dtype == DType::kF32 && r.format == RecordFormat::kF32ToBF16;
      out.tensors.push_back(
          {.name = r.name,
           .dtype = std::string(name_of(r.dtype)) + (halved ? " as bfloat16" : ""),
           .shape = r.shape,
           .elements = static_cast<std::uint64_t>(checked_elements(r.shape, r.name)),
           .nbytes = r.nbytes,
           .file = out.files.size(),
           .offset = r.byte_offset});
    }
    out.files.push_back({shard.data_path, shard_size(out, folder, shard)});
  }
  if (out.files.empty() && !only.empty())
    bad_input("{}: no shard {}", printable(folder.path_of(index), 1024), printable(only));
  add_fact(out, "model", [&] {
    Json model = Json::object();
    const std::string name = "mlc-chat-config.json";
    if (!folder.holds(name)) return model;
    Json config = folder.read_json(name);
    copy_member(model, config, "model_type");
    copy_member(model, config, "quantization");
    return model;
  });
  return out;
}

Inspected inspect_found(const FoundSource& found) {
  return found.kind == SourceKind::kGguf ? inspect_gguf(found) : inspect_checkpoint(found);
}

Inspected inspect_folder(const Folder& folder) {
  if (folder->holds(std::string(kAdapterConfig)))
    for (std::string_view file : kAdapterFiles)
      if (folder->holds(std::string(file)))
        return inspect_found(source_of_file(folder, std::string(file)));
  // The index of a converted model lies beside its checkpoint where it was converted in place.
  std::string cache = find_cache(*folder);
  if (cache.empty()) return inspect_found(find_source(folder, "auto"));
  std::optional<FoundSource> found = find_weights(folder, "auto");
  Inspected out = found ? inspect_found(*found) : inspect_converted(*folder, cache, "");
  if (found)
    out.warnings.push_back(
        fmt::format("{}: not shown, the checkpoint beside it is; name it to see "
                    "the converted model",
                    printable(folder->path_of(cache), 1024)));
  return out;
}

Inspected inspect_file(const Folder& folder, const std::string& name) {
  if (is_cache(name)) return inspect_converted(*folder, name, "");
  std::string cache = is_shard(name) ? find_cache(*folder) : std::string();
  if (!cache.empty()) return inspect_converted(*folder, cache, name);
  return inspect_found(source_of_file(folder, name));
}

}  // namespace

Inspected inspect(const std::shared_ptr<const SourceFolder>& folder, const std::string& name) {
  Inspected out = name.empty() ? inspect_folder(folder) : inspect_file(folder, name);
  out.path = name.empty() ? folder->path() : folder->path_of(name);
  return out;
}

Inspected inspect(const std::string& path, bool allow_http) {
  if (is_remote(path)) {
    RemotePlace place = open_remote(path, allow_http);
    Inspected out = inspect(place.folder, place.file);
    // Without the query, which may be a signature that lets in.
    out.path = path.substr(0, path.find('?'));
    return out;
  }
  std::error_code error;
  std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found)
    fail(ExitCode::kUsage, "PATH {}: no such file or folder", printable(path, 1024));
  if (error) io_error(path, "open", error.value());
  if (std::filesystem::is_directory(status)) return inspect(local_folder(path), "");
  std::filesystem::path file(path);
  Inspected out = inspect(local_folder(file.has_parent_path() ? file.parent_path().string() : "."),
                          file.filename().string());
  out.path = path;
  return out;
}

}  // namespace mlc
