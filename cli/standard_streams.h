// The process's own files 0, 1 and 2.
#pragma once

#include <string_view>

namespace mlc {

// A file opened while 1 or 2 is closed would get that number, and messages would be written into
// it. Closed standard files are therefore opened on /dev/null, standard output for reading only, so
// that writing the result still fails. Also ignores SIGPIPE (writes fail with EPIPE instead) and
// SIGXFSZ (EFBIG). First thing in main().
void secure_standard_streams();

// The result. Error(kIo) when it can't be written: closed, a broken pipe, a full disk.
void write_stdout(std::string_view text);
// The same, but a broken pipe is no error.
void write_stdout_list(std::string_view text);

// Progress and messages. Nobody can be told when this fails, so failures are ignored.
void write_stderr(std::string_view text);

}  // namespace mlc
