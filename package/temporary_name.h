// Names of what is made beside an output and renamed to it: OUTPUT.tmp-PID-NUMBER. `mlc gc` removes
// those of processes that are gone.
#pragma once

#include <string>
#include <string_view>

#include <sys/stat.h>

namespace mlc {

// Unique among the processes of this machine and the threads of this one.
std::string temporary_name(const std::string& output);

// Is this such a name?
bool is_temporary_name(std::string_view name);

// Does the process that made it still run, as far as this machine can tell? A process that began
// after the last change of the file only has the same number.
bool temporary_is_alive(std::string_view name, const struct stat& status);

// "out///" as "out".
std::string without_final_slashes(std::string path);

}  // namespace mlc
