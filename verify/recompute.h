// Quantizing a source again and comparing the bits with those of a folder, instead of writing them.
//
// A recipe is all that decides the bits besides the source and the scheme. Which recipes come into
// question is found on a few rows of every param; those are then compared over all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "convert/largest_values.h"
#include "convert/method.h"
#include "convert/unit_runner.h"
#include "verify/param_values.h"

namespace mlc {

struct Recipe {
  const NumericRule* rule = nullptr;
  const Method* method = nullptr;
  bool keep_lattices = true;

  std::string name() const;  // "mlc-2026 rtn"
};

// How the bits of some rows differ from those recomputed. Elements are as stored: words of codes,
// scales, numbers.
struct Differences {
  struct Place {
    const PlanRecord* record = nullptr;
    std::uint64_t element = 0;  // of the record, flat
    std::uint64_t found = 0;    // its bits
    std::uint64_t expected = 0;
  };
  std::uint64_t words = 0;   // of a param's first record
  std::uint64_t scales = 0;  // of its other ones
  std::optional<Place> first;

  bool none() const { return words + scales == 0; }
  void append(const Differences& next);
};

class Recomputation {
 public:
  // Reads what has to be known of whole sources first: lattices, the scales of whole params.
  Recomputation(const Plan& plan, const Checkpoint& checkpoint, const ParamFolder& folder,
                const std::vector<WorkUnit>& units, const ExecuteOptions& limits,
                Reporter& reporter);

  // The recipes that give the bits of most params' first rows, by preference; `asked`, if any, is
  // the first. Those that runners compare.
  struct Choice {
    std::vector<Recipe> recipes;
    bool fits = false;  // some recipe gives the bits of at least a quarter of the params sampled
  };
  Choice choose(const std::optional<Recipe>& asked);

  // Whether the folder has the records of the step, with their sizes.
  bool has_records(const PlanStep& step) const;

 private:
  friend class RecipeRunner;
  struct Entry {  // a record of the plan that the folder has
    std::size_t shard = 0;
    std::uint64_t offset = 0;
    const PlanRecord* record = nullptr;
    std::size_t ordinal = 0;    // within its step
    std::size_t stored = 0;     // index into ParamFolder::stored().tensors
    bool filled_later = false;  // a conversion leaves 1 here, which is not held against another
  };
  class Comparison;
  const Entry* entry_of(std::size_t shard, std::uint64_t offset) const;
  std::vector<Recipe> all_recipes(const std::optional<Recipe>& asked) const;

  const Plan& plan_;
  const Checkpoint& checkpoint_;
  const ParamFolder& folder_;
  const std::vector<WorkUnit>& units_;
  ExecuteOptions limits_;
  std::vector<Entry> entries_;  // by place in the plan
  FoundLattices lattices_;
  FoundLattices no_lattices_;
  std::vector<MaxAbs> largest_;
};

// One per thread.
class RecipeRunner {
 public:
  RecipeRunner(const Recomputation& recomputation, const std::vector<Recipe>& recipes);
  ~RecipeRunner();
  RecipeRunner(const RecipeRunner&) = delete;
  RecipeRunner& operator=(const RecipeRunner&) = delete;
  // By recipe. What is not quantized is the same for all, and is computed once.
  std::vector<Differences> run(const WorkUnit& unit);

 private:
  struct One;
  const Plan& plan_;
  std::vector<std::unique_ptr<One>> runners_;
};

}  // namespace mlc
