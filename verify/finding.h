// What `mlc verify` and `mlc diff` found: values with stable ids, which scripts may depend on.
//
// A finding names a rule (a row of a level's table: id, severity, what is wrong, what to do) and
// adds where it is and what was found and expected there. Ids are never used again for another
// thing: S = signatures and packages, F = files, P = params, W = weights, K = kernels, M = model,
// R = reference vectors, D = differences. The first digit of the number groups what belongs
// together.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

enum class Severity : std::uint8_t {
  kNote,     // worth knowing; nothing is wrong
  kWarning,  // may make the model worse, or could not be checked
  kError,    // the model is wrong: exit code 6
};
std::string_view name_of(Severity severity);  // "error"

struct FindingRule {
  std::string_view id;    // "F04"
  std::string_view name;  // "shard-md5": lower case, for people who search
  Severity severity;
  std::string_view what;   // one lower-case sentence: "the md5 of a shard is not the index's"
  std::string_view to_do;  // likewise: "download the shard again, or convert again"
};

struct Finding {
  const FindingRule* rule = nullptr;
  std::string where;     // file, param, kernel, layer: "params_shard_1.bin: model.norm.weight"
  std::string found;     // may be empty
  std::string expected;  // may be empty
};

// One list for all levels. Thread-safe; order() makes the result independent of threads.
class Findings {
 public:
  // At most this many of one rule are kept, so that a damaged model of 100,000 params gives a
  // report that can be read; the others are counted.
  static constexpr std::size_t kKeptPerRule = 100;

  void add(const FindingRule& rule, std::string where, std::string found = {},
           std::string expected = {});
  // By severity (errors first), then id, then in the order they were added.
  void order();

  const std::vector<Finding>& all() const { return all_; }
  std::size_t count(Severity severity) const;  // those beyond kKeptPerRule too
  std::size_t count(std::string_view id) const;
  bool has(std::string_view id) const { return count(id) > 0; }
  std::size_t dropped() const { return dropped_; }

 private:
  std::mutex mutex_;
  std::vector<Finding> all_;
  std::map<std::string_view, std::size_t> counts_;  // by id
  std::map<Severity, std::size_t> severities_;
  std::size_t dropped_ = 0;
};

// The rows of all levels, in the order of their ids; docs/verify.md lists them.
std::span<const FindingRule* const> finding_rules();
const FindingRule* find_finding_rule(std::string_view id);  // nullptr if unknown

}  // namespace mlc
