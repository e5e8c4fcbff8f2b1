// Commands that a user is asked to run.
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// A word of a POSIX shell's command line: as it is, or quoted.
std::string shell_word(std::string_view text);

}  // namespace mlc
