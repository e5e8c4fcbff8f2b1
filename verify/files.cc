#include "verify/files.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "base/relative_path.h"
#include "verify/files_folder.h"
#include "verify/files_hash.h"
#include "verify/files_index.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::array<FindingRule, kFileRules> kRules = {{
    {"F01", "no-index", Severity::kError, "the folder has no index of its params",
     "name the folder that mlc convert_weight wrote"},
    {"F02", "index-damaged", Severity::kError, "the index of the params is not a valid one",
     "download it again, or convert again"},
    {"F03", "indexes-differ", Severity::kError,
     "the index says another thing under its other name, so that runtimes load different params",
     "keep the one that fits the shards, and copy it to the other name"},
    {"F04", "b16-index-differs", Severity::kError,
     "the index for runtimes without float32 is not that of the index",
     "download both again, or convert again"},
    {"F05", "one-index-name", Severity::kNote,
     "the index has one name only: runtimes from before September 2025 read ndarray-cache.json, "
     "later ones tensor-cache.json",
     "copy it to the other name"},
    {"F06", "file-missing", Severity::kError, "a file of the model is missing",
     "download it, or convert again"},
    {"F07", "file-unreadable", Severity::kError, "a file of the model can't be read",
     "see to the file's kind and permissions, and to the disk"},
    {"F08", "shard-size", Severity::kError, "a shard is longer or shorter than the index says",
     "download the shard again, or convert again"},
    {"F09", "shard-md5", Severity::kError, "a shard does not have the md5 that the index says",
     "download the shard again, or convert again"},
    {"F10", "file-sha256", Severity::kError, "a file does not have its known sha256",
     "download the file again, from where the sha256 comes from"},
    {"F11", "shards-swapped", Severity::kError, "a shard has the bytes of another shard",
     "rename the shards to what they hold"},
    {"F12", "shard-no-md5", Severity::kWarning,
     "the index has no md5 of a shard, so that its bytes were not checked",
     "convert again with a writer that stores md5sum"},
    {"F13", "stale-shard", Severity::kError,
     "no index names this shard: it is of another conversion, or the index is",
     "delete it, or bring the index that belongs to it"},
    {"F14", "leftover", Severity::kWarning,
     "a conversion or download that did not end has left this behind",
     "delete it if none is under way"},
    {"F15", "link-outside", Severity::kWarning,
     "a file of the model is a link that leads out of the folder",
     "put a copy of the file in its place before the folder is moved or published"},
    {"F16", "file-damaged", Severity::kError, "a file of the model is not what its name says",
     "download it again, or run mlc gen_config again"},
}};

constexpr bool rules_are_in_order() {
  for (std::size_t i = 1; i < kRules.size(); i++)
    if (!(kRules[i - 1].id < kRules[i].id)) return false;
  return true;
}
static_assert(rules_are_in_order());

// One run of the level.
class FilesLevel {
 public:
  FilesLevel(const VerifyOptions& options, VerifyReport& report, Reporter& reporter)
      : options_(options),
        folder_(options.model),
        findings_(report.findings),
        reporter_(reporter) {}

  std::string run() {
    names_ = folder_names(folder_);
    index_ = check_index(folder_, findings_);
    if (index_) add_shards();
    add_known_hashes();
    hash();
    if (index_) compare_shards();
    compare_known_hashes();
    check_names();
    if (!index_) return "the folder has no index that can be read";
    return broken_;
  }

  FilesResult result;

 private:
  struct ShardFile {
    const Shard* shard;
    std::size_t hash;  // kNone: it was not hashed
    std::uint64_t size;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::string path_of(const std::string& name) const { return (fs::path(folder_) / name).string(); }

  void add(FileRule rule, const std::string& where, std::string found, std::string expected = {}) {
    findings_.add(rule_of(rule), where, std::move(found), std::move(expected));
  }

  // What keeps later levels from running: a shard without its bytes.
  void breaks(const std::string& shard, std::string_view why) {
    if (broken_.empty()) broken_ = fmt::format("{} {}", printable(shard), why);
  }

  // The size of a file that can be hashed; none after a finding.
  std::optional<std::uint64_t> size_of_file(const std::string& name, const std::string& named_by) {
    std::error_code error;
    fs::file_status status = fs::symlink_status(path_of(name), error);
    if (!fs::exists(status)) {
      add(FileRule::kMissing, name, "", "named by " + named_by);
      return std::nullopt;
    }
    bool link = fs::is_symlink(status);
    if (link) status = fs::status(path_of(name), error);
    if (!fs::exists(status)) {
      add(FileRule::kMissing, name, "a link that leads nowhere", "named by " + named_by);
      return std::nullopt;
    }
    std::uint64_t size = fs::is_regular_file(status) ? fs::file_size(path_of(name), error) : 0;
    if (!fs::is_regular_file(status) || error) {
      add(FileRule::kUnreadable, name, error ? error.message() : "no regular file");
      return std::nullopt;
    }
    return size;
  }

  std::size_t add_file(const std::string& name, std::uint64_t size) {
    hashes_.push_back(
        {.path = path_of(name), .size = size, .wants_sha256 = options_.sha256.count(name) > 0});
    hashed_names_.push_back(name);
    return hashes_.size() - 1;
  }

