// report_cli KIND HTML JSON: the page and the JSON of a made-up report, for
// tests/interop/html_report.py. KIND: a number of layers; "nothing": no level ran; "alone": no
// source.
#include <cstdlib>
#include <string_view>

#include "base/file.h"
#include "tests/unit/synthetic_report.h"
#include "verify/report.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::string_view kind = argv[1];
  mlc::VerifyReport report;
  if (kind != "nothing")
    mlc::fill_synthetic_report(report, kind == "alone" ? 6 : std::atoi(argv[1]));
  if (kind == "alone") {
    report.weights->compared = false;
    for (mlc::ParamNumbers& p : report.weights->params)
      p.compared = false;
    report.model_run->quantization_error.reset();
  }
  mlc::write_file_atomically(argv[2], mlc::report_html(report));
  mlc::write_file_atomically(argv[3], mlc::dump_json(mlc::report_json(report)));
  return 0;
}
