// The one exception type of the project and the exit codes that the command line promises.
//
// Library code throws mlc::Error and never prints, exits or aborts; cli/main.cc catches it once.
// A message is one lower-case sentence without a final period: the file, the thing in it, what was
// found, what was expected, and what to do where that is known.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace mlc {

// Documented in README.md and tested by tests/cli; scripts depend on the numbers.
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,        // the command line is wrong
  kBadInput = 3,     // a file says something impossible
  kIo = 4,           // the operating system refused a read or a write
  kNetwork = 5,      // a server refused, lied or went away
  kVerify = 6,       // a check or a signature failed
  kUnsupported = 7,  // valid, but not possible here (device, format)
  kBug = 70,         // our own mistake
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

template <class... A>
[[noreturn]] void fail(ExitCode code, fmt::format_string<A...> format, A&&... args) {
  throw Error(code, fmt::format(format, std::forward<A>(args)...));
}

template <class... A>
[[noreturn]] void bad_input(fmt::format_string<A...> format, A&&... args) {
  throw Error(ExitCode::kBadInput, fmt::format(format, std::forward<A>(args)...));
}

// An input/output error: "PATH: WHAT: strerror(errno_value)", exit code 4.
[[noreturn]] void io_error(const std::string& path, std::string_view what, int errno_value);

// Text from a file as it may be shown on a terminal: control characters, ESC, DEL, and invalid
// UTF-8 become \xNN, and more than `limit` bytes are cut with "...". Every name that comes from
// outside is printed through this.
std::string printable(std::string_view text, std::size_t limit = 200);

// "a, b, c and 12 more": the first ten names, each printable.
std::string printable_list(const std::vector<std::string>& names);

}  // namespace mlc
