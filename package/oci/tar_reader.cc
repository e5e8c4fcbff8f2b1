#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/relative_path.h"
#include "package/oci/tar.h"
#include "package/oci/zstd_file.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMostEntries = 65536;
constexpr std::uint64_t kMostZeroBlocks = 64;  // tar(1) fills up to 20

// Offsets of POSIX.1-1988's header and what else it has.
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kType{156, 1}, kLink{157, 100},
    kMagic{257, 6}, kVersion{263, 2}, kPrefix{345, 155};

using Header = std::array<char, kBlock>;

std::string_view bytes_of(const Header& header, Field field) {
  return {header.data() + field.at, field.size};
}

// Up to the first NUL; behind it there is nothing but NULs.
std::string text_of(const Header& header, Field field, const std::string& where) {
  std::string_view bytes = bytes_of(header, field);
  std::string_view text = bytes.substr(0, bytes.find('\0'));
  if (bytes.find_first_not_of('\0', text.size()) != std::string_view::npos)
    bad_input("{}: bytes behind the end of a name", where);
  return std::string(text);
}

// Octal digits that a space or NUL ends. The base-256 form of GNU and numbers without an end are
// refused.
std::uint64_t number_of(const Header& header, Field field, const std::string& where,
                        std::string_view what) {
  std::string_view bytes = bytes_of(header, field);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), value, 8);
  std::string_view rest(end, static_cast<std::size_t>(bytes.data() + bytes.size() - end));
  if (error != std::errc() || rest.empty() ||
      rest.find_first_not_of(std::string_view(" \0", 2)) != std::string_view::npos)
    bad_input("{}: its {} is no octal number", where, what);
  return value;
}

std::uint64_t sum_of(const Header& header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; i++) {
    bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += static_cast<unsigned char>(own ? ' ' : header[i]);
  }
  return sum;
}

std::string_view type_name(char type) {
  switch (type) {
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
    case '4':
      return "a device";
    case '6':
      return "a FIFO";
    case 'x':
    case 'g':
      return "a PAX header";
    case 'S':
      return "a GNU sparse file";
    case 'L':
    case 'K':
      return "a GNU long name";
    default:
      return "of an unknown type";
  }
}

class TarFiles : public LayoutFiles {
 public:
  TarFiles(const std::string& path, std::shared_ptr<const InputFile> file)
      : path_(printable(path, 1024)), file_(std::move(file)) {
    std::uint64_t at = 0;
    while (!at_end(at))
      at = read_entry(at);
  }

  std::optional<FilePart> find(const std::string& name) const override {
    auto found = entries_.find(name);
    if (found == entries_.end() || found->second.is_folder) return std::nullopt;
    return FilePart{file_, found->second.offset, found->second.size};
  }
  std::string path_of(const std::string&) const override { return {}; }

 private:
  struct Entry {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool is_folder = false;
  };

  Header header_at(std::uint64_t at) const {
    if (file_->size() - at < kBlock)
      bad_input("{}: ends at byte {} within a tar header", path_, file_->size());
    Header header{};
    file_->read(at, std::as_writable_bytes(std::span(header)));
    return header;
  }

  // Two blocks of zeros, and nothing but zeros to the end of the file.
  bool at_end(std::uint64_t at) const {
    if (at == file_->size())
      bad_input("{}: ends at byte {} without the two zero blocks that end a tar", path_, at);
    auto is_zero = [](const Header& header) {
      return std::all_of(header.begin(), header.end(), [](char c) { return c == 0; });
    };
    if (!is_zero(header_at(at))) return false;
    std::uint64_t blocks = 0;
    for (; at < file_->size() && blocks <= kMostZeroBlocks; at += kBlock, blocks++)
      if (!is_zero(header_at(at)))
        bad_input("{}: bytes behind the end of the tar, at {}", path_, at);
    if (blocks < 2) bad_input("{}: one zero block ends it, expected two", path_);
    if (blocks > kMostZeroBlocks)
      bad_input("{}: more than {} zero blocks end the tar", path_, kMostZeroBlocks);
    return true;
  }

  std::uint64_t read_entry(std::uint64_t at) {
    Header header = header_at(at);
    std::string where = fmt::format("{}: tar entry at byte {}", path_, at);
    if (bytes_of(header, kMagic) != std::string_view("ustar\0", 6) ||
        bytes_of(header, kVersion) != "00")
      bad_input("{}: no ustar header", where);
    if (number_of(header, kChecksum, where, "checksum") != sum_of(header))
      bad_input("{}: its checksum is wrong", where);
    char type = header[kType.at];
    std::string name = text_of(header, kName, where);
    if (std::string prefix = text_of(header, kPrefix, where); !prefix.empty())
      name = prefix + "/" + name;
    bool is_folder = type == '5';
    if (is_folder && name.ends_with('/')) name.pop_back();
    where += fmt::format(", '{}'", printable(name));
    if (!is_folder && type != '0')
      bad_input("{}: is {}, expected a file or a folder", where, type_name(type));
    if (std::string_view problem = relative_path_problem(name); !problem.empty())
      bad_input("{}: this name may not be used: {}", where, problem);
    if (!text_of(header, kLink, where).empty()) bad_input("{}: names a link's target", where);
    Entry entry{at + kBlock, number_of(header, kSize, where, "size"), is_folder};
    if (is_folder && entry.size != 0) bad_input("{}: a folder of {} bytes", where, entry.size);
    if (entry.size > file_->size() - entry.offset)
      bad_input("{}: {} bytes, but only {} follow", where, entry.size,
                file_->size() - entry.offset);
    if (entries_.size() == kMostEntries) bad_input("{}: more than {} entries", path_, kMostEntries);
    if (!entries_.emplace(name, entry).second) bad_input("{}: a second entry of this name", where);
    std::uint64_t padded = (entry.size + kBlock - 1) / kBlock * kBlock;
    if (padded > file_->size() - entry.offset)
      bad_input("{}: the file ends within its last block", where);
    return entry.offset + padded;
  }

  std::string path_;
  std::shared_ptr<const InputFile> file_;
  std::map<std::string, Entry> entries_;
};

std::string first_bytes(const InputFile& file) {
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), kBlock)), '\0');
  file.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

bool is_ustar(std::string_view bytes) {
  return bytes.size() == kBlock && bytes.substr(kMagic.at, 5) == "ustar";
}

}  // namespace

bool looks_like_tar(const std::string& path) {
  try {
    InputFile file(path);
    std::string bytes = first_bytes(file);
    return is_ustar(bytes) || is_zstd(bytes);
  } catch (const Error&) {
    return false;
  }
}

std::unique_ptr<LayoutFiles> open_layout_tar(const std::string& path) {
  return read_layout_tar(std::make_shared<const InputFile>(path));
}

std::unique_ptr<LayoutFiles> read_layout_tar(std::shared_ptr<const InputFile> file) {
  const std::string path = file->path();
  std::string bytes = first_bytes(*file);
  if (is_zstd(bytes)) {
    file = std::make_shared<const InputFile>(expand_zstd(*file));
    bytes = first_bytes(*file);
  }
  if (!is_ustar(bytes))
    bad_input("{}: no package: expected a layout folder, a tar of one, or that compressed by zstd",
              printable(path, 1024));
  return std::make_unique<TarFiles>(path, std::move(file));
}

}  // namespace mlc
