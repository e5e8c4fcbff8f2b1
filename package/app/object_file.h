// What a linker looks at in an object file: for which machine it is, and which symbols it defines.
// Read are relocatable objects of 64-bit ELF and Mach-O, little-endian, from memory; every offset
// and count is checked against the file before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mlc {

enum class ObjectFormat : std::uint8_t { kElf, kMachO };

struct ObjectFile {
  ObjectFormat format = ObjectFormat::kElf;
  std::string machine;                    // "aarch64", "x86_64", or "machine 40"
  std::vector<std::string> symbols = {};  // global ones defined here, in the order of the file
};

// `where` names the object in messages: "lib.tar: lib0.o". Error(kBadInput): no such object (said
// by name where it is one of another kind: LLVM bitcode, a fat Mach-O, 32 bits, a shared library),
// offsets beyond the file.
ObjectFile read_object(std::span<const std::byte> bytes, const std::string& where);

}  // namespace mlc
