#include "convert/shard_store.h"

#include <charconv>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "convert/plan.h"

namespace mlc {
namespace {

constexpr std::string_view kJournal = "journal";
constexpr std::string_view kNewJournal = "journal-new";
// Files that wait for their fsync keep a descriptor each.
constexpr std::size_t kMaxUnsynced = 32;

std::string md5_of_file(const std::string& path, std::uint64_t size) {
  InputFile file(path);
  Md5 md5;
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < size; at += block.size()) {
    throw_if_cancelled();
    auto part = std::span(block).first(std::min<std::uint64_t>(block.size(), size - at));
    file.read(at, part);
    md5.update(part);
  }
  return hex(md5.finish());
}

// The text of the journal in the partial folder if it is that of this plan, without its first line.
std::optional<std::string> entries_of(const OutputFolder& folder, const std::string& plan_id) {
  std::string path = folder.partial_path(kJournal);
  if (folder.find_finished(kJournal) != path) return std::nullopt;
  std::string text = read_file(path, std::uint64_t{64} << 20);
  if (!text.starts_with(plan_id + "\n")) return std::nullopt;
  return text.substr(plan_id.size() + 1);
}

}  // namespace

ShardStore::ShardStore(OutputFolder& folder, const std::vector<std::uint64_t>& sizes,
                       std::string plan_id, bool resume)
    : folder_(folder),
      sizes_(sizes),
      plan_id_(std::move(plan_id)),
      done_(sizes.size()),
      open_(sizes.size()) {
  for (std::size_t i = 0; i < sizes_.size(); i++)
    open_[i].missing = sizes_[i];
  if (resume) read_journal();
}

bool ShardStore::can_resume(const OutputFolder& folder, const std::string& plan_id) {
  return entries_of(folder, plan_id).has_value();
}

void ShardStore::start() {
  // A fresh journal with what is still true. It takes the old one's place as a whole: a kill at any
  // point leaves one of them.
  std::string path = folder_.partial_path(kNewJournal);
  if (folder_.find_finished(kNewJournal) == path) remove_file(path);
  journal_ = std::make_unique<OutputFile>(path, 0);
  std::string text = plan_id_ + "\n";
  for (std::size_t i = 0; i < done_.size(); i++)
    if (done_[i]) text += fmt::format("{} {}\n", i, *done_[i]);
  journal_->write(0, std::as_bytes(std::span(text)));
  journal_size_ = text.size();
  rename_file(path, folder_.partial_path(kJournal));
}

void ShardStore::read_journal() {
  std::optional<std::string> entries = entries_of(folder_, plan_id_);
  if (!entries) return;
  std::string_view rest = *entries;
  // A last line without its end was cut off by the kill.
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;
       rest.remove_prefix(end + 1)) {
    std::string_view entry = rest.substr(0, end);
    std::size_t shard = 0;
    auto [stop, error] = std::from_chars(entry.data(), entry.data() + entry.size(), shard);
    if (error != std::errc() || shard >= done_.size()) continue;
    auto used = static_cast<std::size_t>(stop - entry.data());
    if (used + 33 != entry.size()) continue;
    std::string file = folder_.find_finished(shard_name(shard));
    if (file.empty() || file_size(file) != sizes_[shard]) continue;
    std::string md5(entry.substr(used + 1));
    if (md5_of_file(file, sizes_[shard]) != md5) continue;
    // Its bytes may not have reached the disk before the kill.
    OutputFile(file, sizes_[shard], OutputFile::Mode::kReopen).sync();
    done_[shard] = md5;
  }
}

std::size_t ShardStore::done_count() const {
  std::size_t n = 0;
  for (const auto& d : done_)
    n += d ? 1u : 0u;
  return n;
}

std::shared_ptr<OutputFile> ShardStore::open(std::size_t shard) {
  std::lock_guard lock(mutex_);
  Open& o = open_[shard];
  if (!o.file) {
    // An unfinished file of the run that is resumed is of no use.
    std::string path = folder_.partial_path(shard_name(shard));
    if (folder_.find_finished(shard_name(shard)) == path) remove_file(path);
    o.file = std::make_shared<OutputFile>(path, sizes_[shard]);
  }
  return o.file;
}

bool ShardStore::account(std::size_t shard, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  Open& o = open_[shard];
  o.missing -= bytes;
  return o.missing == 0;
}

bool ShardStore::write(std::size_t shard, std::uint64_t offset, std::span<const std::byte> data) {
  if (is_done(shard)) return false;
  open(shard)->write(offset, data);
  return account(shard, data.size());
}

bool ShardStore::write_runs(std::size_t shard, std::uint64_t offset, std::uint64_t stride,
                            std::span<const std::byte> data, std::size_t run) {
  if (is_done(shard)) return false;
  std::shared_ptr<OutputFile> file = open(shard);
  if (run == stride) {
    file->write(offset, data);
  } else {
    for (std::size_t at = 0; at < data.size(); at += run) {
      file->write(offset, data.subspan(at, run));
      offset += stride;
    }
  }
  return account(shard, data.size());
}

std::shared_ptr<OutputFile> ShardStore::complete_file(std::size_t shard) {
  std::shared_ptr<OutputFile> file = open(shard);
  file->start_writeback();
  return file;
}

void ShardStore::finish(std::size_t shard, const std::string& md5) {
  std::shared_ptr<OutputFile> oldest;
  {
    std::lock_guard lock(mutex_);
    std::string entry = fmt::format("{} {}\n", shard, md5);
    journal_->write(journal_size_, std::as_bytes(std::span(entry)));
    journal_size_ += entry.size();
    done_[shard] = md5;
    unsynced_.push_back(std::move(open_[shard].file));
    if (unsynced_.size() > kMaxUnsynced) {
      oldest = std::move(unsynced_.front());
      unsynced_.pop_front();
    }
  }
  if (!oldest) return;
  oldest->sync();
  oldest->close();
}

void ShardStore::sync_finished() {
  while (true) {
    throw_if_cancelled();
    std::shared_ptr<OutputFile> file;
    {
      std::lock_guard lock(mutex_);
      if (unsynced_.empty()) return;
      file = std::move(unsynced_.front());
      unsynced_.pop_front();
    }
    file->sync();
    file->close();
  }
}

}  // namespace mlc
