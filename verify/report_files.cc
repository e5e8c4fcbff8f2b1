#include "verify/report_files.h"

#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "verify/report.h"

namespace mlc {
namespace {

void check_file(std::string_view option, const std::string& path) {
  if (path.empty()) return;
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    fail(ExitCode::kUsage, "{} {}: is a folder, expected the name of a file", option,
         printable(path));
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::string folder = parent.empty() ? std::string(".") : parent.string();
  if (!std::filesystem::is_directory(folder, error))
    fail(ExitCode::kUsage, "{} {}: no such folder as {}; make it first", option, printable(path),
         printable(folder));
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    io_error(folder, fmt::format("can't write {} there", option), errno);
}

}  // namespace

void check_report_files(const ReportFiles& files) {
  if (files.summary_is_printed() && files.json)
    fail(ExitCode::kUsage,
         "--summary - and --json both ask for standard output; give --summary a file");
  check_file("--html", files.html);
  if (!files.summary_is_printed()) check_file("--summary", files.summary);
}

void give_report(const VerifyReport& report, const ReportFiles& files,
                 const std::function<void(std::string_view)>& print) {
  print(files.json                   ? dump_json(report_json(report), 2) + "\n"
        : files.summary_is_printed() ? report_markdown(report)
                                     : report_text(report));
  if (!files.html.empty()) write_file_atomically(files.html, report_html(report));
  if (!files.summary.empty() && !files.summary_is_printed())
    write_file_atomically(files.summary, report_markdown(report));
}

}  // namespace mlc
