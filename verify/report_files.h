// Where the reports go that are written to files: --html FILE and --summary FILE.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "verify/verify.h"

namespace mlc {

struct ReportFiles {
  std::string html = {};     // empty: none
  std::string summary = {};  // "-": on standard output, in place of the text
  bool json = false;         // the result on standard output is JSON

  bool summary_is_printed() const { return summary == "-"; }
};

// Before the checks, which can take hours: Error(kUsage) for a folder that does not exist or a
// name that is a folder, Error(kIo) for a folder in which this user may not write.
void check_report_files(const ReportFiles& files);

// Prints the report, then writes each file as a whole.
void give_report(const VerifyReport& report, const ReportFiles& files,
                 const std::function<void(std::string_view)>& print);

}  // namespace mlc
