// What --resume keeps: a journal is cut at every byte, and shards are damaged.
#include "convert/shard_store.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/hash.h"
#include "convert/plan.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

class ShardStoreTest : public testing::Test {
 protected:
  ShardStoreTest() {
    std::string name = (fs::temp_directory_path() / "mlc-store-XXXXXX").string();
    out_ = mkdtemp(name.data());
    for (std::size_t i = 0; i < kSizes.size(); i++)
      contents_.push_back(std::string(kSizes[i], static_cast<char>('a' + i)));
  }
  ~ShardStoreTest() override { fs::remove_all(out_); }

  static std::string md5_of(const std::string& text) {
    Md5 md5;
    md5.update(std::as_bytes(std::span(text)));
    return hex(md5.finish());
  }
  // A run that finishes every shard and is killed before the commit.
  void interrupted_run(const std::string& plan) {
    OutputFolder folder(out_, false);
    folder.keep_partial();
    ShardStore store(folder, kSizes, plan, false);
    store.start();
    for (std::size_t s = 0; s < kSizes.size(); s++) {
      auto bytes = std::as_bytes(std::span(contents_[s]));
      EXPECT_FALSE(store.write(s, 1, bytes.subspan(1)));
      EXPECT_TRUE(store.write(s, 0, bytes.first(1)));
      store.finish(s, md5_of(contents_[s]));
    }
    store.sync_finished();
  }
  std::size_t kept(const std::string& plan) {
    OutputFolder folder(out_, true);
    folder.keep_partial();
    ShardStore store(folder, kSizes, plan, true);
    for (std::size_t s = 0; s < kSizes.size(); s++)
      if (store.is_done(s)) {
        EXPECT_EQ(store.md5(s), md5_of(contents_[s]));
        EXPECT_FALSE(store.write(s, 0, std::as_bytes(std::span(contents_[s]))));
      }
    return store.done_count();
  }
  std::string partial(const std::string& name) const { return out_ + "/.mlc-partial/" + name; }

  const std::vector<std::uint64_t> kSizes = {5, 70000, 1};
  std::vector<std::string> contents_;
  std::string out_;
};

TEST_F(ShardStoreTest, AJournalCutAtAnyByteKeepsItsWholeLines) {
  interrupted_run("plan");
  std::string journal = read_file(partial("journal"), 1000);
  for (std::size_t at = 0; at <= journal.size(); at++) {
    std::string text = journal.substr(0, at);
    write_file_atomically(partial("journal"), text);
    auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    EXPECT_EQ(kept("plan"), lines == 0 ? 0 : lines - 1) << at;
  }
}

TEST_F(ShardStoreTest, HostileJournalLinesAreSkipped) {
  interrupted_run("plan");
  std::string md5 = md5_of(contents_[1]);
  std::string good = fmt::format("1 {}\n", md5);
  // No number, not a shard, too large, another shard's md5, cut, no md5.
  for (const std::string& line :
       {std::string("\n"), std::string("0\n"), fmt::format("-1 {}\n", md5),
        fmt::format("3 {}\n", md5), fmt::format("99999999999999999999999 {}\n", md5),
        fmt::format("0 {}\n", md5), fmt::format("1 {}\n", md5.substr(1)),
        fmt::format("0 {}\n", std::string(32, 'g'))}) {
    write_file_atomically(partial("journal"), fmt::format("plan\n{}{}", line, good));
    EXPECT_EQ(kept("plan"), 1u) << line;
  }
}

TEST_F(ShardStoreTest, OnlyTheSamePlanIsResumed) {
  interrupted_run("plan");
  OutputFolder folder(out_, true);
  folder.keep_partial();
  EXPECT_TRUE(ShardStore::can_resume(folder, "plan"));
  for (const char* other : {"", "pla", "plan2", "nalp"})
    EXPECT_FALSE(ShardStore::can_resume(folder, other)) << other;
}

TEST_F(ShardStoreTest, DamagedShardsAreDoneAgain) {
  interrupted_run("plan");
  write_file_atomically(partial(shard_name(0)), "aaaab");
  EXPECT_EQ(kept("plan"), 2u);
  fs::resize_file(partial(shard_name(1)), 69999);
  EXPECT_EQ(kept("plan"), 1u);
  fs::remove(partial(shard_name(2)));
  EXPECT_EQ(kept("plan"), 0u);
}

// Killed within the commit: a shard is found where it was moved to.
TEST_F(ShardStoreTest, AShardMayBeInItsFinalPlace) {
  interrupted_run("plan");
  fs::rename(partial(shard_name(1)), out_ + "/" + shard_name(1));
  EXPECT_EQ(kept("plan"), 3u);
}

// The fresh journal says what the old one said and was still true.
TEST_F(ShardStoreTest, StartingAgainKeepsTheJournal) {
  interrupted_run("plan");
  {
    OutputFolder folder(out_, true);
    folder.keep_partial();
    ShardStore store(folder, kSizes, "plan", true);
    store.start();
  }
  EXPECT_EQ(kept("plan"), 3u);
}

}  // namespace
}  // namespace mlc
