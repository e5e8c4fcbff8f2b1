#include "verify/diff.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "verify/diff_parts.h"
#include "verify/package_folder.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, 10> kRules = {{
    {"D01", "diff-param-missing", Severity::kError, "only one of the models has this param", ""},
    {"D02", "diff-param-shape", Severity::kError, "the param has another shape", ""},
    {"D03", "diff-param-form", Severity::kError, "the param is stored in another form", ""},
    {"D04", "diff-param-values", Severity::kError, "the param has other values", ""},
    {"D21", "diff-config", Severity::kError, "mlc-chat-config.json has another value", ""},
    {"D22", "diff-tokenizer", Severity::kError, "tokenizer.json has another value", ""},
    {"D31", "diff-file-missing", Severity::kError, "only one of the folders has this file", ""},
    {"D32", "diff-file-content", Severity::kError, "the file has another content", ""},
    {"D41", "diff-layer", Severity::kError, "the packages have another layer of this name", ""},
    {"D42", "diff-kernels", Severity::kError, "the packages name other kernels", ""},
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
  Diff diff;
  DiffOptions used = options;
  std::array<std::optional<DiffPackage>, 2> packages;
  std::array<std::unique_ptr<PackageFolder>, 2> folders;
  std::array<std::string*, 2> paths = {&used.a, &used.b};
  for (std::size_t i = 0; i < paths.size(); i++) {
    std::string& path = *paths[i];
    packages[i] = open_diff_package(path);
    if (packages[i]) {
      folders[i] =
          std::make_unique<PackageFolder>(*packages[i]->layout, packages[i]->manifest, reporter);
      path = folders[i]->path();
    } else if (!std::filesystem::is_directory(path)) {
      fail(ExitCode::kUsage, "{}: no such folder or package", printable(path));
    }
  }
  if (packages[0] && packages[1]) diff.package = diff_packages(*packages[0], *packages[1]);
  diff_files(used, diff);
  diff_params(used, diff, reporter);
  diff.a.path = options.a;
  diff.b.path = options.b;
  diff.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return diff;
}

}  // namespace mlc
