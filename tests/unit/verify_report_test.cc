// What verify's levels share: findings, thresholds, the text and JSON of a report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "verify/levels.h"
#include "verify/report.h"

namespace mlc {
namespace {

using testing::HasSubstr;

constexpr FindingRule kBroken = {"F98", "broken", Severity::kError, "a thing is broken", "mend it"};
constexpr FindingRule kOdd = {"F97", "odd", Severity::kWarning, "a thing is odd", ""};

TEST(Findings, ErrorsComeFirstAndTheRestKeepsItsOrder) {
  Findings findings;
  findings.add(kOdd, "b");
  findings.add(kBroken, "c", "1", "2");
  findings.add(kOdd, "a");
  findings.order();
  ASSERT_EQ(findings.all().size(), 3U);
  EXPECT_EQ(findings.all()[0].where, "c");
  EXPECT_EQ(findings.all()[1].where, "b");
  EXPECT_EQ(findings.all()[2].where, "a");
  EXPECT_EQ(findings.count(Severity::kError), 1U);
  EXPECT_TRUE(findings.has("F97"));
  EXPECT_FALSE(findings.has("F01"));
}

TEST(Findings, ManyOfOneKindAreCountedAndNotKept) {
  Findings findings;
  for (std::size_t i = 0; i < Findings::kKeptPerRule + 5; i++)
    findings.add(kBroken, std::to_string(i));
  findings.add(kOdd, "one");
  EXPECT_EQ(findings.all().size(), Findings::kKeptPerRule + 1);
  EXPECT_EQ(findings.dropped(), 5U);
  EXPECT_EQ(findings.count("F98"), Findings::kKeptPerRule + 5);
}

TEST(Findings, IdsAreOrderedAndOfTheirOwn) {
  std::string last;
  for (std::span<const FindingRule> table : finding_tables())
    for (const FindingRule& rule : table) {
      EXPECT_LT(last.substr(0, 1) == rule.id.substr(0, 1) ? last : "", rule.id);
      last = rule.id;
      EXPECT_EQ(find_finding_rule(rule.id), &rule);
      EXPECT_FALSE(rule.what.empty());
    }
}

TEST(ThresholdsOfVerify, DefaultsAssignmentsAndFiles) {
  VerifyThresholds t;
  EXPECT_FALSE(t.broken(Threshold::kDeviceKl, 1e-6));
  EXPECT_TRUE(t.broken(Threshold::kDeviceKl, 2e-6));
  EXPECT_TRUE(t.broken(Threshold::kDeviceKl, std::nan("")));
  EXPECT_TRUE(t.broken(Threshold::kQuantizationTop1, 0.1));
  t.set("device-kl=1e-3");
  EXPECT_FALSE(t.broken(Threshold::kDeviceKl, 2e-6));
  for (const char* wrong :
       {"device-kl", "device-kl=", "device-kl=x", "device-kl=1e-3x", "device=1", "device-kl=inf"}) {
    try {
      t.set(wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUsage);
    }
  }
  std::string path = testing::TempDir() + "thresholds." + std::to_string(::getpid());
  write_file_atomically(path, R"({"perplexity-ratio": 1.02})");
  t.read_file(path);
  EXPECT_EQ(t[Threshold::kPerplexityRatio], 1.02);
  write_file_atomically(path, R"({"perplexity": 1.02})");
  EXPECT_THROW(t.read_file(path), Error);
}

TEST(VerifyReportText, SaysWhatWasFoundAndTheVerdict) {
  VerifyReport report;
  report.model = "out";
  report.findings.add(kBroken, "params_shard_0.bin", "1 byte", "2 bytes");
  std::string text = report_text(report);
  EXPECT_THAT(text, HasSubstr("error F98 broken: params_shard_0.bin: a thing is broken"));
  EXPECT_THAT(text, HasSubstr("found     1 byte"));
  EXPECT_THAT(text, HasSubstr("expected  2 bytes"));
  EXPECT_THAT(text, HasSubstr("to do     mend it"));
  EXPECT_THAT(text, HasSubstr("not right: 1 error, 0 warnings"));
  Json json = report_json(report);
  EXPECT_FALSE(json.find("ok")->as_bool("ok"));
  EXPECT_EQ(json.find("findings")->items("findings").size(), 1U);
}

}  // namespace
}  // namespace mlc
