#include "package/app/object_file.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace mlc {

namespace {

// A name that is longer is no symbol of a compiler.
constexpr std::size_t kMaxName = 4096;

class Bytes {
 public:
  Bytes(std::span<const std::byte> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  std::size_t size() const { return bytes_.size(); }
  const std::string& where() const { return where_; }

  template <class T>
  T number(std::uint64_t offset, std::string_view what) const {
    check(offset, sizeof(T), what);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); i++)
      value =
          static_cast<T>(value | static_cast<T>(std::to_integer<T>(bytes_[offset + i])) << (8 * i));
    return value;
  }

  Bytes part(std::uint64_t offset, std::uint64_t size, std::string_view what) const {
    check(offset, size, what);
    return {bytes_.subspan(offset, size), where_};
  }

  // `count` entries of `each` bytes.
  Bytes table(std::uint64_t offset, std::uint64_t count, std::uint64_t each,
              std::string_view what) const {
    if (count > bytes_.size() / each) outside(what);
    return part(offset, count * each, what);
  }

  std::string text(std::uint64_t offset, std::string_view what) const {
    if (offset >= bytes_.size()) outside(what);
    auto start = bytes_.begin() + static_cast<std::ptrdiff_t>(offset);
    auto end = std::find(start, bytes_.end(), std::byte{0});
    auto length = static_cast<std::size_t>(end - start);
    if (end == bytes_.end()) outside(what);
    if (length > kMaxName)
      bad_input("{}: a symbol's name has {} bytes, expected at most {}", where_, length, kMaxName);
    std::string out(length, '\0');
    std::transform(start, end, out.begin(), [](std::byte b) {
      return static_cast<char>(std::to_integer<unsigned char>(b));
    });
    return out;
  }

 private:
  void check(std::uint64_t offset, std::uint64_t size, std::string_view what) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) outside(what);
  }
  [[noreturn]] void outside(std::string_view what) const {
    bad_input("{}: {} lies beyond the end of the object", where_, what);
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
};

constexpr std::uint32_t kElfSymbols = 2;      // SHT_SYMTAB
constexpr std::uint64_t kElfSymbolSize = 24;  // Elf64_Sym
constexpr std::uint64_t kElfSectionSize = 64;

void read_elf_symbols(const Bytes& file, const Bytes& sections, std::uint64_t index,
                      ObjectFile& object) {
  std::uint64_t at = index * kElfSectionSize;
  auto offset = sections.number<std::uint64_t>(at + 24, "a section header");
  auto size = sections.number<std::uint64_t>(at + 32, "a section header");
  auto link = sections.number<std::uint32_t>(at + 40, "a section header");
  auto entry = sections.number<std::uint64_t>(at + 56, "a section header");
  if (entry != kElfSymbolSize || size % kElfSymbolSize != 0)
    bad_input("{}: the symbol table has {} bytes in entries of {}, expected entries of {}",
              file.where(), size, entry, kElfSymbolSize);
  std::uint64_t names_at = std::uint64_t{link} * kElfSectionSize;
  Bytes names = file.part(sections.number<std::uint64_t>(names_at + 24, "the section of names"),
                          sections.number<std::uint64_t>(names_at + 32, "the section of names"),
                          "the table of names");
  Bytes symbols = file.part(offset, size, "the symbol table");
  for (std::uint64_t s = 0; s < size; s += kElfSymbolSize) {
    auto info = symbols.number<std::uint8_t>(s + 4, "a symbol");
    auto section = symbols.number<std::uint16_t>(s + 6, "a symbol");
    unsigned binding = info >> 4;
    bool global = binding == 1 || binding == 2;  // STB_GLOBAL, STB_WEAK
    if (global && section != 0)                  // SHN_UNDEF
      object.symbols.push_back(
          names.text(symbols.number<std::uint32_t>(s, "a symbol"), "a symbol's name"));
  }
}

