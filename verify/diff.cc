#include "verify/diff.h"

#include <array>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "verify/diff_parts.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, 8> kRules = {{
    {"D01", "diff-param-missing", Severity::kError, "only one of the models has this param", ""},
    {"D02", "diff-param-shape", Severity::kError, "the param has another shape", ""},
    {"D03", "diff-param-form", Severity::kError, "the param is stored in another form", ""},
    {"D04", "diff-param-values", Severity::kError, "the param has other values", ""},
    {"D21", "diff-config", Severity::kError, "mlc-chat-config.json has another value", ""},
    {"D22", "diff-tokenizer", Severity::kError, "tokenizer.json has another value", ""},
    {"D31", "diff-file-missing", Severity::kError, "only one of the folders has this file", ""},
    {"D32", "diff-file-content", Severity::kError, "the file has another content", ""},
}};

}  // namespace

std::span<const FindingRule> diff_rules() { return kRules; }

const FindingRule& diff_rule(std::string_view id) {
  for (const FindingRule& rule : kRules)
    if (rule.id == id) return rule;
  fail(ExitCode::kBug, "no difference is called {}", id);
}

Diff run_diff(const DiffOptions& options, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  for (const std::string* path : {&options.a, &options.b})
    if (!std::filesystem::is_directory(*path))
      fail(ExitCode::kUsage, "{}: no such folder", printable(*path));
  Diff diff;
  diff.a.path = options.a;
  diff.b.path = options.b;
  diff_files(options, diff);
  diff_params(options, diff, reporter);
  diff.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return diff;
}

}  // namespace mlc
