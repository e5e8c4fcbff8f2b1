#include "genconfig/tokenizer_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "base/json.h"

namespace mlc {
namespace {

constexpr std::array<std::string_view, 8> kRoles = {
    "bos_token", "eos_token", "unk_token",  "sep_token",
    "pad_token", "cls_token", "mask_token", "additional_special_tokens"};

std::optional<bool> flag(const Json& object, std::string_view key, const std::string& path) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->as_bool(fmt::format("{}: {}", path, key));
}

// "<s>", or {"content": "<s>", "lstrip": false, ...}. transformers' default: what is not special is
// matched in normalized text.
AddedToken token_of(const Json& value, const std::string& what, bool special) {
  AddedToken token;
  token.special = special;
  if (value.is_string()) {
    token.content = value.as_string(what);
    return token;
  }
  const Json* content = value.find("content");
  if (content == nullptr) bad_input("{} must be a string or an object with content", what);
  token.content = content->as_string(what + ".content");
  token.single_word = flag(value, "single_word", what).value_or(false);
  token.lstrip = flag(value, "lstrip", what).value_or(false);
  token.rstrip = flag(value, "rstrip", what).value_or(false);
  token.special = flag(value, "special", what).value_or(false) || special;
  token.normalized = flag(value, "normalized", what).value_or(!token.special);
  return token;
}

std::uint64_t id_of(std::string_view text, const std::string& what) {
  std::uint64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() ||
      id > std::uint64_t{std::numeric_limits<std::int32_t>::max()})
    bad_input("{}: the token id '{}' is no integer from 0 to {}", what, printable(text, 40),
              std::numeric_limits<std::int32_t>::max());
  return id;
}

void read_special(const Json& root, const std::string& path, TokenizerConfig& config) {
  for (std::string_view role : kRoles) {
    const Json* value = root.find(role);
    if (value == nullptr) continue;
    std::erase_if(config.special, [&](const auto& s) { return s.role == role; });
    std::string what = fmt::format("{}: {}", path, role);
    if (value->is_null()) {
      config.special.push_back({std::string(role), std::nullopt});
    } else if (role == kRoles.back()) {
      for (const Json& item : value->items(what))
        config.special.push_back({std::string(role), token_of(item, what, true)});
    } else {
      config.special.push_back({std::string(role), token_of(*value, what, true)});
    }
  }
  auto place = [](const TokenizerConfig::Special& s) {
    return std::find(kRoles.begin(), kRoles.end(), s.role) - kRoles.begin();
  };
  std::stable_sort(config.special.begin(), config.special.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

void sort_added(TokenizerConfig& config, const std::string& path) {
  std::stable_sort(config.added.begin(), config.added.end(),
                   [](const auto& a, const auto& b) { return a.id < b.id; });
  auto same = std::adjacent_find(config.added.begin(), config.added.end(),
                                 [](const auto& a, const auto& b) { return a.id == b.id; });
  if (same != config.added.end())
    bad_input("{}: '{}' and '{}' both have the id {}", path, printable(same->token.content),
              printable((same + 1)->token.content), same->id);
}

}  // namespace

const TokenizerConfig::Special* TokenizerConfig::find(std::string_view role) const {
  auto it = std::find_if(special.begin(), special.end(),
                         [&](const Special& s) { return s.role == role; });
  return it == special.end() ? nullptr : &*it;
}

TokenizerConfig read_tokenizer_config(const std::optional<std::string>& text,
                                      const std::string& given_path) {
  TokenizerConfig config;
  if (!text) return config;
  std::string path = printable(given_path, 1024);
  Json root = parse_json(*text, given_path);
  if (!root.is_object()) bad_input("{}: expected a json object", path);
  if (const Json* name = root.find("tokenizer_class"); name != nullptr && !name->is_null()) {
    config.tokenizer_class = name->as_string(path + ": tokenizer_class");
    if (config.tokenizer_class.ends_with("Fast"))
      config.tokenizer_class.resize(config.tokenizer_class.size() - 4);
  }
  const Json* own = root.find("auto_map");
  // A list in the oldest files.
  config.has_own_code =
      own != nullptr && (own->is_array() || own->find("AutoTokenizer") != nullptr);
  config.legacy = flag(root, "legacy", path);
  config.add_prefix_space = flag(root, "add_prefix_space", path);
  config.add_bos_token = flag(root, "add_bos_token", path);
  config.add_eos_token = flag(root, "add_eos_token", path);
  read_special(root, path, config);

  const Json* decoder = root.find("added_tokens_decoder");
  if (decoder != nullptr && !decoder->is_null()) {
    config.has_added_tokens_decoder = true;
    std::string what = path + ": added_tokens_decoder";
    for (const auto& [id, token] : decoder->members(what))
      config.added.push_back(
          {id_of(id, what), token_of(token, fmt::format("{}.{}", what, printable(id, 40)), false)});
    sort_added(config, what);
  }
  return config;
}

void add_special_tokens_map(TokenizerConfig& config, const std::string& text,
                            const std::string& path) {
  Json root = parse_json(text, path);
  if (!root.is_object()) bad_input("{}: expected a json object", printable(path, 1024));
  read_special(root, printable(path, 1024), config);
}

void add_added_tokens(TokenizerConfig& config, const std::string& text,
                      const std::string& given_path) {
  std::string path = printable(given_path, 1024);
  Json root = parse_json(text, given_path);
  for (const Json::Member& member : root.members(path)) {
    AddedToken token;
    token.content = member.first;
    const std::string& content = token.content;
    const Json& id = member.second;
    token.special = std::any_of(config.special.begin(), config.special.end(), [&](const auto& s) {
      return s.token && s.token->content == content;
    });
    token.normalized = !token.special;
    std::string what = fmt::format("{}: '{}'", path, printable(content));
    if (!id.is_int()) bad_input("{} must have an integer as its id", what);
    config.added.push_back({id_of(id.number_text(), what), std::move(token)});
  }
  sort_added(config, path);
}

}  // namespace mlc
