#include "base/file.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string name = (fs::temp_directory_path() / "mlc-file-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FileTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // The message of the Error(code) that `call` throws.
  template <class Call>
  static std::string error(ExitCode code, Call call) {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  std::string folder_;
};

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST_F(FileTest, WhatIsWrittenIsRead) {
  OutputFile out(path("a"), 11);
  out.write(6, bytes("world"));
  out.write(0, bytes("hello "));
  std::string back(5, ' ');
  out.read(6, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back, "world");
  out.start_writeback();
  out.sync();
  out.close();
  out.close();  // the second one does nothing
  EXPECT_EQ(read_file(path("a"), 11), "hello world");
  struct stat status {};
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u & ~0644u, 0u);

  InputFile in(path("a"));
  EXPECT_EQ(in.size(), 11u);
  in.will_need(0, 11);
  InputFile moved(std::move(in));
  moved.read(0, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back, "hello");
  moved.read(11, {});  // nothing at the end is there
}

TEST_F(FileTest, ReadingBeyondTheEnd) {
  write_file_atomically(path("a"), "0123456789");
  InputFile in(path("a"));
  std::string out(4, ' ');
  auto target = std::as_writable_bytes(std::span(out));
  std::string message = error(ExitCode::kIo, [&] { in.read(8, target); });
  EXPECT_NE(message.find("file ended early: 4 bytes at offset 8 wanted, only 2 there"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find(path("a")), std::string::npos);
  error(ExitCode::kIo, [&] { in.read(std::uint64_t{1} << 63, target); });
  error(ExitCode::kIo, [&] { in.read(~std::uint64_t{0} - 1, target); });
  // The file shrinks under the reader: an error, no signal.
  fs::resize_file(path("a"), 3);
  error(ExitCode::kIo, [&] { in.read(0, target); });
}

TEST_F(FileTest, OnlyRegularFilesAreRead) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_NE(error(ExitCode::kIo, [&] { InputFile in(path("fifo")); }).find("is a FIFO"),
            std::string::npos);
  EXPECT_NE(error(ExitCode::kIo, [&] { InputFile in(folder_); }).find("is a folder"),
            std::string::npos);
  EXPECT_NE(error(ExitCode::kIo, [&] { InputFile in("/dev/null"); }).find("is a device"),
            std::string::npos);
  EXPECT_NE(error(ExitCode::kIo, [&] { InputFile in(path("absent")); }).find("No such file"),
            std::string::npos);
}

TEST_F(FileTest, CreatingNeverReplaces) {
  write_file_atomically(path("a"), "old");
  error(ExitCode::kIo, [&] { OutputFile out(path("a"), 3); });
  EXPECT_EQ(read_file(path("a"), 3), "old");
  {
    OutputFile out(path("a"), 5, OutputFile::Mode::kReopen);
    out.write(3, bytes("er"));
  }
  EXPECT_EQ(read_file(path("a"), 5), "older");
  error(ExitCode::kIo, [&] { OutputFile out(path("b"), 3, OutputFile::Mode::kReopen); });
  error(ExitCode::kIo, [&] { OutputFile out(path("c"), ~std::uint64_t{0}); });
}

TEST_F(FileTest, WritingFromTwoThreads) {
  constexpr std::size_t kBlock = 4096;
  OutputFile out(path("a"), 64 * kBlock);
  auto fill = [&](std::size_t first) {
    for (std::size_t i = first; i < 64; i += 2)
      out.write(i * kBlock, bytes(std::string(kBlock, static_cast<char>('0' + i))));
  };
  std::thread other(fill, 1);
  fill(0);
  other.join();
  std::string text = read_file(path("a"), 64 * kBlock);
  ASSERT_EQ(text.size(), 64 * kBlock);
  for (std::size_t i = 0; i < text.size(); i++)
    ASSERT_EQ(text[i], static_cast<char>('0' + i / kBlock)) << i;
}

TEST_F(FileTest, AWriteBeyondTheSizeLimitNamesThePath) {
  auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small{1000, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = error(ExitCode::kIo, [&] { OutputFile out(path("a"), 2000); });
  error(ExitCode::kIo, [&] { write_file_atomically(path("b"), std::string(2000, 'x')); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_NE(message.find(path("a")), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(path("b")));
}

TEST_F(FileTest, WritingToAFullDevice) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  // A device is no regular file and is refused before anything is written.
  error(ExitCode::kIo, [&] { OutputFile out("/dev/full", 4, OutputFile::Mode::kReopen); });
}

TEST_F(FileTest, ReadFileHasALimit) {
  write_file_atomically(path("a"), "12345");
  EXPECT_NE(error(ExitCode::kBadInput, [&] { read_file(path("a"), 4); })
                .find("5 bytes, expected at most 4"),
            std::string::npos);
  write_file_atomically(path("a"), "");
  EXPECT_EQ(read_file(path("a"), 0), "");
}

TEST_F(FileTest, AtomicWriteReplacesAndLeavesNothingBeside) {
  write_file_atomically(path("a"), "one");
  write_file_atomically(path("a"), "two");
  EXPECT_EQ(read_file(path("a"), 9), "two");
  // The target is a folder with something in it: the rename fails, and the sibling goes.
  fs::create_directories(path("d/e"));
  error(ExitCode::kIo, [&] { write_file_atomically(path("d"), "x"); });
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
  error(ExitCode::kIo, [&] { write_file_atomically(path("no/a"), "x"); });
}

TEST_F(FileTest, Folders) {
  sync_folder(folder_);
  error(ExitCode::kIo, [&] { sync_folder(path("absent")); });
  EXPECT_GT(free_bytes(folder_), 0u);
  error(ExitCode::kIo, [&] { free_bytes(path("absent")); });
  EXPECT_NE(error(ExitCode::kIo, [&] { rename_file(path("x"), path("y")); }).find(path("x")),
            std::string::npos);
}

}  // namespace
}  // namespace mlc
