#include "runtime-min/tokenizer/vocabulary.h"

#include <algorithm>
#include <cstring>

namespace mlc {

std::string_view Vocabulary::keep(std::string_view text) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  // At least one byte, so that the view of an empty text is not the view of no text.
  std::size_t size = std::max<std::size_t>(text.size(), 1);
  if (size > left_) {
    left_ = std::max(size, kBlock);
    blocks_.push_back(std::make_unique<char[]>(left_));
    next_ = blocks_.back().get();
  }
  char* at = next_;
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  next_ += size;
  left_ -= size;
  return {at, text.size()};
}

Vocabulary::Added Vocabulary::add(std::string_view text, std::uint32_t id) {
  if (has(id)) return Added::kIdTwice;
  std::string_view kept = keep(text);
  if (id >= texts_.size()) texts_.resize(id + 1);
  texts_[id] = kept;
  count_++;
  if (!index_.insert(kept).second) return Added::kTextTwice;
  ids_.push_back(id);
  return Added::kYes;
}

void Vocabulary::point(std::string_view text, std::uint32_t id) { ids_[index_.find(text)] = id; }

}  // namespace mlc
