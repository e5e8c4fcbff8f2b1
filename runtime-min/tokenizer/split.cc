#include "runtime-min/tokenizer/split.h"

#include <algorithm>

namespace mlc {
namespace {

// Joins a match to the span before it, if that is no match itself.
std::vector<Span> merge(const std::vector<Match>& matches) {
  std::vector<Span> spans;
  bool before = false;
  for (const Match& match : matches) {
    if (match.matched && !before && !spans.empty())
      spans.back().end = match.span.end;
    else
      spans.push_back(match.span);
    before = match.matched;
  }
  return spans;
}

}  // namespace

SplitBehavior split_behavior(const JsonNode& node) {
  struct Row {
    std::string_view name;
    SplitBehavior behavior;
  };
  constexpr Row kRows[] = {{"Removed", SplitBehavior::kRemoved},
                           {"Isolated", SplitBehavior::kIsolated},
                           {"Contiguous", SplitBehavior::kContiguous},
                           {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
                           {"MergedWithNext", SplitBehavior::kMergedWithNext}};
  std::string_view name = node.string();
  for (const Row& row : kRows)
    if (row.name == name) return row.behavior;
  node.wrong("Removed, Isolated, Contiguous, MergedWithPrevious or MergedWithNext");
}

std::vector<Span> apply_behavior(const std::vector<Match>& matches, SplitBehavior behavior) {
  std::vector<Span> spans;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Match& match : matches)
        if (!match.matched) spans.push_back(match.span);
      break;
    case SplitBehavior::kIsolated:
      for (const Match& match : matches)
        spans.push_back(match.span);
      break;
    case SplitBehavior::kContiguous:
      for (std::size_t i = 0; i < matches.size(); i++) {
        if (i > 0 && matches[i].matched == matches[i - 1].matched)
          spans.back().end = matches[i].span.end;
        else
          spans.push_back(matches[i].span);
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      spans = merge(matches);
      break;
    case SplitBehavior::kMergedWithNext: {
      // The same from the other end.
      bool before = false;
      for (auto match = matches.rbegin(); match != matches.rend(); ++match) {
        if (match->matched && !before && !spans.empty())
          spans.back().begin = match->span.begin;
        else
          spans.push_back(match->span);
        before = match->matched;
      }
      std::reverse(spans.begin(), spans.end());
      break;
    }
  }
  return spans;
}

}  // namespace mlc
