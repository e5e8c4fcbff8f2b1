// File names that stand in files from outside: where they may point.
#pragma once

#include <string_view>

namespace mlc {

// Why `path` may not name a file below a folder of ours, or empty when it may: '/'-separated plain
// names, each at most 255 bytes and 1024 in all; not "", ".", ".."; no '\\', ':', control
// character, nor a final space or dot; and no name that Windows takes for a device ("con",
// "nul.bin"), since a package made here is read there.
std::string_view relative_path_problem(std::string_view path);

}  // namespace mlc
