// Byte-pair merging of one piece.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime-min/tokenizer/pair_table.h"

namespace mlc {

// Replaces, as long as there is one, the adjacent pair of tokens whose merge has the lowest rank,
// the leftmost of equals. `merges` maps two ids to (rank, id of the merged token).
//
// For n tokens this takes n log n steps at most: a piece may be a whole text, and a text may be a
// megabyte of one character.
void merge_word(const PairTable& merges, std::vector<std::uint32_t>& tokens);

}  // namespace mlc
