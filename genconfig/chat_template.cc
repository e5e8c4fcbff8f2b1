#include "genconfig/chat_template.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace fs = std::filesystem;

namespace mlc {
namespace {

// Beyond what the engine takes (jinja::Limits), so that its message names the real size.
constexpr std::uint64_t kMaxTemplateFile = std::uint64_t{16} << 20;

std::optional<std::string> path_if_there(const std::string& folder, const char* name) {
  const fs::path path = fs::path(folder) / name;
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return std::nullopt;
  return path.string();
}

// A special token is a text, or an object that describes one.
std::string token_text(const Json& config, const char* key) {
  const Json* token = config.find(key);
  if (token != nullptr && token->is_object()) token = token->find("content");
  return token != nullptr && token->is_string() ? token->as_string(key) : std::string();
}

// chat_template is a text; a list of {"name", "template"}; or, in older files, an object of texts.
// Null stands for none.
bool read_template(const Json& config, const std::string& path, ChatTemplateSource& source) {
  const Json* json = config.find("chat_template");
  if (json == nullptr || json->is_null()) return false;
  source.where = path + ": chat_template";
  if (json->is_string()) {
    source.text = json->as_string(source.where);
    return true;
  }
  const Json* chosen = nullptr;
  std::string name;
  const auto offer = [&](const std::string& each, const Json& text) {
    if (chosen != nullptr && each != "default") return;
    chosen = &text;
    name = each;
  };
  if (json->is_object()) {
    for (const auto& [each, text] : json->members(source.where))
      offer(each, text);
  } else {
    for (const Json& entry : json->items(source.where)) {
      const Json *each = entry.find("name"), *text = entry.find("template");
      if (each == nullptr || text == nullptr)
        bad_input("{}: every template of a list needs \"name\" and \"template\"",
                  printable(source.where, 1024));
      offer(each->as_string(source.where + ": name"), *text);
    }
  }
  if (chosen == nullptr) return false;
  source.where += fmt::format(" \"{}\"", printable(name, 60));
  source.text = chosen->as_string(source.where);
  return true;
}

}  // namespace

std::optional<ChatTemplateSource> find_chat_template(const std::string& folder) {
  ChatTemplateSource source;
  bool found = false;
  if (auto path = path_if_there(folder, "tokenizer_config.json")) {
    const Json config = read_json_file(*path);
    config.members(*path);  // an object, or an error
    found = read_template(config, *path, source);
    source.bos_token = token_text(config, "bos_token");
    source.eos_token = token_text(config, "eos_token");
    source.pad_token = token_text(config, "pad_token");
    source.unk_token = token_text(config, "unk_token");
  }
  if (auto path = path_if_there(folder, "chat_template.jinja")) {
    source.text = read_file(*path, kMaxTemplateFile);
    source.where = *path;
    return source;
  }
  if (found) return source;
  if (auto path = path_if_there(folder, "chat_template.json")) {
    const Json config = read_json_file(*path);
    config.members(*path);
    if (read_template(config, *path, source)) return source;
  }
  return std::nullopt;
}

}  // namespace mlc
