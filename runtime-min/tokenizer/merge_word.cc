#include "runtime-min/tokenizer/merge_word.h"

#include <array>
#include <limits>
#include <queue>

namespace mlc {
namespace {

// Longer pieces are merged by merge_long(): twice as fast there from about this length on.
constexpr std::size_t kShort = 48;
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

struct Candidate {
  std::uint32_t rank;
  std::uint32_t left;   // place of the left token
  std::uint32_t whole;  // the merged token
};

// Words: looking through all pairs for each merge is faster than keeping them in order.
void merge_short(const PairTable& merges, std::vector<std::uint32_t>& tokens) {
  constexpr PairTable::Value kNoMerge = {kNone, kNone};
  std::array<PairTable::Value, kShort> pairs;  // of a token and the next
  std::size_t size = tokens.size();
  auto look = [&](std::size_t i) {
    const PairTable::Value* merge = i + 1 < size ? merges.find(tokens[i], tokens[i + 1]) : nullptr;
    pairs[i] = merge == nullptr ? kNoMerge : *merge;
  };
  for (std::size_t i = 0; i < size; i++)
    look(i);
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < size; i++)
      if (pairs[i].first < pairs[best].first) best = i;
    if (pairs[best].first == kNone) break;
    tokens[best] = pairs[best].second;
    for (std::size_t i = best + 1; i + 1 < size; i++) {
      tokens[i] = tokens[i + 1];
      pairs[i] = pairs[i + 1];
    }
    size--;
    look(best);
    if (best > 0) look(best - 1);
  }
  tokens.resize(size);
}

// Texts: a queue of candidates over a linked list. A candidate whose tokens have changed since is
// dropped when its turn comes.
void merge_long(const PairTable& merges, std::vector<std::uint32_t>& tokens) {
  struct Place {
    std::uint32_t token;
    std::uint32_t before;
    std::uint32_t next;
  };
  auto size = static_cast<std::uint32_t>(tokens.size());
  std::vector<Place> places(size);
  for (std::uint32_t i = 0; i < size; i++)
    places[i] = {tokens[i], i == 0 ? kNone : i - 1, i + 1 == size ? kNone : i + 1};

  auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  std::vector<Candidate> first;
  auto find = [&](std::uint32_t left) {
    return places[left].next == kNone
               ? nullptr
               : merges.find(places[left].token, places[places[left].next].token);
  };
  for (std::uint32_t i = 0; i < size; i++)
    if (const PairTable::Value* merge = find(i); merge != nullptr)
      first.push_back({merge->first, i, merge->second});
  std::priority_queue<Candidate, std::vector<Candidate>, decltype(later)> queue(later,
                                                                                std::move(first));
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    if (places[top.left].token == kNone) continue;  // became part of the token before it
    const PairTable::Value* merge = find(top.left);
    if (merge == nullptr || merge->second != top.whole) continue;
    Place& left = places[top.left];
    Place& right = places[left.next];
    left.token = top.whole;
    left.next = right.next;
    right.token = kNone;
    if (left.next != kNone) places[left.next].before = top.left;
    if (const PairTable::Value* next = find(top.left); next != nullptr)
      queue.push({next->first, top.left, next->second});
    if (left.before == kNone) continue;
    if (const PairTable::Value* next = find(left.before); next != nullptr)
      queue.push({next->first, left.before, next->second});
  }
  tokens.clear();
  for (std::uint32_t i = 0; i != kNone; i = places[i].next)
    tokens.push_back(places[i].token);
}

}  // namespace

void merge_word(const PairTable& merges, std::vector<std::uint32_t>& tokens) {
  if (tokens.size() < 2) return;
  if (tokens.size() <= kShort)
    merge_short(merges, tokens);
  else
    merge_long(merges, tokens);
}

}  // namespace mlc
