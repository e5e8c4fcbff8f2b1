// Which conversion a model folder in OUT is the result of, while it is not in the log yet: a run
// that was killed between converting and delivering need not convert again.
#pragma once

#include <string>

namespace mlc {

// A text that changes with the source's files (names, sizes, times), the scheme and this program.
std::string conversion_stamp(const std::string& source, const std::string& quantization);

// Kept in OUT/.mlc-deliver/NAME. Reading: empty when there is none.
std::string read_stamp(const std::string& output, const std::string& name);
void write_stamp(const std::string& output, const std::string& name, const std::string& stamp);
void remove_stamp(const std::string& output, const std::string& name);
// All of them, and what a killed run left beside them.
void remove_stamps(const std::string& output);

}  // namespace mlc
