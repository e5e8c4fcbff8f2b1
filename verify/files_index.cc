#include "verify/files_index.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "verify/files.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// The limit of read_tensor_cache().
constexpr std::uint64_t kMaxIndex = std::uint64_t{64} << 20;

constexpr std::array<std::string_view, 2> kNames = {"tensor-cache.json", "ndarray-cache.json"};
constexpr std::array<std::string_view, 2> kB16Names = {"tensor-cache-b16.json",
                                                       "ndarray-cache-b16.json"};

struct IndexFile {
  std::string name;
  std::string text;
  std::optional<TensorCache> cache;  // none: it can't be read
};

bool is_there(const std::string& folder, std::string_view name) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(fs::path(folder) / name, ignored));
}

// None if there is no such file. `findings` may be null.
std::optional<IndexFile> read_index(const std::string& folder, std::string_view name,
                                    Findings* findings) {
  if (!is_there(folder, name)) return std::nullopt;
  IndexFile file{std::string(name), "", std::nullopt};
  try {
    file.text = read_file((fs::path(folder) / name).string(), kMaxIndex);
    file.cache = parse_tensor_cache(file.text, file.name);
  } catch (const Error& error) {
    if (findings != nullptr)
      findings->add(rule_of(FileRule::kIndexDamaged), file.name, error.what());
  }
  return file;
}

std::string shape_of(const Record& record) {
  return fmt::format("[{}]", fmt::join(record.shape, ", "));
}

// Compares members in turn and keeps the first pair that differs.
class Comparison {
 public:
  bool same() const { return result.where.empty(); }

  template <class T>
  void compare(const std::string& where, const T& expected, const T& found) {
    if (same() && !(expected == found))
      result = {where, fmt::format("{}", found), fmt::format("{}", expected)};
  }

  void compare_text(const std::string& where, const std::string& expected,
                    const std::string& found) {
    if (same() && expected != found) result = {where, printable(found), printable(expected)};
  }

  IndexDifference result;
};

void compare_records(Comparison& c, const std::string& where, const Record& a, const Record& b) {
  c.compare_text(where + ".name", a.name, b.name);
  c.compare(where + ".shape", shape_of(a), shape_of(b));
  c.compare(where + ".dtype", name_of(a.dtype), name_of(b.dtype));
  c.compare(where + ".format", static_cast<int>(a.format), static_cast<int>(b.format));
  c.compare(where + ".nbytes", a.nbytes, b.nbytes);
  c.compare(where + ".byteOffset", a.byte_offset, b.byte_offset);
}

void compare_shards(Comparison& c, const std::string& where, const Shard& a, const Shard& b) {
  c.compare_text(where + ".dataPath", a.data_path, b.data_path);
  for (std::size_t i = 0; c.same() && i < std::min(a.records.size(), b.records.size()); i++)
    compare_records(c, fmt::format("{}.records[{}]", where, i), a.records[i], b.records[i]);
  c.compare(where + ".records, their number", a.records.size(), b.records.size());
  c.compare(where + ".nbytes", a.nbytes, b.nbytes);
  c.compare(where + ".md5sum", a.md5sum, b.md5sum);
}

void compare_names(const std::vector<IndexFile>& files, Findings& findings) {
  if (files.size() < 2) {
    findings.add(rule_of(FileRule::kOneIndexName), files[0].name,
                 fmt::format("only {}", files[0].name), "both names");
    return;
  }
  if (files[0].text == files[1].text) return;
  // One that can't be read was found already.
  if (!files[0].cache || !files[1].cache) return;
  IndexDifference d = first_difference(*files[0].cache, *files[1].cache);
  if (d.where.empty()) {
    findings.add(rule_of(FileRule::kIndexesDiffer), files[1].name,
                 "the same records, written in another way",
                 fmt::format("the bytes of {}", files[0].name));
    return;
  }
  findings.add(rule_of(FileRule::kIndexesDiffer), fmt::format("{}: {}", files[1].name, d.where),
               d.found, fmt::format("{}, as in {}", d.expected, files[0].name));
}

void compare_b16(const std::string& folder, const FolderIndex& index, Findings& findings) {
  TensorCache expected = parse_tensor_cache(write_tensor_cache_b16(index.cache), index.name);
  for (std::string_view name : kB16Names) {
    std::optional<IndexFile> file = read_index(folder, name, &findings);
    if (!file || !file->cache) continue;
    IndexDifference d = first_difference(expected, *file->cache);
    if (!d.where.empty())
      findings.add(rule_of(FileRule::kB16Differs), fmt::format("{}: {}", name, d.where), d.found,
                   fmt::format("{}, as {} has it", d.expected, index.name));
  }
}

}  // namespace

bool is_index_name(std::string_view name) {
  return std::count(kNames.begin(), kNames.end(), name) > 0 ||
         std::count(kB16Names.begin(), kB16Names.end(), name) > 0;
}

IndexDifference first_difference(const TensorCache& index, const TensorCache& other) {
  Comparison c;
  std::size_t shards = std::min(index.shards.size(), other.shards.size());
  for (std::size_t i = 0; c.same() && i < shards; i++)
    compare_shards(c, fmt::format("records[{}]", i), index.shards[i], other.shards[i]);
  c.compare("records, their number", index.shards.size(), other.shards.size());
  c.compare("metadata.ParamSize", index.param_size, other.param_size);
  c.compare("metadata.ParamBytes", index.param_bytes, other.param_bytes);
  c.compare("metadata.BitsPerParam", index.bits_per_param, other.bits_per_param);
  return c.result;
}

std::optional<FolderIndex> check_index(const std::string& folder, Findings& findings) {
  std::vector<IndexFile> files;
  for (std::string_view name : kNames)
    if (std::optional<IndexFile> file = read_index(folder, name, &findings))
      files.push_back(std::move(*file));
  if (files.empty()) {
    findings.add(rule_of(FileRule::kNoIndex), folder, "",
                 fmt::format("{} or {}", kNames[0], kNames[1]));
    return std::nullopt;
  }
  compare_names(files, findings);
  for (IndexFile& file : files)
    if (file.cache) {
      FolderIndex index{file.name, std::move(*file.cache)};
      compare_b16(folder, index, findings);
      return index;
    }
  return std::nullopt;
}

std::optional<FolderIndex> find_index(const std::string& folder) {
  for (std::string_view name : kNames)
    if (std::optional<IndexFile> file = read_index(folder, name, nullptr); file && file->cache)
      return FolderIndex{file->name, std::move(*file->cache)};
  return std::nullopt;
}

}  // namespace mlc
