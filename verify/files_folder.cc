#include "verify/files_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_ignored.h"
#include "genconfig/sentencepiece.h"
#include "runtime-min/tokenizer/tokenizer.h"
#include "verify/files.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// Ten times the largest one known (Gemma 3's tokenizer.json, 33 MB).
constexpr std::uint64_t kMaxSmallFile = std::uint64_t{320} << 20;

constexpr std::string_view kChatConfig = "mlc-chat-config.json";
constexpr std::string_view kPartialFolder = ".mlc-partial";
constexpr std::array<std::string_view, 6> kUnfinished = {".part",       ".partial", ".incomplete",
                                                         ".crdownload", ".aria2",   ".tmp"};

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "NAME.tmp-PID-COUNT", as write_file_atomically() names the sibling that it renames.
bool is_sibling(std::string_view name) {
  std::size_t mark = name.rfind(".tmp-");
  if (mark == std::string_view::npos) return false;
  std::string_view rest = name.substr(mark + 5);
  std::size_t dash = rest.find('-');
  return dash != std::string_view::npos && is_number(rest.substr(0, dash)) &&
         is_number(rest.substr(dash + 1));
}

void parse_json_file(const std::string& bytes, const std::string& name) {
  IgnoredJson ignore;
  parse_json_events(bytes, name, {.max_bytes = kMaxSmallFile, .nul_in_keys = name != kChatConfig},
                    ignore);
}

using Parse = void (*)(const std::string& bytes, const std::string& name);

Parse parser_of(const std::string& name) {
  if (name.ends_with(".json")) return parse_json_file;
  if (name == "tokenizer.model")
    return [](const std::string& bytes, const std::string& where) {
      read_sentencepiece_model(bytes, where);
    };
  if (name == "tokenizer_model")
    return [](const std::string& bytes, const std::string& where) {
      parse_rwkv_tokenizer(bytes, where);
    };
  return nullptr;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

}  // namespace

std::vector<std::string> folder_names(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) io_error(folder, "cannot list the folder", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_shard_name(std::string_view name) {
  constexpr std::string_view kPrefix = "params_shard_";
  constexpr std::string_view kSuffix = ".bin";
  return name.size() > kPrefix.size() + kSuffix.size() && name.starts_with(kPrefix) &&
         name.ends_with(kSuffix) &&
         is_number(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
}

bool is_leftover_name(std::string_view name) {
  return name == kPartialFolder || is_sibling(name) ||
         std::any_of(kUnfinished.begin(), kUnfinished.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

std::string outside_target(const std::string& folder, const std::string& name) {
  std::error_code error;
  fs::path root = fs::canonical(folder, error);
  if (error) return {};
  fs::path target = fs::canonical(root / name, error);
  if (error || is_below(target, root)) return {};
  bool cached = root.parent_path().filename() == "snapshots" &&
                target.parent_path() == root.parent_path().parent_path() / "blobs";
  return cached ? std::string() : target.string();
}

bool check_small_file(const std::string& folder, const std::string& name, Findings& findings) {
  Parse parse = parser_of(name);
  if (parse == nullptr) return false;
  std::string bytes;
  try {
    bytes = read_file((fs::path(folder) / name).string(), kMaxSmallFile);
  } catch (const Error& error) {
    findings.add(rule_of(FileRule::kUnreadable), name, error.what());
    return true;
  }
  try {
    parse(bytes, name);
  } catch (const Error& error) {
    findings.add(rule_of(FileRule::kDamaged), name, error.what());
  }
  return true;
}

}  // namespace mlc
