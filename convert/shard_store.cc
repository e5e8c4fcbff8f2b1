#include "convert/shard_store.h"

#include <charconv>

#include "base/error.h"
#include "base/hash.h"
#include "convert/plan.h"

namespace mlc {
namespace {

constexpr std::string_view kJournal = "journal";
// Files that wait for their fsync keep a descriptor each.
constexpr std::size_t kMaxUnsynced = 32;

std::string md5_of_file(const std::string& path, std::uint64_t size) {
  InputFile file(path);
  Md5 md5;
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < size; at += block.size()) {
    auto part = std::span(block).first(std::min<std::uint64_t>(block.size(), size - at));
    file.read(at, part);
    md5.update(part);
  }
  return hex(md5.finish());
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
  // A fresh journal with what is still true; what the old one said of other plans is gone.
  std::string path = folder_.partial_path(kJournal);
  if (!folder_.find_finished(kJournal).empty()) remove_file(path);
  journal_ = std::make_unique<OutputFile>(path, 0);
  std::string text = plan_id_ + "\n";
  for (std::size_t i = 0; i < done_.size(); i++)
    if (done_[i]) text += fmt::format("{} {}\n", i, *done_[i]);
  journal_->write(0, std::as_bytes(std::span(text)));
  journal_size_ = text.size();
}

void ShardStore::read_journal() {
  std::string path = folder_.partial_path(kJournal);
  if (folder_.find_finished(kJournal) != path) return;
  std::string text = read_file(path, std::uint64_t{64} << 20);
  std::string_view rest = text;
  auto line = [&]() -> std::string_view {
    std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      // The last line was cut off by the kill.
      rest = {};
      return {};
    }
    std::string_view found = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return found;
  };
  if (line() != plan_id_) return;
  while (!rest.empty()) {
    std::string_view entry = line();
    std::size_t shard = 0;
    auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), shard);
    if (error != std::errc() || shard >= done_.size()) continue;
    auto used = static_cast<std::size_t>(end - entry.data());
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
