#include "runtime-min/tokenizer/trie.h"

#include "base/error.h"

namespace mlc {

void Trie::add(std::string_view text, std::uint32_t value, const std::string& where) {
  if (text.size() > kMaxToken)
    bad_input("{}: the token '{}' has {} bytes, expected at most {}", where, printable(text, 40),
              text.size(), kMaxToken);
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    bool is_new = false;
    PairTable::Value& next = branches_.at(node, static_cast<unsigned char>(text[i]), &is_new);
    if (is_new) {
      if (nodes_ == kMaxNodes)
        bad_input("{}: the tokens are too long together; up to about {} bytes can be read", where,
                  kMaxNodes);
      next = {nodes_++, kNone};
    }
    node = next.first;
    if (i + 1 == text.size() && next.second == kNone) next.second = value;
  }
}

}  // namespace mlc
