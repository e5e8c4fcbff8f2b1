#include "base/output_folder.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/unit/sanitized.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

class OutputFolderTest : public testing::Test {
 protected:
  OutputFolderTest() {
    std::string name = (fs::temp_directory_path() / "mlc-out-XXXXXX").string();
    root_ = mkdtemp(name.data());
    out_ = root_ + "/out";
  }
  ~OutputFolderTest() override { fs::remove_all(root_); }

  // Every file below OUT with what it holds; folders as "NAME/".
  Files files() const {
    Files result;
    if (!fs::exists(out_)) return result;
    for (const auto& entry : fs::recursive_directory_iterator(out_)) {
      std::string name = fs::relative(entry.path(), out_).string();
      if (entry.is_directory())
        result[name + "/"] = "";
      else
        result[name] = read_file(entry.path().string(), 1 << 20);
    }
    return result;
  }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(out_ + "/" + name).parent_path());
    write_file_atomically(out_ + "/" + name, text);
  }
  static void make(const OutputFolder& folder, const std::string& name, const std::string& text) {
    OutputFile file(folder.partial_path(name), text.size());
    file.write(0, std::as_bytes(std::span(text)));
    file.sync();
  }
  static OutputFolder::Commit plan(std::vector<std::string> data) {
    OutputFolder::Commit commit;
    commit.data = std::move(data);
    commit.index = {"index.json"};
    commit.retired = {"index.json", "older.json"};
    commit.stale = [](std::string_view name) { return name.starts_with("shard_"); };
    return commit;
  }
  // A whole conversion into OUT.
  void convert(const std::string& tag, int shards) const {
    OutputFolder folder(out_, false);
    std::vector<std::string> names;
    for (int i = 0; i < shards; i++) {
      names.push_back("shard_" + std::to_string(i));
      make(folder, names.back(), tag + std::to_string(i));
    }
    make(folder, "index.json", tag);
    folder.commit(plan(names));
  }
  template <class Call>
  static std::string error(Call call) {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kIo) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  std::string root_;
  std::string out_;
};

TEST_F(OutputFolderTest, CommitKeepsWhatIsNotItsOwn) {
  put("mlc-chat-config.json", "chat");
  put("older.json", "older");
  convert("a", 3);
  EXPECT_EQ(files(), (Files{{"mlc-chat-config.json", "chat"},
                            {"index.json", "a"},
                            {"shard_0", "a0"},
                            {"shard_1", "a1"},
                            {"shard_2", "a2"}}));
  convert("b", 1);  // a smaller one: the stale shards go
  EXPECT_EQ(files(),
            (Files{{"mlc-chat-config.json", "chat"}, {"index.json", "b"}, {"shard_0", "b0"}}));
}

TEST_F(OutputFolderTest, WithoutCommitNothingIsLeft) {
  out_ = root_ + "/deep/er/out";
  {
    OutputFolder folder(out_ + "//", false);
    EXPECT_EQ(folder.path(), out_);
    make(folder, "shard_0", "a");
    EXPECT_TRUE(fs::exists(out_ + "/.mlc-partial/shard_0"));
  }
  EXPECT_TRUE(fs::is_empty(root_));
  // A folder that was there stays, with what it holds.
  put("shard_0", "old");
  put("index.json", "old");
  Files before = files();
  {
    OutputFolder folder(out_, false);
    make(folder, "shard_0", "new");
  }
  EXPECT_EQ(files(), before);
}

TEST_F(OutputFolderTest, AKeptPartialFolderIsFoundByResumeOnly) {
  {
    OutputFolder folder(out_, false);
    make(folder, "shard_0", "a0");
    folder.keep_partial();
  }
  {
    OutputFolder folder(out_, true);
    EXPECT_EQ(folder.find_finished("shard_0"), folder.partial_path("shard_0"));
    EXPECT_EQ(folder.find_finished("shard_1"), "");
    folder.keep_partial();
  }
  // Whatever a killed run left is removed first, folders too.
  put(".mlc-partial/sub/file", "x");
  {
    OutputFolder folder(out_, false);
    EXPECT_EQ(folder.find_finished("shard_0"), "");
    EXPECT_EQ(files(), (Files{{".mlc-partial/", ""}, {".mlc-partial/lock", ""}}));
  }
}

TEST_F(OutputFolderTest, ResumeAfterAKillWithinCommit) {
  // Shard 0 was moved already, shard 1 was not, the index was not.
  put("shard_0", "a0");
  put(".mlc-partial/shard_1", "a1");
  OutputFolder folder(out_, true);
  EXPECT_EQ(folder.find_finished("shard_0"), out_ + "/shard_0");
  EXPECT_EQ(folder.find_finished("shard_1"), folder.partial_path("shard_1"));
  make(folder, "index.json", "a");
  folder.commit(plan({"shard_0", "shard_1"}));
  Files expected = {{"shard_0", "a0"}, {"shard_1", "a1"}, {"index.json", "a"}};
  Files found = files();
  EXPECT_EQ(found.erase(".mlc-partial/"), 1u);
  EXPECT_EQ(found.erase(".mlc-partial/lock"), 1u);
  EXPECT_EQ(found, expected);
}

