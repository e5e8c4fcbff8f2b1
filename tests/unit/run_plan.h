// Which cases a device that has several variants of its kernels runs with which of them.
#pragma once

#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/unit/shape_classes.h"
#include "verify/kernel_cases/kernel_cases.h"

namespace mlc {

enum class Extent : std::uint8_t {
  kClasses,  // every variant with every class of shapes; every shape, data and format with some one
  kKinds,    // as well, every variant with every class of every kind
  kAll,      // every case with every variant
};

// The names of all variants that can run the dispatch.
using VariantsOf = std::function<std::vector<std::string>(const Dispatch&)>;

class RunPlan {
 public:
  struct Run {
    const KernelCase* test;
    std::string variant;
  };

  RunPlan(Kernel kernel, Extent extent, const VariantsOf& variants_of)
      : extent_(extent), classes_(classes_for(kernel)) {
    const ShapeWords& words = shape_words(kernel);
    for (const KernelCase& c : all_cases()) {
      if (c.kernel != kernel) continue;
      const Instance t = c.make();
      Dispatch dispatch{kernel};
      dispatch.words = t.words;
      Candidate candidate{&c, classes_of(t), variants_of(dispatch)};
      if (words.kind != ShapeWords::kNone && extent != Extent::kClasses)
        candidate.kind = t.words[words.kind];
      candidates_.push_back(candidate);
    }
    for (const Candidate& c : candidates_)
      for (const std::string& variant : c.variants)
        if (extent_ == Extent::kAll || adds(c, variant)) add(c, variant);
    add_aspects();
  }

  const std::vector<Run>& runs() const { return runs_; }
  std::size_t cases() const { return candidates_.size(); }
  std::size_t combinations() const { return combinations_.size(); }
  std::set<std::string> variants() const {
    std::set<std::string> names;
    for (const Candidate& c : candidates_)
      names.insert(c.variants.begin(), c.variants.end());
    return names;
  }

  // Combinations of variant, kind and class that should be there, but have no case.
  std::vector<std::string> missing() const {
    // What a variant is never asked for.
    static const std::set<std::pair<std::string, ShapeClass>> kNever = {
        {"matmul_uniform", ShapeClass::kOddRows},  // has two columns at most
    };
    std::set<std::uint32_t> kinds;
    for (const Candidate& c : candidates_)
      kinds.insert(c.kind);
    std::set<std::string> expected;
    for (const std::string& variant : variants())
      for (const std::uint32_t kind : kinds)
        for (const ShapeClass s : classes_)
          if (kNever.count({variant, s}) == 0) expected.insert(combination(variant, kind, s));
    std::vector<std::string> missing;
    std::set_difference(expected.begin(), expected.end(), combinations_.begin(),
                        combinations_.end(), std::back_inserter(missing));
    return missing;
  }

 private:
  struct Candidate {
    const KernelCase* test;
    std::vector<ShapeClass> classes;
    std::vector<std::string> variants;
    std::uint32_t kind = 0;

    bool has(ShapeClass s) const {
      return std::find(classes.begin(), classes.end(), s) != classes.end();
    }
    // What it is about besides: the rest of its name, and the format.
    std::vector<std::string> aspects() const {
      std::string shape = test->name;
      const std::string format(test->format);
      if (format.empty()) return {shape};
      if (const auto at = shape.find(format); at != shape.npos) shape.erase(at, format.size());
      return {shape, format};
    }
  };

  static std::string combination(const std::string& variant, std::uint32_t kind, ShapeClass s) {
    // Slices behind 128 MiB take time to make, and have nothing to do with the kind.
    if (s == ShapeClass::kPart) return fmt::format("{}, {}", variant, name_of(s));
    return fmt::format("{}, kind {}, {}", variant, kind, name_of(s));
  }

  bool adds(const Candidate& c, const std::string& variant) const {
    return std::any_of(classes_.begin(), classes_.end(), [&](ShapeClass s) {
      return c.has(s) && combinations_.count(combination(variant, c.kind, s)) == 0;
    });
  }

  void add(const Candidate& c, const std::string& variant) {
    runs_.push_back({c.test, variant});
    for (const std::string& aspect : c.aspects())
      aspects_.insert(aspect);
    for (const ShapeClass s : classes_)
      if (c.has(s)) combinations_.insert(combination(variant, c.kind, s));
  }

  // Each aspect that no run has so far, with one case and one variant, in turn.
  void add_aspects() {
    std::map<std::string, std::vector<const Candidate*>> cases_of;
    for (const Candidate& c : candidates_)
      for (const std::string& aspect : c.aspects())
        cases_of[aspect].push_back(&c);
    std::size_t turn = 0;
    for (const auto& [aspect, same] : cases_of) {
      if (aspects_.count(aspect) != 0) continue;
      const Candidate& c = *same[turn % same.size()];
      add(c, c.variants[turn % c.variants.size()]);
      turn++;
    }
  }

  Extent extent_;
  std::span<const ShapeClass> classes_;
  std::vector<Candidate> candidates_;
  std::vector<Run> runs_;
  std::set<std::string> combinations_, aspects_;
};

}  // namespace mlc
