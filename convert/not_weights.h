// What is often found in place of a weight file: the download went wrong, not the file.
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// Throws Error(kBadInput) that says what `head`, the first bytes of the file `where`, is and what
// to do about it: a git-lfs pointer, a web page, another format, or plain text. Returns if it does
// not look like any of them.
void throw_if_not_weights(std::string_view head, const std::string& where);

}  // namespace mlc
