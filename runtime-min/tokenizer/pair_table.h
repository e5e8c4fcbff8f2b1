// A hash table from pairs of numbers to pairs of numbers: merges, and the branches of tries.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace mlc {

// Open addressing, at most half full. Each process draws a key, so that nobody can write a
// vocabulary whose pairs all collide.
class PairTable {
 public:
  struct Value {
    std::uint32_t first;
    std::uint32_t second;
  };

  explicit PairTable(std::size_t expected = 0) {
    std::size_t slots = 64;
    while (slots < 2 * expected)
      slots *= 2;
    slots_.resize(slots);
  }

  const Value* find(std::uint32_t a, std::uint32_t b) const {
    const Slot& slot = slots_[place(key(a, b))];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

  // Adds the pair, or gives what it has. Not both numbers may be 2^32 - 1. The reference holds
  // until the next call.
  Value& at(std::uint32_t a, std::uint32_t b, bool* is_new = nullptr) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place(key(a, b))];
    if (is_new != nullptr) *is_new = slot.key == kEmpty;
    if (slot.key == kEmpty) {
      slot.key = key(a, b);
      size_++;
    }
    return slot.value;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kEmpty = std::numeric_limits<std::uint64_t>::max();
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value = {};
  };

  static std::uint64_t key(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }
  static std::uint64_t draw() {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
  }

  // Two rounds of multiply and fold; the multiplier is 2^64 over the golden ratio, odd.
  std::size_t place(std::uint64_t wanted) const {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
    static const std::uint64_t kKey = draw();
    std::uint64_t h = (wanted ^ kKey) * kMultiplier;
    h = (h ^ (h >> 32)) * kMultiplier;
    std::size_t mask = slots_.size() - 1;
    std::size_t at = (h ^ (h >> 29)) & mask;
    while (slots_[at].key != wanted && slots_[at].key != kEmpty)
      at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.key != kEmpty) slots_[place(slot.key)] = slot;
  }

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace mlc
