#include "package/app/static_library.h"

#include <limits>

#include "base/error.h"

namespace mlc {

namespace {

constexpr std::string_view kMagic = "!<arch>\n";
constexpr std::size_t kHeader = 60;
constexpr std::string_view kIndex = "__.SYMDEF";
// Names of up to 15 bytes and "/" fit in a header.
constexpr std::size_t kShortName = 15;

std::string header(const std::string& name, std::uint64_t size) {
  return fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, 644, size);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint32_t offset32(std::uint64_t value) {
  if (value > std::numeric_limits<std::uint32_t>::max())
    fail(ExitCode::kUnsupported,
         "the static library would be larger than 4 GiB, which its index can't say");
  return static_cast<std::uint32_t>(value);
}

void append_big(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((value >> shift) & 0xffu));
}

void append_little(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift <= 24; shift += 8)
    out.push_back(static_cast<char>((value >> shift) & 0xffu));
}

std::size_t padded(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

std::string write_gnu(std::span<const LibraryMember> members) {
  std::string long_names;
  std::vector<std::string> names;
  std::size_t symbols = 0;
  std::string symbol_names;
  for (const LibraryMember& member : members) {
    if (member.name.size() <= kShortName) {
      names.push_back(member.name + "/");
    } else {
      names.push_back(fmt::format("/{}", long_names.size()));
      long_names += member.name + "/\n";
    }
    for (const std::string& symbol : member.symbols)
      symbol_names.append(symbol).push_back('\0');
    symbols += member.symbols.size();
  }
  if (long_names.size() % 2 != 0) long_names.push_back('\n');
  std::size_t index_size = padded(4 + 4 * symbols + symbol_names.size(), 2);
  std::uint64_t at = kMagic.size() + kHeader + index_size;
  if (!long_names.empty()) at += kHeader + long_names.size();

  std::string out(kMagic);
  out += header("/", index_size);
  append_big(out, offset32(symbols));
  std::uint64_t member_at = at;
  for (const LibraryMember& member : members) {
    for (std::size_t i = 0; i < member.symbols.size(); i++)
      append_big(out, offset32(member_at));
    member_at += kHeader + padded(member.bytes.size(), 2);
  }
  out += symbol_names;
  out.resize(kMagic.size() + kHeader + index_size, '\0');
  if (!long_names.empty()) out += header("//", long_names.size()) + long_names;
  for (std::size_t i = 0; i < members.size(); i++) {
    out += header(names[i], members[i].bytes.size());
    out += text_of(members[i].bytes);
    if (out.size() % 2 != 0) out.push_back('\n');
  }
  return out;
}

// "#1/20" in the header, then the name in 20 bytes: as many as bring the bytes behind it to a
// multiple of 8.
std::size_t bsd_name_size(std::uint64_t member_at, std::string_view name) {
  std::uint64_t start = member_at + kHeader;
  return padded(start + name.size() + 1, 8) - start;
}

void append_bsd(std::string& out, std::string_view name, std::string_view bytes) {
  std::size_t name_size = bsd_name_size(out.size(), name);
  std::size_t size = padded(bytes.size(), 8);
  out += header(fmt::format("#1/{}", name_size), name_size + size);
  out += name;
  out.append(name_size - name.size(), '\0');
  out += bytes;
  out.append(size - bytes.size(), '\0');
}

std::string write_bsd(std::span<const LibraryMember> members) {
  std::string symbol_names;
  std::size_t symbols = 0;
  for (const LibraryMember& member : members) {
    for (const std::string& symbol : member.symbols)
      symbol_names.append(symbol).push_back('\0');
    symbols += member.symbols.size();
  }
  symbol_names.resize(padded(symbol_names.size(), 8), '\0');
  std::size_t index_size = padded(4 + 8 * symbols + 4 + symbol_names.size(), 8);
  std::uint64_t at = kMagic.size() + kHeader + bsd_name_size(kMagic.size(), kIndex) + index_size;
  std::string index;
  append_little(index, offset32(8 * std::uint64_t{symbols}));
  std::uint64_t name_at = 0;
  for (const LibraryMember& member : members) {
    for (const std::string& symbol : member.symbols) {
      append_little(index, offset32(name_at));
      append_little(index, offset32(at));
      name_at += symbol.size() + 1;
    }
    at += kHeader + bsd_name_size(at, member.name) + padded(member.bytes.size(), 8);
  }
  append_little(index, offset32(symbol_names.size()));
  index += symbol_names;

  std::string out(kMagic);
  append_bsd(out, kIndex, index);
  for (const LibraryMember& member : members)
    append_bsd(out, member.name, text_of(member.bytes));
  return out;
}

}  // namespace

std::string write_static_library(std::span<const LibraryMember> members, ObjectFormat format) {
  return format == ObjectFormat::kElf ? write_gnu(members) : write_bsd(members);
}

}  // namespace mlc
