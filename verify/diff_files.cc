#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "verify/diff_parts.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = std::size_t{1} << 20;
constexpr std::string_view kConfig = "mlc-chat-config.json";
constexpr std::string_view kTokenizer = "tokenizer.json";

// Written by mlc from what is compared.
bool is_derived(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {
      "tensor-cache.json", "ndarray-cache.json", "tensor-cache-b16.json", "ndarray-cache-b16.json",
      "mlc-verify-reference.json"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         (name.starts_with("params_shard_") && name.ends_with(".bin"));
}

// Names with sizes, without what is derived or begins with a dot.
std::map<std::string, std::uint64_t> list_files(const std::string& folder) {
  std::map<std::string, std::uint64_t> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::string name = at->path().filename().string();
    if (name.starts_with(".")) {
      at.disable_recursion_pending();
      continue;
    }
    std::string relative = at->path().lexically_relative(folder).generic_string();
    if (fs::is_regular_file(at->path(), error) && !is_derived(relative))
      files.emplace(relative, file_size(at->path().string()));
  }
  if (error) io_error(folder, "listing the folder", error.value());
  return files;
}

// The first byte that differs; the sizes are equal or the shorter one's end is it.
std::optional<std::uint64_t> first_difference(const InputFile& a, const InputFile& b) {
  std::vector<std::byte> from_a(kBlock);
  std::vector<std::byte> from_b(kBlock);
  std::uint64_t common = std::min(a.size(), b.size());
  for (std::uint64_t at = 0; at < common; at += kBlock) {
    throw_if_cancelled();
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, common - at));
    std::span<std::byte> one(from_a.data(), size);
    std::span<std::byte> other(from_b.data(), size);
    a.read(at, one);
    b.read(at, other);
    auto [in_a, in_b] = std::mismatch(one.begin(), one.end(), other.begin());
    if (in_a != one.end()) return at + static_cast<std::uint64_t>(in_a - one.begin());
  }
  if (a.size() != b.size()) return common;
  return std::nullopt;
}

ValueDifferences compare_json(const std::string& a, const std::string& b, JsonForm form) {
  std::size_t most = JsonLimits().max_bytes;
  JsonLeaves in_a(read_file(a, most), a, form);
  JsonLeaves in_b(read_file(b, most), b, form);
  return compare_leaves(in_a, in_b);
}

// Files of both folders whose bytes differ.
void compare_contents(const std::string& name, FileDifference difference, const std::string& path_a,
                      const std::string& path_b, Diff& diff) {
  if (name == kConfig) {
    diff.config = compare_json(path_a, path_b, JsonForm::kPlain);
    return;
  }
  if (name == kTokenizer) {
    diff.tokenizer = compare_json(path_a, path_b, JsonForm::kTokenizer);
    return;
  }
  difference.rule = &diff_rule("D32");
  if (name.ends_with(".json")) {
    try {
      difference.keys = compare_json(path_a, path_b, JsonForm::kPlain);
      if (difference.keys.count == 0) return;
      difference.first_at.reset();
    } catch (const Error& error) {
      // Of no interest to a runtime, perhaps: its bytes tell enough.
      if (error.code() != ExitCode::kBadInput) throw;
    }
  }
  diff.files.push_back(std::move(difference));
}

}  // namespace

void diff_files(const DiffOptions& options, Diff& diff) {
  std::map<std::string, std::uint64_t> in_a = list_files(options.a);
  std::map<std::string, std::uint64_t> in_b = list_files(options.b);
  std::map<std::string, FileDifference> names;
  for (const auto& [name, size] : in_a)
    names[name].a = size;
  for (const auto& [name, size] : in_b)
    names[name].b = size;
  diff.files_compared = names.size();
  for (auto& [name, difference] : names) {
    difference.name = name;
    if (!difference.a || !difference.b) {
      difference.rule = &diff_rule("D31");
      diff.files.push_back(difference);
      continue;
    }
    std::string path_a = options.a + "/" + name;
    std::string path_b = options.b + "/" + name;
    difference.first_at = first_difference(InputFile(path_a), InputFile(path_b));
    if (difference.first_at) compare_contents(name, difference, path_a, path_b, diff);
  }
}

}  // namespace mlc
