// Finds which of many tokens a text begins with.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "runtime-min/tokenizer/pair_table.h"

namespace mlc {

class Trie {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  // A match at each byte of a text may cost as many steps as the longest token has bytes, so that a
  // hostile vocabulary is bounded by these. The longest token known has 512 bytes.
  static constexpr std::size_t kMaxToken = 2048;
  static constexpr std::size_t kMaxNodes = std::size_t{1} << 24;

  // The first value given for a text stays. Error(kBadInput), naming `where`: beyond the limits.
  void add(std::string_view text, std::uint32_t value, const std::string& where);

  // Calls found(length, value) for every token that the text begins with, shortest first.
  template <class Found>
  void prefixes(std::string_view text, Found found) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
      const PairTable::Value* next = branches_.find(node, static_cast<unsigned char>(text[i]));
      if (next == nullptr) return;
      node = next->first;
      if (next->second != kNone) found(i + 1, next->second);
    }
  }

  bool empty() const { return branches_.size() == 0; }

 private:
  PairTable branches_;  // (node, byte) to (node, value of the token that ends there)
  std::uint32_t nodes_ = 1;
};

}  // namespace mlc
