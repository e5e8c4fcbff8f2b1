#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "package/oci/tar.h"
#include "package/oci/zstd_file.h"
#include "package/source_date.h"
#include "package/temporary_name.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kCopy = std::size_t{1} << 20;
constexpr std::uint64_t kLargestSize = (std::uint64_t{1} << 33) - 1;  // 11 octal digits
constexpr std::string_view kCompressed = ".tar.zst";

struct Entry {
  std::string name;
  std::uint64_t size = 0;
  bool is_folder = false;
};

// In the order of their names.
std::vector<Entry> entries_of(const std::string& layout) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::recursive_directory_iterator it(layout, error), end; !error && it != end;
       it.increment(error)) {
    Entry entry{fs::path(it->path()).lexically_relative(layout).string(), 0, it->is_directory()};
    if (!entry.is_folder) entry.size = it->file_size();
    if (entry.size > kLargestSize)
      fail(ExitCode::kUnsupported, "{}: {} bytes are more than a tar holds, {}; write a folder",
           printable(it->path().string(), 1024), entry.size, kLargestSize);
    entries.push_back(std::move(entry));
  }
  if (error) io_error(layout, "list", error.value());
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::uint64_t padding_of(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

std::string header_of(const Entry& entry, std::int64_t time) {
  std::string header(kBlock, '\0');
  auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, entry.name + (entry.is_folder ? "/" : ""));
  put(100, entry.is_folder ? "0000755" : "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", entry.size));
  put(136, fmt::format("{:011o}", time));
  put(148, "        ");
  put(156, entry.is_folder ? "5" : "0");
  put(257, std::string_view("ustar\00000", 8));
  put(329, "0000000");
  put(337, "0000000");
  unsigned sum = 0;
  for (char c : header)
    sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  return header;
}

// Every byte of the tar, in order.
void write_tar(const std::string& layout, const std::vector<Entry>& entries, std::int64_t time,
               Reporter& reporter, const std::function<void(std::span<const std::byte>)>& out) {
  auto put = [&](std::string_view text) { out(std::as_bytes(std::span(text))); };
  std::vector<std::byte> block(kCopy);
  for (const Entry& entry : entries) {
    put(header_of(entry, time));
    if (entry.is_folder) continue;
    InputFile file(layout + "/" + entry.name);
    for (std::uint64_t at = 0; at < entry.size;) {
      throw_if_cancelled();
      auto piece = std::span(block).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(kCopy, entry.size - at)));
      file.read(at, piece);
      out(piece);
      at += piece.size();
      reporter.advance(piece.size());
    }
    put(std::string(static_cast<std::size_t>(padding_of(entry.size)), '\0'));
  }
  put(std::string(2 * kBlock, '\0'));
}

std::string parent_of(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

void check_output(const std::string& path, bool overwrite) {
  std::error_code error;
  fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return;
  if (!fs::is_regular_file(status))
    fail(ExitCode::kUsage, "{}: is no regular file; name another", printable(path, 1024));
  if (!overwrite)
    fail(ExitCode::kUsage, "{}: is there already; name another file, or --overwrite to replace it",
         printable(path, 1024));
}

}  // namespace

bool is_tar_name(std::string_view path) {
  return path.ends_with(".tar") || path.ends_with(kCompressed);
}

TarOutput::TarOutput(const std::string& path, bool overwrite) : path_(path), overwrite_(overwrite) {
  check_output(path, overwrite);
  folder_ = temporary_name(path);
  partial_ = temporary_name(path);
}

TarOutput::~TarOutput() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  ::unlink(partial_.c_str());
}

void TarOutput::finish(Reporter& reporter) {
  std::vector<Entry> entries = entries_of(folder_);
  std::int64_t time = source_date_epoch();
  if (static_cast<std::uint64_t>(time) > kLargestSize)
    fail(ExitCode::kUsage, "SOURCE_DATE_EPOCH {} is beyond what a tar can say, {}", time,
         kLargestSize);
  std::uint64_t size = 2 * kBlock, content = 0;
  for (const Entry& entry : entries) {
    size += kBlock + entry.size + padding_of(entry.size);
    content += entry.size;
  }
  const bool compressed = path_.ends_with(kCompressed);
  OutputFile file(partial_, compressed ? 0 : size);
  std::uint64_t at = 0;
  auto write = [&](std::span<const std::byte> block) {
    file.write(at, block);
    at += block.size();
  };
  reporter.begin(compressed ? "compress" : "tar", content);
  if (compressed) {
    ZstdWriter zstd(size, write);
    write_tar(folder_, entries, time, reporter,
              [&](std::span<const std::byte> block) { zstd.write(block); });
    zstd.finish();
  } else {
    write_tar(folder_, entries, time, reporter, write);
  }
  file.sync();
  file.close();
  reporter.end();
  check_output(path_, overwrite_);
  unsigned flags = overwrite_ ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    // A file system without NOREPLACE; what was there was looked at just now.
    if (errno != EINVAL) io_error(path_, "rename", errno);
    rename_file(partial_, path_);
  }
  try {
    sync_folder(parent_of(path_));
  } catch (...) {
    if (!overwrite_) ::unlink(path_.c_str());
    throw;
  }
}

}  // namespace mlc
