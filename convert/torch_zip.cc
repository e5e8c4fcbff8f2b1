#include "convert/torch_zip.h"

#include <algorithm>
#include <array>
#include <optional>

#include <zlib.h>

#include "base/error.h"

namespace mlc {
namespace {

// Sizes and signatures: PKWARE APPNOTE 6.3.10, section 4.3.
constexpr std::uint64_t kEndSize = 22, kLocatorSize = 20, kEnd64Size = 56;
constexpr std::uint64_t kCentralSize = 46, kLocalSize = 30;
constexpr std::uint32_t kEndMark = 0x06054B50, kLocatorMark = 0x07064B50, kEnd64Mark = 0x06064B50;
constexpr std::uint32_t kCentralMark = 0x02014B50, kLocalMark = 0x04034B50;
constexpr std::uint32_t kDescriptorMark = 0x08074B50;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint16_t kEncrypted = 1, kHasDescriptor = 8, kUtf8 = 0x800;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // "see the ZIP64 field"
constexpr std::uint64_t kMaxEntries = 65535;
constexpr std::uint64_t kMaxDirectory = std::uint64_t{64} << 20;
constexpr std::size_t kMaxName = 1024;

std::string read_bytes(const RandomAccess& file, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  file.read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

// Little-endian fields one after another; the caller has checked that they are there.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  std::uint16_t u16() { return static_cast<std::uint16_t>(take(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(take(4)); }
  std::uint64_t u64() { return take(8); }
  void skip(std::size_t n) { bytes_.remove_prefix(n); }
  std::size_t left() const { return bytes_.size(); }
  std::string_view text(std::size_t n) {
    std::string_view result = bytes_.substr(0, n);
    skip(n);
    return result;
  }

 private:
  std::uint64_t take(std::size_t n) {
    std::uint64_t value = 0;
    for (std::size_t i = n; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    skip(n);
    return value;
  }
  std::string_view bytes_;
};

// What both headers of an entry say.
struct Header {
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0, size = 0;
  std::string name;
};

struct Entry : Header {
  std::uint64_t local = 0;  // offset of the local header
  std::uint64_t data = 0;   // offset of the data
};

class ZipReader {
 public:
  ZipReader(const RandomAccess& file, ZipLayout layout) : file_(file), layout_(layout) {}

  ZipArchive read() {
    read_directory();
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.local < b.local; });
    std::uint64_t at = 0;
    for (Entry& entry : entries_)
      at = check_local(entry, at);
    if (at != directory_)
      refuse("{} bytes between the entries and the central directory", directory_ - at);
    return archive();
  }

 private:
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: zip archive: {}", file_.where, fmt::format(format, std::forward<A>(args)...));
  }
  template <class... A>
  [[noreturn]] void refuse(const Header& entry, fmt::format_string<A...> format,
                           A&&... args) const {
    refuse("entry '{}': {}", printable(entry.name), fmt::format(format, std::forward<A>(args)...));
  }

  void read_directory() {
    if (file_.size < kEndSize) refuse("{} bytes, too short for one", file_.size);
    std::uint64_t end = file_.size - kEndSize;
    std::string bytes = read_bytes(file_, end, kEndSize);
    Fields fields(bytes);
    if (fields.u32() != kEndMark)
      refuse("no end record in the last {} bytes: cut short, or with bytes after its end",
             kEndSize);
    std::uint16_t disk = fields.u16(), directory_disk = fields.u16();
    std::uint64_t here = fields.u16(), count = fields.u16();
    std::uint64_t size = fields.u32(), offset = fields.u32();
    if (disk != 0 || directory_disk != 0 || here != count) refuse("in several parts");
    if (fields.u16() != 0) refuse("with a comment");
    if (std::optional<std::uint64_t> end64 = zip64_end(end, count, size, offset)) end = *end64;
    if (count == 0) refuse("no entries");
    if (count > kMaxEntries) refuse("{} entries, expected at most {}", count, kMaxEntries);
    if (size > kMaxDirectory || size > end || offset != end - size)
      refuse("central directory of {} bytes at {}, expected it to end at {}", size, offset, end);
    directory_ = offset;
    read_entries(read_bytes(file_, offset, size), count);
  }

