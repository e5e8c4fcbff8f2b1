// A JSON document as the list of its leaves, each with the path that leads to it: what `mlc diff`
// compares. A flat list needs no tree of a tokenizer.json with half a million values, and its order
// is the file's.
//
//   conv_template.stop_token_ids[0]     added_tokens["<s>"].special     model.vocab["the"]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/string_index.h"

namespace mlc {

struct JsonLeaf {
  std::string path;
  Json::Kind kind = Json::Kind::kNull;  // kArray, kObject: an empty one
  std::string text;                     // of a string, of a number as written, "true", "false"

  Json json() const;
};

enum class JsonForm : std::uint8_t {
  kPlain,
  // Entries of lists are named by what they are: added_tokens["<s>"], model.vocab["the"].score,
  // model.merges["t h"], whose value is its place, whether merges are texts or pairs.
  kTokenizer,
};

class JsonLeaves {
 public:
  // Error(kBadInput) as base/json.h has it; and for long keys over many values, whose paths would
  // take far more memory than the text.
  JsonLeaves(std::string_view text, const std::string& where, JsonForm form);
  JsonLeaves(const JsonLeaves&) = delete;
  JsonLeaves& operator=(const JsonLeaves&) = delete;

  const std::vector<JsonLeaf>& all() const { return leaves_; }
  const JsonLeaf* find(std::string_view path) const;

 private:
  std::vector<JsonLeaf> leaves_;
  StringIndex index_;
};

// A place where two documents differ; nothing: it is not there.
struct ValueDifference {
  std::string path;
  std::optional<Json> a, b;
};

// Counts all, keeps as many as people and scripts can use.
struct ValueDifferences {
  static constexpr std::size_t kKept = 1000;
  std::uint64_t count = 0;
  std::vector<ValueDifference> kept = {};

  void add(std::string path, std::optional<Json> a, std::optional<Json> b);
};

// In the order of a, then what only b has. Numbers are equal when they are the same integer or
// round to the same double; the order of members does not count. Of merges, presence counts, and
// the order of those that both have: the first that is out of place is named.
ValueDifferences compare_leaves(const JsonLeaves& a, const JsonLeaves& b);

}  // namespace mlc
