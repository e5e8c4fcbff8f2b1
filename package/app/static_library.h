// Static libraries (ar archives), written here because neither Apple's nor Android's tools are at
// hand where a bundle is made. The same members give the same bytes: no times, owners or modes.
//
// Members of ELF objects are archived as System V and GNU do it ("/" is the index of symbols, "//"
// holds long names); those of Mach-O objects as BSD and Apple do it ("__.SYMDEF", names before the
// bytes, everything at multiples of 8).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "package/app/object_file.h"

namespace mlc {

struct LibraryMember {
  std::string name;  // a file name, in ASCII
  std::span<const std::byte> bytes;
  std::vector<std::string> symbols;
};

// In the order given; one format for all.
std::string write_static_library(std::span<const LibraryMember> members, ObjectFormat format);

}  // namespace mlc