TEST_F(OutputFolderTest, AFailedCommitPutsBackWhatWasThere) {
  convert("a", 2);
  put("older.json", "older");
  Files before = files();
  {
    OutputFolder folder(out_, false);
    for (const char* name : {"shard_0", "shard_1", "index.json"})
      make(folder, name, "new");
    OutputFolder::Commit commit = plan({"shard_0", "shard_1"});
    // It is asked after the data was moved.
    commit.stale = [](std::string_view) -> bool { throw std::runtime_error("late"); };
    EXPECT_THROW(folder.commit(commit), std::runtime_error);
    EXPECT_TRUE(fs::exists(folder.partial_path("index.json")));
  }
  EXPECT_EQ(files(), before);
  // The same where there was nothing before.
  out_ = root_ + "/fresh";
  {
    OutputFolder folder(out_, false);
    make(folder, "shard_0", "new");
    make(folder, "index.json", "new");
    OutputFolder::Commit commit = plan({"shard_0"});
    commit.stale = [](std::string_view) -> bool { throw std::runtime_error("late"); };
    EXPECT_THROW(folder.commit(commit), std::runtime_error);
  }
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(OutputFolderTest, FoldersInTheWayAreNotTouched) {
  for (const char* name : {"shard_0", "shard_7", "index.json", "older.json"}) {
    out_ = root_ + "/with_" + name;
    put(std::string(name) + "/mine", "mine");
    Files before = files();
    {
      OutputFolder folder(out_, false);
      make(folder, "shard_0", "new");
      make(folder, "index.json", "new");
      std::string message = error([&] { folder.commit(plan({"shard_0"})); });
      EXPECT_NE(message.find(out_ + "/" + name + ": is a folder"), std::string::npos) << message;
    }
    EXPECT_EQ(files(), before);
  }
}

TEST_F(OutputFolderTest, CommittingWhatIsNotThereChangesNothing) {
  convert("a", 1);
  Files before = files();
  {
    OutputFolder folder(out_, false);
    make(folder, "shard_0", "new");
    EXPECT_THROW(folder.commit(plan({"shard_0"})), Error);  // no index.json was made
    make(folder, "index.json", "new");
    EXPECT_THROW(folder.commit(plan({"shard_0", "shard_1"})), Error);
  }
  EXPECT_EQ(files(), before);
}

TEST_F(OutputFolderTest, ASecondWriterIsToldToWait) {
  OutputFolder first(out_, false);
  make(first, "shard_0", "a0");
  for (bool resume : {false, true}) {
    std::string message = error([&] { OutputFolder second(out_, resume); });
    EXPECT_NE(message.find("busy"), std::string::npos) << message;
    EXPECT_NE(message.find(out_), std::string::npos) << message;
  }
  make(first, "index.json", "a");
  first.commit(plan({"shard_0"}));
  EXPECT_EQ(read_file(out_ + "/shard_0", 9), "a0");
}

// A process that dies holds no lock, and the next run is the writer.
TEST_F(OutputFolderTest, AKilledWriterIsNoWriter) {
  pid_t child = fork();
  if (child == 0) {
    OutputFolder folder(out_, false);
    make(folder, "shard_0", "a0");
    std::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  OutputFolder folder(out_, true);
  EXPECT_EQ(read_file(folder.find_finished("shard_0"), 9), "a0");
}

// Eight processes convert into one folder: each either finishes or hears "busy", and what is there
// in the end is one of theirs, whole.
TEST_F(OutputFolderTest, EightAtOnce) {
  std::array<pid_t, 8> children{};
  for (std::size_t i = 0; i < children.size(); i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    int code = 1;
    try {
      for (int round = 0; round < 5; round++)
        convert(std::string(1, static_cast<char>('a' + i)), 4);
      code = 0;
    } catch (const Error& e) {
      code = std::string(e.what()).find("busy") != std::string::npos ? 4 : 1;
    }
    _exit(code);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4);
  }
  Files found = files();
  ASSERT_EQ(found.size(), 5u);
  std::string tag = found["index.json"];
  for (int i = 0; i < 4; i++)
    EXPECT_EQ(found["shard_" + std::to_string(i)], tag + std::to_string(i));
}

TEST_F(OutputFolderTest, PlacesThatCantBeWritten) {
  write_file_atomically(root_ + "/file", "x");
  EXPECT_NE(error([&] { OutputFolder folder(root_ + "/file", false); }).find("is a file, expected"),
            std::string::npos);
  EXPECT_NE(error([&] { OutputFolder folder(root_ + "/file/sub", false); }).find("/file/sub"),
            std::string::npos);
  error([&] { OutputFolder folder("", false); });
  error([&] { OutputFolder folder("/proc/mlc-out", false); });
  fs::create_symlink(root_ + "/nowhere", root_ + "/dangling");
  error([&] { OutputFolder folder(root_ + "/dangling", false); });
  fs::create_directory(root_ + "/precious");
  write_file_atomically(root_ + "/precious/file", "x");
  fs::create_directory(out_);
  fs::create_directory_symlink(root_ + "/precious", out_ + "/.mlc-partial");
  EXPECT_NE(error([&] { OutputFolder folder(out_, false); }).find(".mlc-partial: is no folder"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(root_ + "/precious/file"));
}

TEST_F(OutputFolderTest, AReadOnlyFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "skipped: root writes into read-only folders";
  fs::create_directory(out_);
  fs::permissions(out_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_NE(error([&] { OutputFolder folder(out_, false); }).find("Permission denied"),
            std::string::npos);
  fs::permissions(out_, fs::perms::owner_all);
}

// No descriptor is left for the lock file: what was made goes again.
TEST_F(OutputFolderTest, AFailedStartLeavesNothing) {
  if (kSanitized) GTEST_SKIP() << "skipped: the sanitizer needs descriptors for its own checks";
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit none{0, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::string message = error([&] { OutputFolder folder(out_ + "/deep", false); });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_NE(message.find(out_ + "/deep/.mlc-partial/lock"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(OutputFolderTest, HoldsAny) {
  constexpr std::array<std::string_view, 2> kNames = {"index.json", "older.json"};
  EXPECT_FALSE(holds_any(out_, kNames));
  convert("a", 1);
  EXPECT_TRUE(holds_any(out_, kNames));
}

}  // namespace
}  // namespace mlc
