#include "genconfig/stop_tokens.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/error.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

std::optional<Json> read_if_there(const std::string& folder, const char* name) {
  fs::path path = fs::path(folder) / name;
  std::error_code ignored;
  if (folder.empty() || !fs::exists(path, ignored)) return std::nullopt;
  return read_json_file(path.string());
}

// A token is text, or an object that has it as `content`.
std::string token_text(const Json* value) {
  if (value != nullptr && value->is_object()) value = value->find("content");
  return value != nullptr && value->is_string() ? value->as_string("token") : std::string();
}

std::optional<std::int64_t> id_of_key(const std::string& key) {
  std::int32_t id = 0;
  auto end = std::from_chars(key.data(), key.data() + key.size(), id);
  if (end.ec != std::errc() || end.ptr != key.data() + key.size()) return std::nullopt;
  return id;
}

void take_names(const Json& file, SpecialTokens& special) {
  auto take = [&](std::string& text, const char* name) {
    if (text.empty()) text = token_text(file.find(name));
  };
  take(special.bos, "bos_token");
  take(special.eos, "eos_token");
  take(special.pad, "pad_token");
}

// The ids of one file.
std::vector<std::int64_t> eos_ids_of(const GenerationSource& source) {
  const Json* eos = source.json.find("eos_token_id");
  if (eos == nullptr || eos->is_null()) return {};
  std::string where = source.path + ": eos_token_id";
  if (!eos->is_array()) return {eos->as_int(where)};
  std::vector<std::int64_t> ids;
  for (const Json& id : eos->items(where))
    ids.push_back(id.as_int(where));
  return ids;
}

class Union {
 public:
  explicit Union(const ConvTemplate& row) : row_(row) {
    for (std::int32_t id : row.stop_token_ids)
      result.all.push_back(id);
  }

  void add(std::int64_t id, const std::string& from) {
    if (id < 0) return;
    if (std::find(result.all.begin(), result.all.end(), id) == result.all.end()) {
      result.all.push_back(id);
      result.beyond_template.push_back(id);
      result.findings.push_back(
          fmt::format("{} ends a turn with token {}, at which the conversation template {} does "
                      "not stop (its stop_token_ids are {})",
                      from, id, row_.name,
                      fmt::join(row_.stop_token_ids.begin(), row_.stop_token_ids.end(), ", ")));
    }
  }

  StopTokens result;

 private:
  const ConvTemplate& row_;
};

}  // namespace

SpecialTokens read_special_tokens(const std::string& folder) {
  SpecialTokens special;
  if (std::optional<Json> config = read_if_there(folder, "tokenizer_config.json")) {
    take_names(*config, special);
    const Json* added = config->find("added_tokens_decoder");
    if (added != nullptr && added->is_object())
      for (const Json::Member& member : added->members("added_tokens_decoder"))
        if (std::optional<std::int64_t> id = id_of_key(member.first))
          special.ids.emplace_back(token_text(&member.second), *id);
  }
  if (std::optional<Json> map = read_if_there(folder, "special_tokens_map.json"))
    take_names(*map, special);
  std::optional<Json> added = read_if_there(folder, "added_tokens.json");
  if (added && added->is_object())
    for (const Json::Member& member : added->members("added_tokens.json"))
      if (member.second.is_int() && member.second.as_double(member.first) >= 0)
        special.ids.emplace_back(member.first, member.second.as_int(member.first));
  return special;
}

std::vector<std::int64_t> eos_ids(std::span<const GenerationSource> generation) {
  std::vector<std::int64_t> all;
  for (const GenerationSource& source : generation)
    for (std::int64_t id : eos_ids_of(source))
      if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
  return all;
}

StopTokens find_stop_tokens(const ConvTemplate& row, std::span<const GenerationSource> generation,
                            const SpecialTokens& special, std::int64_t vocab_size) {
  Union stops(row);
  bool known = false;
  for (const GenerationSource& source : generation)
    for (std::int64_t id : eos_ids_of(source)) {
      stops.add(id, source.path + ": eos_token_id");
      known = true;
    }
  for (const auto& [text, id] : special.ids)
    if (!special.eos.empty() && text == special.eos) {
      stops.add(id, fmt::format("tokenizer_config.json: eos_token \"{}\"", printable(text)));
      known = true;
    }
  for (std::int32_t id : row.stop_token_ids)
    if (known && id >= vocab_size)
      stops.result.findings.push_back(fmt::format(
          "the conversation template {} stops at token {}, beyond the model's {} tokens: "
          "it is for another model",
          row.name, id, vocab_size));
  return std::move(stops.result);
}

}  // namespace mlc
