// The shards of one conversion on their way to the output folder: open while units write them, then
// hashed, noted in a journal, and synced.
//
// Journal (.mlc-partial/journal, text): the first line names the plan by its sha256, then one line
// "INDEX MD5" per finished shard. A resumed run keeps a shard only if the plan is the same and the
// shard's bytes still have that md5; so a line written before its shard reached the disk does no
// harm.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/output_folder.h"
#include "convert/sink.h"

namespace mlc {

class ShardStore : public Sink {
 public:
  // `plan_id` identifies plan, options and sources; `resume`: keep what an earlier run finished.
  ShardStore(OutputFolder& folder, const std::vector<std::uint64_t>& sizes, std::string plan_id,
             bool resume);
  // Did a killed run of this plan leave a journal? The folder then holds the shards it lists.
  static bool can_resume(const OutputFolder& folder, const std::string& plan_id);
  // Begins the journal. Before this nothing was written, and a caller may still give up.
  void start();

  std::size_t count() const { return sizes_.size(); }
  std::uint64_t size(std::size_t shard) const { return sizes_[shard]; }
  bool is_done(std::size_t shard) const override { return done_[shard].has_value(); }
  std::size_t done_count() const;
  const std::string& md5(std::size_t shard) const { return *done_[shard]; }

  // Thread-safe. Writes into an unfinished shard; true when this write was the shard's last missing
  // one, and the caller now has to hash it.
  bool write(std::size_t shard, std::uint64_t offset, std::span<const std::byte> data) override;
  // The same for `count` runs of `run` bytes that lie `stride` bytes apart in the shard.
  bool write_runs(std::size_t shard, std::uint64_t offset, std::uint64_t stride,
                  std::span<const std::byte> data, std::size_t run) override;
  // A complete shard's file, for reading back.
  std::shared_ptr<OutputFile> complete_file(std::size_t shard);
  // The shard is hashed: note it, and sync the oldest once many wait.
  void finish(std::size_t shard, const std::string& md5);
  // Syncs every finished shard that was not synced yet. Thread-safe: threads share the work.
  void sync_finished();

 private:
  struct Open {
    std::shared_ptr<OutputFile> file;
    std::uint64_t missing = 0;
  };
  std::shared_ptr<OutputFile> open(std::size_t shard);
  bool account(std::size_t shard, std::uint64_t bytes);
  void read_journal();

  OutputFolder& folder_;
  std::vector<std::uint64_t> sizes_;
  std::string plan_id_;
  std::vector<std::optional<std::string>> done_;
  std::mutex mutex_;
  std::vector<Open> open_;
  std::deque<std::shared_ptr<OutputFile>> unsynced_;
  std::unique_ptr<OutputFile> journal_;
  std::uint64_t journal_size_ = 0;
};

}  // namespace mlc
