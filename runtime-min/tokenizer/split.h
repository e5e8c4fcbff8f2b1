// Cutting pieces where something matches, with Hugging Face's five ways to treat what matched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "runtime-min/tokenizer/pre_tokenizer.h"

namespace mlc {

enum class SplitBehavior : std::uint8_t {
  kRemoved,             // what matched is dropped
  kIsolated,            // each match is a piece
  kContiguous,          // matches that touch are one piece
  kMergedWithPrevious,  // a match ends the piece before it
  kMergedWithNext,      // a match begins the piece behind it
};

SplitBehavior split_behavior(const JsonNode& node);

// The spans to keep of what Pattern::cut() gave.
std::vector<Span> apply_behavior(const std::vector<Match>& matches, SplitBehavior behavior);

// Cuts every piece by `cut(view)`, which gives matches and what lies between, as Pattern::cut().
template <class Cut>
void split_pieces(SplitText& text, SplitBehavior behavior, Cut cut) {
  std::vector<Span> pieces;
  bool starts = text.at_start && !text.pieces.empty();
  std::size_t first = starts ? text.pieces[0].begin : 0;
  for (Span piece : text.pieces)
    for (Span span : apply_behavior(cut(text.view(piece)), behavior))
      if (span.begin < span.end)
        pieces.push_back({piece.begin + span.begin, piece.begin + span.end});
  text.at_start = starts && !pieces.empty() && pieces[0].begin == first;
  text.pieces = std::move(pieces);
}

// Writes every piece anew: `rewrite(view, is_first_of_text, out)` appends it to `out`.
template <class Rewrite>
void rewrite_pieces(SplitText& text, Rewrite rewrite) {
  std::string out;
  out.reserve(text.text.size() + text.text.size() / 4);
  bool starts = text.at_start;
  for (Span& piece : text.pieces) {
    std::size_t begin = out.size();
    rewrite(text.view(piece), starts, out);
    starts = false;
    piece = {begin, out.size()};
  }
  text.text = std::move(out);
}

// Matches of the characters for which `is` holds, each by itself.
template <class Is>
std::vector<Match> cut_characters(std::string_view text, Is is) {
  std::vector<Match> pieces;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    bool matched = is(next_character(text, at));
    if (!matched && !pieces.empty() && !pieces.back().matched)
      pieces.back().span.end = at;
    else
      pieces.push_back({{begin, at}, matched});
  }
  return pieces;
}

}  // namespace mlc
