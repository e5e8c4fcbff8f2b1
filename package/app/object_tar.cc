#include "package/app/object_tar.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/relative_path.h"

namespace mlc {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;
constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxEntries = 4096;

// One gzip member, and nothing behind it.
std::string expand(const std::string& packed, const std::string& path) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK)
    fail(ExitCode::kIo, "{}: no memory to expand it", path);
  std::string out;
  std::array<char, 64 * 1024> block;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads only
  stream.avail_in = static_cast<uInt>(std::min(packed.size(), kMost));
  int status = Z_OK;
  while (status == Z_OK && out.size() <= kMost) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(block.data(), block.size() - stream.avail_out);
  }
  std::size_t behind = stream.avail_in;
  inflateEnd(&stream);
  if (out.size() > kMost) bad_input("{}: expands to more than {} bytes", path, kMost);
  if (status != Z_STREAM_END) bad_input("{}: the gzip data is damaged or ends early", path);
  if (behind != 0) bad_input("{}: {} bytes behind the end of the gzip data", path, behind);
  return out;
}

// An octal number, ended by a space or NUL; GNU's binary form is for sizes beyond 8 GiB.
std::uint64_t octal(std::string_view field, std::string_view what, const std::string& path) {
  std::size_t at = field.find_first_not_of(' ');
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; at < field.size() && field[at] >= '0' && field[at] <= '7'; at++, digits++)
    value = value * 8 + static_cast<std::uint64_t>(field[at] - '0');
  bool ended = std::all_of(field.begin() + static_cast<std::ptrdiff_t>(std::min(at, field.size())),
                           field.end(), [](char c) { return c == ' ' || c == '\0'; });
  if (digits == 0 || !ended)
    bad_input("{}: the {} of a tar entry is \"{}\", expected an octal number", path, what,
              printable(field));
  return value;
}

void check_sum(std::string_view header, const std::string& path) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; i++)
    sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(header[i]);
  if (octal(header.substr(148, 8), "checksum", path) != sum)
    bad_input("{}: the checksum of a tar entry is wrong", path);
}

std::string_view until_nul(std::string_view field) { return field.substr(0, field.find('\0')); }

bool all_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::string name_of(std::string_view header) {
  std::string name(until_nul(header.substr(0, 100)));
  bool ustar = header.substr(257, 6) == std::string_view("ustar\0", 6);
  if (std::string_view prefix = until_nul(header.substr(345, 155)); ustar && !prefix.empty())
    name = std::string(prefix) + "/" + name;
  while (name.starts_with("./"))
    name.erase(0, 2);
  while (name.ends_with('/'))
    name.pop_back();
  return name;
}

// "27 mtime=1700000000.123\n" and so on; only what says nothing about names and bytes.
void check_pax(std::string_view records, const std::string& path) {
  while (!records.empty()) {
    std::size_t space = std::min(records.find(' '), records.size());
    std::size_t line = std::min(records.find('\n'), records.size() - 1) + 1;
    std::string_view record =
        records.substr(std::min(space + 1, line), line - std::min(space + 1, line));
    std::string_view key = record.substr(0, record.find('='));
    constexpr std::array<std::string_view, 8> kHarmless = {"mtime", "atime", "ctime", "uid",
                                                           "gid",   "uname", "gname", "comment"};
    bool harmless = std::find(kHarmless.begin(), kHarmless.end(), key) != kHarmless.end() ||
                    key.starts_with("LIBARCHIVE.") || key.starts_with("SCHILY.");
    if (!harmless)
      bad_input("{}: a tar extension sets \"{}\", which is not taken", path, printable(key));
    records.remove_prefix(line);
  }
}

}  // namespace

std::string read_object_tar(const std::string& path) {
  std::string text = read_file(path, kMost);
  if (text.starts_with("\x1f\x8b")) return expand(text, printable(path, 1024));
  return text;
}

std::vector<TarObject> list_object_tar(std::string_view text, const std::string& path) {
  const std::string where = printable(path, 1024);
  std::vector<TarObject> objects;
  std::set<std::string> names;
  std::size_t entries = 0;
  std::size_t at = 0;
  for (;;) {
    if (text.size() - at < kBlock)
      bad_input("{}: ends within a tar entry; expected two blocks of zeros at the end", where);
    std::string_view header = text.substr(at, kBlock);
    if (all_zero(header)) break;
    if (++entries > kMaxEntries) bad_input("{}: more than {} entries", where, kMaxEntries);
    if (header.substr(257, 5) != "ustar")
      bad_input("{}: no tar file (\"ustar\" is missing in entry {})", where, entries);
    check_sum(header, where);
    std::uint64_t size = octal(header.substr(124, 12), "size", where);
    char type = header[156];
    at += kBlock;
    if (size > text.size() - at)
      bad_input("{}: entry {} says {} bytes, but the file has {} more", where, entries, size,
                text.size() - at);
    std::string_view bytes = text.substr(at, size);
    at += std::min<std::size_t>((size + kBlock - 1) / kBlock * kBlock, text.size() - at);
    if (type == 'x' || type == 'g') {
      check_pax(bytes, where);
      continue;
    }
    std::string name = name_of(header);
    if (type == '5' && (name.empty() || name == ".")) continue;
    if (std::string_view problem = relative_path_problem(name); !problem.empty())
      bad_input("{}: the name \"{}\" may not be used: {}", where, printable(name), problem);
    if (type == '5') continue;
    if (type != '0' && type != '\0')
      bad_input("{}: {} is of tar type '{}', expected regular files", where, printable(name),
                printable(std::string(1, type)));
    if (!names.insert(name).second) bad_input("{}: {} comes twice", where, printable(name));
    objects.push_back({name, std::as_bytes(std::span(bytes))});
  }
  if (!all_zero(text.substr(at))) bad_input("{}: bytes behind the end of the tar", where);
  std::sort(objects.begin(), objects.end(),
            [](const TarObject& a, const TarObject& b) { return a.name < b.name; });
  return objects;
}

}  // namespace mlc
