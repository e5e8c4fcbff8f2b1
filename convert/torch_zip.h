// The ZIP archives that torch.save and numpy.savez write, read strictly.
//
// A ZIP file says most things twice (local header, central directory, data descriptor), and readers
// that believe different copies see different files. This one believes none that disagree:
//   no comment and nothing after the end record; ZIP64 records only where the end record says so;
//   entries are stored, not compressed or encrypted, and lie one after another from the first byte
//     of the file to the central directory, without hole or overlap;
//   name, method, flags, sizes and CRC-32 of the local header and of the data descriptor equal the
//     central directory's;
//   at most 65,535 entries; names are unique, at most 1,024 bytes of printable ASCII, plain
//     relative paths, all below one top folder (ZipLayout::kOneFolder).
// The CRC-32 of an entry is for its reader to check: read_entry() does.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace mlc {

// Bytes at offsets: a file, or memory in tests.
struct RandomAccess {
  std::string where;  // names it in messages, already printable
  std::uint64_t size = 0;
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> read;
};

struct ZipEntry {
  std::string name;          // without the top folder, if it has one
  std::uint64_t offset = 0;  // of its data
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
};

struct ZipArchive {
  std::vector<ZipEntry> entries;  // sorted by name
  const ZipEntry* find(std::string_view name) const;
};

// kOneFolder: what torch.save writes. kFlat: names count from the root, as numpy.savez has them.
enum class ZipLayout : std::uint8_t { kOneFolder, kFlat };

// Error(kBadInput) naming the entry and what disagrees.
ZipArchive read_zip(const RandomAccess& file, ZipLayout layout = ZipLayout::kOneFolder);

// A whole entry, its CRC-32 checked; Error(kBadInput) when it is wrong or has more than max_bytes.
std::string read_entry(const RandomAccess& file, const ZipEntry& entry, std::uint64_t max_bytes);

}  // namespace mlc
