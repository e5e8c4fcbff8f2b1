// The reports of verify: JSON for machines, Markdown for CI, and where they are written.
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/unit/synthetic_report.h"
#include "verify/report.h"
#include "verify/report_files.h"

namespace mlc {
namespace {

using testing::HasSubstr;
using testing::Not;

const Json& at(const Json& json, std::initializer_list<const char*> path) {
  const Json* value = &json;
  for (const char* key : path) {
    value = value->find(key);
    if (value == nullptr) {
      ADD_FAILURE() << key;
      return json;
    }
  }
  return *value;
}

TEST(VerifyJson, HoldsEveryNumber) {
  VerifyReport report;
  fill_synthetic_report(report, 2);
  Json json = parse_json(dump_json(report_json(report), 2), "report");
  EXPECT_EQ(at(json, {"schema"}).as_int(""), 1);
  EXPECT_EQ(at(json, {"mlc"}).as_string(""), "9.8.7");
  EXPECT_EQ(at(json, {"notes"}).as_int(""), 1);
  EXPECT_EQ(at(json, {"skipped", "model"}).as_string(""), "the files are damaged");
  EXPECT_EQ(at(json, {"counts", "F98"}).as_int(""), 1);
  EXPECT_EQ(at(json, {"thresholds", "device-kl"}).as_double(""), 1e-6);
  EXPECT_EQ(at(json, {"files", "bytes"}).as_int(""), 123456789);
  EXPECT_EQ(at(json, {"params", "vocab_size"}).as_int(""), 4096);
  EXPECT_EQ(at(json, {"weights", "recomputed", "fitting"}).as_string(""), "mlc-2026 rtn");
  EXPECT_EQ(at(json, {"kernels", "copy_bytes_per_second"}).as_double(""), 2.1e10);
  EXPECT_EQ(at(json, {"model_run", "quantization_error", "perplexity", "value"}).as_double(""),
            15.53);
  EXPECT_EQ(at(json, {"model_run", "device_error", "kl_curve"}).items("").size(), 256U);
  EXPECT_EQ(at(json, {"model_run", "layers"}).items("").size(), 2U);
  EXPECT_EQ(at(json, {"reference", "positions"}).as_int(""), 160);
  const auto& params = at(json, {"weights", "params"}).items("");
  ASSERT_EQ(params.size(), report.weights->params.size());
  EXPECT_TRUE(params[0].find("layer")->is_null());
  EXPECT_EQ(params[1].find("layer")->as_int(""), 0);
  EXPECT_EQ(at(params[1], {"error", "max_error_at"}).items("")[1].as_int(""), 77);
  EXPECT_TRUE(params[1].find("recomputed")->is_null());
}

TEST(VerifyJson, WhatIsNotFiniteOrNotKnownIsNull) {
  VerifyReport report;
  fill_synthetic_report(report, 1);
  Json json = report_json(report);
  const auto& params = at(json, {"weights", "params"}).items("");
  EXPECT_TRUE(at(params[5], {"error", "snr_db"}).is_null());        // equal: infinite
  EXPECT_TRUE(at(params[6], {"error", "relative_mse"}).is_null());  // NaN
  EXPECT_TRUE(at(json, {"kernels", "kernels"}).items("")[3].find("bytes_per_second")->is_null());
  EXPECT_THAT(dump_json(json), Not(testing::ContainsRegex("NaN|Infinity")));
  VerifyReport nothing;
  Json empty = report_json(nothing);
  for (const char* level : {"files", "params", "weights", "kernels", "model_run", "reference"})
    EXPECT_TRUE(at(empty, {level}).is_null()) << level;
  EXPECT_TRUE(at(empty, {"source"}).is_null());
  EXPECT_TRUE(at(empty, {"ok"}).as_bool(""));
}

// Cells of a row of a table, as GitHub splits them: at each "|" that has no "\" before it.
std::size_t cells(const std::string& line) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < line.size(); i++) {
    if (line[i] == '\\')
      i++;
    else if (line[i] == '|')
      count++;
  }
  return count - 1;
}