  // The ZIP64 end record, if its locator stands before `end`; replaces the three numbers.
  std::optional<std::uint64_t> zip64_end(std::uint64_t end, std::uint64_t& count,
                                         std::uint64_t& size, std::uint64_t& offset) const {
    bool needed = count == 0xFFFF || size == kIn64 || offset == kIn64;
    std::uint64_t start = end < kLocatorSize + kEnd64Size ? 0 : end - kLocatorSize - kEnd64Size;
    std::string bytes;
    if (end >= kLocatorSize + kEnd64Size)
      bytes = read_bytes(file_, start, kLocatorSize + kEnd64Size);
    Fields locator(std::string_view(bytes).substr(bytes.empty() ? 0 : kEnd64Size));
    if (bytes.empty() || locator.u32() != kLocatorMark) {
      if (needed) refuse("ZIP64 end record missing");
      return std::nullopt;
    }
    std::uint32_t disk = locator.u32();
    std::uint64_t at = locator.u64();
    Fields record(bytes);
    bool ours = record.u32() == kEnd64Mark && record.u64() == kEnd64Size - 12;
    if (disk != 0 || at != start || locator.u32() > 1 || !ours)
      refuse("ZIP64 end record and its locator disagree");
    record.skip(4);  // versions
    std::uint32_t this_disk = record.u32(), directory_disk = record.u32();
    std::uint64_t here = record.u64(), count64 = record.u64();
    std::uint64_t size64 = record.u64(), offset64 = record.u64();
    auto agrees = [](std::uint64_t narrow, std::uint64_t wide, std::uint64_t see) {
      return narrow == wide || narrow == see;
    };
    if (this_disk != 0 || directory_disk != 0 || here != count64) refuse("in several parts");
    if (!agrees(count, count64, 0xFFFF) || !agrees(size, size64, kIn64) ||
        !agrees(offset, offset64, kIn64))
      refuse("end record and ZIP64 end record disagree");
    count = count64;
    size = size64;
    offset = offset64;
    return start;
  }

  void read_entries(const std::string& directory, std::uint64_t count) {
    Fields fields(directory);
    for (std::uint64_t i = 0; i < count; i++) {
      if (fields.left() < kCentralSize || fields.u32() != kCentralMark)
        refuse("central directory ends after {} of {} entries", i, count);
      Entry entry;
      fields.skip(4);  // versions
      entry.flags = fields.u16();
      entry.method = fields.u16();
      fields.skip(4);  // time and date
      entry.crc = fields.u32();
      entry.packed = fields.u32();
      entry.size = fields.u32();
      std::size_t name = fields.u16(), extra = fields.u16(), comment = fields.u16();
      std::uint16_t disk = fields.u16();
      fields.skip(6);  // attributes
      entry.local = fields.u32();
      if (fields.left() < name + extra + comment)
        refuse("central directory ends inside entry {} of {}", i + 1, count);
      entry.name = fields.text(name);
      check_name(entry);
      std::array<std::uint64_t*, 3> wide = {&entry.size, &entry.packed, &entry.local};
      widen(entry, fields.text(extra), wide);
      fields.skip(comment);
      if (disk != 0) refuse(entry, "on another part of the archive");
      check_kind(entry);
      entries_.push_back(std::move(entry));
    }
    if (fields.left() != 0)
      refuse("{} bytes in the central directory after its {} entries", fields.left(), count);
  }

  // Numbers that stand as 0xFFFFFFFF take their value from the ZIP64 field, in this order.
  void widen(const Header& entry, std::string_view extra,
             std::span<std::uint64_t* const> numbers) const {
    std::string_view zip64;
    Fields fields(extra);
    while (fields.left() >= 4) {
      std::uint16_t id = fields.u16();
      std::size_t size = fields.u16();
      if (size > fields.left()) refuse(entry, "extra field longer than its room");
      std::string_view value = fields.text(size);
      if (id == kZip64Extra) zip64 = value;
    }
    if (fields.left() != 0) refuse(entry, "extra field cut short");
    Fields values(zip64);
    for (std::uint64_t* number : numbers) {
      if (*number != kIn64) continue;
      if (values.left() < 8) refuse(entry, "ZIP64 field missing or cut short");
      *number = values.u64();
    }
  }

  void check_kind(const Header& entry) const {
    if ((entry.flags & kEncrypted) != 0) refuse(entry, "encrypted");
    if (entry.method != 0)
      refuse(entry, "compressed (method {}), expected stored as {} does", entry.method,
             layout_ == ZipLayout::kFlat ? "numpy.savez" : "torch.save");
    if ((entry.flags & ~(kHasDescriptor | kUtf8)) != 0)
      refuse(entry, "flags {:#06x} are not supported", entry.flags);
    if (entry.packed != entry.size)
      refuse(entry, "stored, but of two sizes: {} and {}", entry.packed, entry.size);
  }

