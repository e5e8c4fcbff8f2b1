#include "verify/finding.h"

#include <algorithm>
#include <array>

#include "verify/levels.h"

namespace mlc {

std::string_view name_of(Severity severity) {
  constexpr std::array<std::string_view, 3> kNames = {"note", "warning", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

void Findings::add(const FindingRule& rule, std::string where, std::string found,
                   std::string expected) {
  std::lock_guard lock(mutex_);
  severities_[rule.severity]++;
  if (++counts_[rule.id] > kKeptPerRule) {
    dropped_++;
    return;
  }
  all_.push_back({&rule, std::move(where), std::move(found), std::move(expected)});
}

void Findings::order() {
  std::stable_sort(all_.begin(), all_.end(), [](const Finding& a, const Finding& b) {
    if (a.rule->severity != b.rule->severity) return a.rule->severity > b.rule->severity;
    return a.rule->id < b.rule->id;
  });
}

std::size_t Findings::count(Severity severity) const {
  auto found = severities_.find(severity);
  return found == severities_.end() ? 0 : found->second;
}

std::size_t Findings::count(std::string_view id) const {
  auto found = counts_.find(id);
  return found == counts_.end() ? 0 : found->second;
}

std::span<const FindingRule* const> finding_rules() {
  static const std::vector<const FindingRule*> kRules = [] {
    std::vector<const FindingRule*> rules;
    for (std::span<const FindingRule> table : finding_tables())
      for (const FindingRule& rule : table)
        rules.push_back(&rule);
    return rules;
  }();
  return kRules;
}

const FindingRule* find_finding_rule(std::string_view id) {
  for (const FindingRule* rule : finding_rules())
    if (rule->id == id) return rule;
  return nullptr;
}

}  // namespace mlc