  void add_shards() {
    std::set<std::uint64_t> sizes;
    for (const Shard& shard : index_->cache.shards)
      sizes.insert(shard.nbytes);
    for (const Shard& shard : index_->cache.shards) {
      result.shards++;
      named_.insert(shard.data_path);
      std::optional<std::uint64_t> size = size_of_file(shard.data_path, index_->name);
      if (!size) {
        breaks(shard.data_path, "can't be read");
        continue;
      }
      result.files++;
      // A file of another size can only be another shard; hashing it otherwise tells nothing.
      bool worth = *size == shard.nbytes || sizes.count(*size) > 0;
      shards_.push_back({&shard, worth ? add_file(shard.data_path, *size) : kNone, *size});
    }
  }

  void add_known_hashes() {
    for (const auto& [name, hash] : options_.sha256) {
      if (!relative_path_problem(name).empty()) {
        add(FileRule::kMissing, name, std::string(relative_path_problem(name)),
            "a path below the folder");
        continue;
      }
      if (std::find(hashed_names_.begin(), hashed_names_.end(), name) != hashed_names_.end() ||
          named_.count(name) > 0)
        continue;
      if (std::optional<std::uint64_t> size = size_of_file(name, "the list of known hashes"))
        add_file(name, *size);
    }
  }

  void hash() {
    std::uint64_t total = 0;
    for (const FileHash& file : hashes_)
      total += file.size;
    if (total > 0) reporter_.begin("files", total);
    hash_files(hashes_, options_.threads, reporter_);
    if (total > 0) reporter_.end();
    result.bytes = total;
  }

  void compare_shards() {
    std::map<std::string, const Shard*> by_md5;
    for (const Shard& shard : index_->cache.shards)
      if (!shard.md5sum.empty()) by_md5.emplace(shard.md5sum, &shard);
    for (const ShardFile& file : shards_) {
      const Shard& shard = *file.shard;
      const FileHash* hash = file.hash == kNone ? nullptr : &hashes_[file.hash];
      if (hash != nullptr && !hash->error.empty()) {
        add(FileRule::kUnreadable, shard.data_path, hash->error);
        breaks(shard.data_path, "can't be read");
        continue;
      }
      if (file.size != shard.nbytes)
        breaks(shard.data_path, "has another size than the index says");
      auto other =
          hash == nullptr || hash->md5 == shard.md5sum ? by_md5.end() : by_md5.find(hash->md5);
      if (other != by_md5.end()) {
        add(FileRule::kSwapped, shard.data_path,
            fmt::format("the bytes of {} (md5 {})", printable(other->second->data_path), hash->md5),
            shard.md5sum.empty() ? "its own" : "md5 " + shard.md5sum);
      } else if (file.size != shard.nbytes) {
        add(FileRule::kSize, shard.data_path, fmt::format("{} bytes", file.size),
            fmt::format("{} bytes", shard.nbytes));
      } else if (shard.md5sum.empty()) {
        add(FileRule::kNoMd5, shard.data_path, "");
      } else if (hash->md5 != shard.md5sum) {
        add(FileRule::kMd5, shard.data_path, hash->md5, shard.md5sum);
      }
    }
  }

  void compare_known_hashes() {
    for (std::size_t i = 0; i < hashes_.size(); i++) {
      if (!hashes_[i].wants_sha256) continue;
      if (!hashes_[i].error.empty()) {
        if (named_.count(hashed_names_[i]) == 0)
          add(FileRule::kUnreadable, hashed_names_[i], hashes_[i].error);
        continue;
      }
      const std::string& expected = options_.sha256.at(hashed_names_[i]);
      if (hashes_[i].sha256 != expected)
        add(FileRule::kSha256, hashed_names_[i], hashes_[i].sha256, expected);
    }
  }

  // Links also of the shards that lie in folders of the folder.
  void check_names() {
    std::set<std::string> all(names_.begin(), names_.end());
    all.insert(named_.begin(), named_.end());
    for (const std::string& name : all) {
      throw_if_cancelled();
      if (is_leftover_name(name)) {
        add(FileRule::kLeftover, name, "");
        continue;
      }
      if (std::string target = outside_target(folder_, name); !target.empty())
        add(FileRule::kLinkOutside, name, "leads to " + target);
      if (named_.count(name) > 0) continue;
      // Without an index, or with one that was damaged, nobody knows what is stale.
      if (is_shard_name(name) && index_)
        add(FileRule::kStaleShard, name, "", "named by " + index_->name);
      if (is_index_name(name) || check_small_file(folder_, name, findings_)) result.files++;
    }
  }

  const VerifyOptions& options_;
  const std::string& folder_;
  Findings& findings_;
  Reporter& reporter_;
  std::optional<FolderIndex> index_;
  std::vector<std::string> names_;  // in the folder
  std::set<std::string> named_;     // by the index
  std::vector<ShardFile> shards_;   // that are there
  std::vector<FileHash> hashes_;
  std::vector<std::string> hashed_names_;
  std::string broken_;
};

}  // namespace

std::span<const FindingRule> file_rules() { return kRules; }

const FindingRule& rule_of(FileRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::string verify_files(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  FilesLevel level(options, report, reporter);
  std::string broken = level.run();
  level.result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.files = level.result;
  return broken;
}

}  // namespace mlc