ObjectFile read_elf(const Bytes& file) {
  if (file.number<std::uint8_t>(4, "the header") != 2 ||
      file.number<std::uint8_t>(5, "the header") != 1)
    bad_input("{}: an ELF file of 32 bits or big-endian, expected 64 bits and little-endian",
              file.where());
  auto type = file.number<std::uint16_t>(16, "the header");
  if (type != 1)
    bad_input("{}: an ELF file of type {}, expected an object (type 1): {}", file.where(), type,
              type == 3 ? "this is a shared library; compile with --output X.tar"
                        : "compile with --output X.tar");
  auto machine = file.number<std::uint16_t>(18, "the header");
  ObjectFile object{.format = ObjectFormat::kElf,
                    .machine = machine == 183  ? "aarch64"
                               : machine == 62 ? "x86_64"
                                               : fmt::format("machine {}", machine)};
  auto at = file.number<std::uint64_t>(40, "the header");
  auto each = file.number<std::uint16_t>(58, "the header");
  std::uint64_t count = file.number<std::uint16_t>(60, "the header");
  if (at == 0 || each != kElfSectionSize)
    bad_input("{}: section headers of {} bytes, expected {}", file.where(), each, kElfSectionSize);
  // Beyond 65279 sections the count stands in the first one.
  if (count == 0)
    count = file.part(at, kElfSectionSize, "the section headers")
                .number<std::uint64_t>(32, "the section headers");
  Bytes sections = file.table(at, count, kElfSectionSize, "a section header");
  for (std::uint64_t i = 0; i < count; i++)
    if (sections.number<std::uint32_t>(i * kElfSectionSize + 4, "a section header") == kElfSymbols)
      read_elf_symbols(file, sections, i, object);
  return object;
}

constexpr std::uint32_t kMachSymbols = 2;      // LC_SYMTAB
constexpr std::uint64_t kMachSymbolSize = 16;  // nlist_64

void read_mach_symbols(const Bytes& file, const Bytes& command, ObjectFile& object) {
  auto at = command.number<std::uint32_t>(8, "the symbol command");
  auto count = command.number<std::uint32_t>(12, "the symbol command");
  Bytes names =
      file.part(command.number<std::uint32_t>(16, "the symbol command"),
                command.number<std::uint32_t>(20, "the symbol command"), "the table of names");
  Bytes symbols = file.table(at, count, kMachSymbolSize, "the symbol table");
  for (std::uint64_t s = 0; s < count; s++) {
    std::uint64_t entry = s * kMachSymbolSize;
    auto type = symbols.number<std::uint8_t>(entry + 4, "a symbol");
    auto value = symbols.number<std::uint64_t>(entry + 8, "a symbol");
    bool debugging = (type & 0xe0u) != 0;
    bool external = (type & 0x01u) != 0;
    bool undefined = (type & 0x0eu) == 0 && value == 0;  // with a value it is a common block
    if (!debugging && external && !undefined)
      object.symbols.push_back(
          names.text(symbols.number<std::uint32_t>(entry, "a symbol"), "a symbol's name"));
  }
}

ObjectFile read_mach(const Bytes& file) {
  auto type = file.number<std::uint32_t>(12, "the header");
  if (type != 1)
    bad_input(
        "{}: a Mach-O file of type {}, expected an object (type 1); compile with --output "
        "X.tar",
        file.where(), type);
  auto machine = file.number<std::uint32_t>(4, "the header");
  ObjectFile object{.format = ObjectFormat::kMachO,
                    .machine = machine == 0x0100000c   ? "aarch64"
                               : machine == 0x01000007 ? "x86_64"
                                                       : fmt::format("machine {:#x}", machine)};
  auto count = file.number<std::uint32_t>(16, "the header");
  Bytes commands = file.part(32, file.number<std::uint32_t>(20, "the header"), "the commands");
  std::uint64_t at = 0;
  for (std::uint32_t i = 0; i < count; i++) {
    auto kind = commands.number<std::uint32_t>(at, "a command");
    auto size = commands.number<std::uint32_t>(at + 4, "a command");
    if (size < 8) bad_input("{}: a command of {} bytes, expected at least 8", file.where(), size);
    Bytes command = commands.part(at, size, "a command");
    if (kind == kMachSymbols) read_mach_symbols(file, command, object);
    at += size;
  }
  return object;
}

}  // namespace

ObjectFile read_object(std::span<const std::byte> bytes, const std::string& where) {
  Bytes file(bytes, where);
  if (bytes.size() < 4) bad_input("{}: {} bytes are no object file", where, bytes.size());
  switch (file.number<std::uint32_t>(0, "the header")) {
    case 0x464c457f:
      return read_elf(file);
    case 0xfeedfacf:
      return read_mach(file);
    case 0xfeedface:
    case 0xcefaedfe:
    case 0xcffaedfe:
      bad_input("{}: a Mach-O file of 32 bits or big-endian, expected 64 bits and little-endian",
                where);
    case 0xbebafeca:
    case 0xbfbafeca:
      bad_input(
          "{}: a fat Mach-O file, expected the object of one machine; take it out with "
          "`lipo -thin arm64`",
          where);
    case 0xdec04342:
    case 0x0b17c0de:
      bad_input("{}: LLVM bitcode, expected machine code (ELF or Mach-O)", where);
    default:
      bad_input("{}: no object file that is known (ELF or Mach-O)", where);
  }
}

}  // namespace mlc
