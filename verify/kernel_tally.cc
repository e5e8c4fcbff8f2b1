#include "verify/kernel_tally.h"

#include <fmt/format.h>

namespace mlc {

KernelTally::KernelTally(Kernel which, const std::string& variant) : kernel(which) {
  numbers.kernel = info_of(which).name;
  numbers.variant = variant;
}

void KernelTally::add(const KernelCase& c, const CaseResult& found, std::uint64_t bytes) {
  numbers.cases++;
  if (found.worst > numbers.worst || numbers.worst_case.empty()) {
    numbers.worst = found.worst;
    numbers.worst_case = c.name;
  }
  if (found.nanoseconds > 0 && bytes > numbers.bytes) {
    numbers.nanoseconds = found.nanoseconds;
    numbers.bytes = bytes;
  }
  Outcome& outcome = by_data_[c.data];
  outcome.cases++;
  if (found.fault == CaseFault::kNone) return;
  numbers.wrong_cases++;
  outcome.wrong++;
  const std::string text = fmt::format("{}: {}", c.name, found.wrong);
  if (numbers.first_wrong.empty()) numbers.first_wrong = text;
  if (found.fault == CaseFault::kOutside) {
    if (overwrites.empty()) overwrites = text;
    return;
  }
  if (values_wrong++ == 0) {
    first_value = text;
    pattern_ = found.pattern;
  }
}

std::string KernelTally::what_is_wrong() const {
  std::string text = fmt::format("{} of {} cases; first {}; wrong there: {}", values_wrong,
                                 numbers.cases, first_value, pattern_);
  // Numbers with which all cases are right, beside those with which they are not, point at what
  // goes wrong.
  std::string wrong, right;
  for (const auto& [data, outcome] : by_data_) {
    if (data.empty()) continue;
    std::string& list = outcome.wrong == 0 ? right : wrong;
    if (outcome.wrong == 0 || outcome.wrong == outcome.cases)
      list += fmt::format("{}{}", list.empty() ? "" : ", ", data);
  }
  if (!wrong.empty() && !right.empty())
    text += fmt::format("; always wrong with {}; always right with {}", wrong, right);
  return text;
}

}  // namespace mlc
