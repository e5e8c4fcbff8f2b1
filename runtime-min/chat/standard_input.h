// Prompts from file 0.
#pragma once

#include <optional>
#include <string>

namespace mlc {

// The process's own input, of which there is one. At most 64 MiB of it wait in memory
// (Error(kUsage) beyond); Error(kIo) if it can't be read.
class StandardInput {
 public:
  // All of it, less the end of the last line.
  std::string all();

  // The next line without its end; none at the end of the input, or when a signal came.
  std::optional<std::string> line();

 private:
  bool read_more();

  std::string ahead_;  // what was read and not given out
};

}  // namespace mlc