  void check_name(const Header& entry) {
    std::string_view name = entry.name;
    bool plain = name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
                   return c > ' ' - 1 && c < 0x7F && c != '\\' && c != ':';
                 });
    for (std::string_view rest = name; plain;) {
      std::size_t slash = rest.find('/');
      std::string_view part = rest.substr(0, slash);
      plain = !part.empty() && part != "." && part != "..";
      if (slash == std::string_view::npos) break;
      rest.remove_prefix(slash + 1);
    }
    if (!plain) refuse(entry, "expected a plain relative name of at most {} bytes", kMaxName);
    if (layout_ == ZipLayout::kFlat) return;
    std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) refuse(entry, "expected it in a top folder");
    if (entries_.empty()) top_ = name.substr(0, slash + 1);
    if (!name.starts_with(top_))
      refuse(entry, "outside the top folder '{}' of the first entry", printable(top_));
  }

  // The local header at `at`, which must say the same; gives where the next one has to be.
  std::uint64_t check_local(Entry& entry, std::uint64_t at) const {
    if (entry.local != at)
      refuse(entry, "begins at {}, expected {}: a hole or an overlap", entry.local, at);
    if (at > directory_ || directory_ - at < kLocalSize) refuse(entry, "beyond the entries");
    std::string head = read_bytes(file_, at, kLocalSize);
    Fields fields(head);
    Header local;
    if (fields.u32() != kLocalMark) refuse(entry, "no local header at {}", at);
    fields.skip(2);  // version
    local.flags = fields.u16();
    local.method = fields.u16();
    fields.skip(4);  // time and date
    local.crc = fields.u32();
    local.packed = fields.u32();
    local.size = fields.u32();
    std::uint64_t name = fields.u16(), extra = fields.u16();
    std::uint64_t room = directory_ - at - kLocalSize;
    if (name + extra > room) refuse(entry, "local header longer than the file");
    std::string tail = read_bytes(file_, at + kLocalSize, name + extra);
    local.name = tail.substr(0, name);
    // The standard's order; in the local header both or none stand in the ZIP64 field.
    std::array<std::uint64_t*, 2> wide = {&local.size, &local.packed};
    widen(entry, std::string_view(tail).substr(name), wide);
    entry.data = at + kLocalSize + name + extra;
    if (entry.size > room - name - extra) refuse(entry, "{} bytes reach beyond it", entry.size);
    // With a data descriptor, crc and sizes of the local header are zero, or right.
    bool late = (entry.flags & kHasDescriptor) != 0 && local.crc == 0 && local.packed == 0 &&
                local.size == 0;
    bool same = late || (local.crc == entry.crc && local.packed == entry.packed &&
                         local.size == entry.size);
    if (local.name != entry.name || local.flags != entry.flags || local.method != entry.method ||
        !same)
      refuse(entry, "local header and central directory disagree");
    std::uint64_t end = entry.data + entry.size;
    return (entry.flags & kHasDescriptor) == 0 ? end : end + descriptor(entry, end);
  }

  // The length of the data descriptor at `at`; its mark is optional, its sizes have 4 or 8 bytes.
  std::uint64_t descriptor(const Entry& entry, std::uint64_t at) const {
    std::string bytes = read_bytes(file_, at, std::min<std::uint64_t>(24, directory_ - at));
    for (std::size_t mark : {4u, 0u}) {
      for (std::size_t width : {4u, 8u}) {
        std::size_t length = mark + 4 + 2 * width;
        if (bytes.size() < length) continue;
        Fields fields(std::string_view(bytes).substr(0, length));
        if (mark != 0 && fields.u32() != kDescriptorMark) continue;
        if (fields.u32() != entry.crc) continue;
        std::uint64_t packed = width == 4 ? fields.u32() : fields.u64();
        std::uint64_t size = width == 4 ? fields.u32() : fields.u64();
        if (packed == entry.size && size == entry.size) return length;
      }
    }
    refuse(entry, "data descriptor and central directory disagree");
  }

  ZipArchive archive() {
    ZipArchive result;
    result.entries.reserve(entries_.size());
    for (Entry& entry : entries_)
      result.entries.push_back({entry.name.substr(top_.size()), entry.data, entry.size, entry.crc});
    std::sort(result.entries.begin(), result.entries.end(),
              [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < result.entries.size(); i++)
      if (result.entries[i].name == result.entries[i - 1].name)
        refuse("two entries '{}{}'", printable(top_), printable(result.entries[i].name));
    return result;
  }

  const RandomAccess& file_;
  ZipLayout layout_;
  std::uint64_t directory_ = 0;  // offset of the central directory
  std::string top_;              // "archive/"
  std::vector<Entry> entries_;
};

}  // namespace

const ZipEntry* ZipArchive::find(std::string_view name) const {
  auto it = std::lower_bound(entries.begin(), entries.end(), name,
                             [](const ZipEntry& e, std::string_view n) { return e.name < n; });
  return it == entries.end() || it->name != name ? nullptr : &*it;
}

ZipArchive read_zip(const RandomAccess& file, ZipLayout layout) {
  return ZipReader(file, layout).read();
}

std::string read_entry(const RandomAccess& file, const ZipEntry& entry, std::uint64_t max_bytes) {
  if (entry.size > max_bytes)
    bad_input("{}: {} has {} bytes, expected at most {}", file.where, printable(entry.name),
              entry.size, max_bytes);
  std::string bytes = read_bytes(file, entry.offset, entry.size);
  // Safe: zlib reads bytes.
  auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  if (crc != entry.crc)
    bad_input("{}: {}: CRC-32 is {:08x}, expected {:08x}; the file is damaged, download it again",
              file.where, printable(entry.name), crc, entry.crc);
  return bytes;
}

}  // namespace mlc
