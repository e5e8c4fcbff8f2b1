// What is known of one version of a kernel while its cases run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "verify/kernel_cases/kernel_cases.h"
#include "verify/results.h"

namespace mlc {

struct KernelTally {
  KernelTally(Kernel which, const std::string& variant);

  // `bytes`: of a timed case.
  void add(const KernelCase& c, const CaseResult& found, std::uint64_t bytes);
  // Of the cases with wrong values: how many, the first element, which elements, and with which
  // numbers they are wrong.
  std::string what_is_wrong() const;

  Kernel kernel;
  KernelNumbers numbers;
  std::uint64_t values_wrong = 0;  // cases
  // The first case of each kind and its message; empty: none.
  std::string first_value, overwrites, not_built, hangs, lost;
  int builds_failed = 0;
  bool given_up = false;  // it is not run again

 private:
  struct Outcome {
    std::uint64_t cases = 0, wrong = 0;
  };
  std::string pattern_;
  std::map<std::string_view, Outcome> by_data_;
};

}  // namespace mlc
