// The tokens of a model: texts by id and ids by text.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/string_index.h"

namespace mlc {

class Vocabulary {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  // Far above any tokenizer (262,144 is the largest known), and small enough for a table by id.
  static constexpr std::uint64_t kMaxIds = std::uint64_t{1} << 22;

  Vocabulary() : index_(std::size_t{1} << 15) {}

  enum class Added { kYes, kTextTwice, kIdTwice };
  // `id` is below kMaxIds. Copies the text.
  Added add(std::string_view text, std::uint32_t id);
  // The later of two tokens of one text gets it: `text` leads to `id` from now on.
  void point(std::string_view text, std::uint32_t id);

  std::uint32_t find(std::string_view text) const {
    std::uint32_t number = index_.find(text);
    return number == StringIndex::kNone ? kNone : ids_[number];
  }
  bool has(std::uint32_t id) const { return id < texts_.size() && texts_[id].data() != nullptr; }
  std::string_view text(std::uint32_t id) const { return texts_[id]; }  // of an id that it has
  std::size_t count() const { return count_; }
  std::size_t size() const { return texts_.size(); }  // one more than the largest id

 private:
  std::string_view keep(std::string_view text);

  StringIndex index_;
  std::vector<std::uint32_t> ids_;       // by number in index_
  std::vector<std::string_view> texts_;  // by id
  std::size_t count_ = 0;
  // Blocks that never move, because texts_ and index_ point into them.
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t left_ = 0;
  char* next_ = nullptr;
};

}  // namespace mlc