TEST(VerifyMarkdown, HasATableOfFindingsThatNoTextBreaks) {
  VerifyReport report;
  fill_synthetic_report(report, 1);
  report.findings.add(kSyntheticRules[1], "a|b", "`", "``x``");
  std::string text = report_markdown(report);
  EXPECT_THAT(text, HasSubstr("## mlc verify: not right: 1 error, 3 warnings\n"));
  EXPECT_THAT(text, HasSubstr("| error **F98** broken | `params_shard_0.bin` | a thing is broken |"
                              " `1 byte` | `2 bytes` | mend it |\n"));
  EXPECT_THAT(text, HasSubstr("| `a\\|b` | a param lost more than the same one elsewhere | "
                              "`` ` `` | ``` ``x`` ``` |"));
  EXPECT_THAT(text, HasSubstr("| model | skipped: `the files are damaged` |"));
  EXPECT_THAT(text, HasSubstr("ratio of the perplexities | 1.01142 ± 0.00210"));
  std::size_t at = text.find("| finding |");
  std::istringstream lines(text.substr(at));
  for (std::string line; std::getline(lines, line);)
    EXPECT_EQ(cells(line), 6U) << line;
  EXPECT_THAT(text, Not(HasSubstr("<script>")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(VerifyMarkdown, SaysHowManyMoreThereAre) {
  VerifyReport report;
  for (int i = 0; i < 130; i++)
    report.findings.add(kSyntheticRules[0], std::to_string(i));
  EXPECT_THAT(report_markdown(report), HasSubstr("\nAnd 80 more.\n"));
  VerifyReport nothing;
  EXPECT_THAT(report_markdown(nothing), HasSubstr("right: 0 errors, 0 warnings"));
  EXPECT_THAT(report_markdown(nothing), HasSubstr("No findings."));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    n++;
  return n;
}

TEST(VerifyHtml, NoTextOfAFileIsMarkup) {
  VerifyReport report;
  fill_synthetic_report(report, 2);
  report.weights->params[1].name = kHostileText;
  report.weights->params[1].kind = kHostileText;
  report.kernels->kernels[0].variant = kHostileText;
  report.kernels->kernels[0].first_wrong = kHostileText;
  report.model_run->layers[0].label = kHostileText;
  report.reference->first_wrong = kHostileText;
  std::string page = report_html(report);
  EXPECT_EQ(count(page, "<script"), 1U);
  EXPECT_EQ(count(page, "</script"), 1U);
  EXPECT_EQ(count(page, "</style"), 1U);
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, Not(HasSubstr("\xff")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  // The JSON in it is the one that --json gives, with other escapes.
  std::size_t from = page.find("id=\"report\">") + std::string_view("id=\"report\">").size();
  std::string json = page.substr(from, page.find("</script>", from) - from);
  EXPECT_EQ(parse_json(json, "page"), parse_json(dump_json(report_json(report)), "report"));
}

TEST(VerifyHtml, EqualReportsGiveEqualBytes) {
  VerifyReport a, b;
  fill_synthetic_report(a, 3);
  fill_synthetic_report(b, 3);
  EXPECT_EQ(report_html(a), report_html(b));
}

TEST(VerifyHtml, TakesTheSmallestAndTheLargestNumbers) {
  VerifyReport report;
  fill_synthetic_report(report, 2);
  report.weights->params[1].relative_mse = 1e308;
  report.weights->params[2].relative_mse = 5e-324;
  report.model_run->device_error.kl_curve = {5e-324, 1e308, 0, NAN, INFINITY};
  report.model_run->quantization_error->kl_curve = {5e-324};
  report.model_run->layers[0].own_error = 5e-324;
  report.reference->parts[0].tolerance = 0;
  report.kernels->kernels[0].bytes = ~std::uint64_t{0};
  report.kernels->kernels[0].nanoseconds = 1;
  std::string page = report_html(report);
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, Not(testing::ContainsRegex("=\"-?(nan|inf)")));
}

TEST(VerifyHtml, SaysWhereThereAreNoNumbers) {
  VerifyReport report;
  report.model_run.emplace();
  report.model_run->device_error.nonfinite_positions = 7;
  EXPECT_THAT(report_html(report), HasSubstr("<dt>Device: logits</dt><dd>not finite</dd>"));
  EXPECT_THAT(report_text(report), HasSubstr("no numbers: NaN or infinity at all 7 positions"));
  EXPECT_THAT(report_markdown(report), HasSubstr("with NaN or infinity | 7 |"));
}

class ReportFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "verify_reports." + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string refusal(const ReportFiles& files) {
    try {
      check_report_files(files);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUsage);
      return error.what();
    }
  }

  std::string folder_;
};

TEST_F(ReportFilesTest, AreRefusedBeforeTheChecks) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({.summary = folder_ + "/s.md"}), "");
  EXPECT_EQ(refusal({.summary = "s.md"}), "");
  EXPECT_THAT(refusal({.html = folder_ + "/none/a.html"}), HasSubstr("no such folder"));
  EXPECT_THAT(refusal({.html = folder_}), HasSubstr("is a folder"));
  EXPECT_THAT(refusal({.summary = folder_ + "/none/s.md"}), HasSubstr("--summary"));
  EXPECT_THAT(refusal({.summary = "-", .json = true}), HasSubstr("standard output"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 0);
}

TEST_F(ReportFilesTest, StandardOutputHasOneOfThem) {
  VerifyReport report;
  fill_synthetic_report(report, 1);
  auto printed = [&](const ReportFiles& files) {
    std::string text;
    give_report(report, files, [&](std::string_view part) { text += part; });
    return text;
  };
  EXPECT_EQ(printed({}), report_text(report));
  EXPECT_EQ(printed({.summary = "-"}), report_markdown(report));
  EXPECT_EQ(printed({.json = true}), dump_json(report_json(report), 2) + "\n");
  std::string path = folder_ + "/s.md";
  EXPECT_EQ(printed({.summary = path}), report_text(report));
  EXPECT_EQ(read_file(path, 1 << 20), report_markdown(report));
  path = folder_ + "/p.html";
  EXPECT_EQ(printed({.html = path}), report_text(report));
  EXPECT_EQ(read_file(path, 1 << 24), report_html(report));
}

TEST(FindingList, HasEveryRule) {
  std::string text = finding_list_text();
  Json json = finding_list_json();
  EXPECT_EQ(at(json, {"findings"}).items("").size(), finding_rules().size());
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
            finding_rules().size());
}

}  // namespace
}  // namespace mlc
