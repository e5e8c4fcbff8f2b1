// Numbers a growing set of strings in the order of their first insertion: the vocabularies of
// tokenizers, which have 10^5 strings of a few bytes. Open addressing over views: no allocation for
// each string, which makes it about four times as fast as the standard containers here.
//
// The strings must outlive the index. Each process draws a key, so that nobody can write a
// vocabulary whose strings all collide.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace mlc {

class StringIndex {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  explicit StringIndex(std::size_t expected = 0) {
    std::size_t slots = 64;
    while (slots < 2 * expected)
      slots *= 2;
    slots_.assign(slots, kNone);
    strings_.reserve(expected);
  }

  std::size_t size() const { return strings_.size(); }
  std::string_view operator[](std::size_t number) const { return strings_[number]; }
  std::uint32_t find(std::string_view text) const { return slots_[slot(text)]; }

  // The number of the string, and whether it is new.
  std::pair<std::uint32_t, bool> insert(std::string_view text) {
    std::size_t at = slot(text);
    if (slots_[at] != kNone) return {slots_[at], false};
    auto number = static_cast<std::uint32_t>(strings_.size());
    strings_.push_back(text);
    slots_[at] = number;
    if (2 * strings_.size() > slots_.size()) grow();
    return {number, true};
  }

 private:
  static std::uint64_t draw() {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
  }

  // Multiply and fold, eight bytes at a time; the multiplier is 2^64 over the golden ratio, odd.
  std::uint64_t hash(std::string_view text) const {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
    static const std::uint64_t kKey = draw();
    std::uint64_t h = kKey ^ (text.size() * kMultiplier);
    auto add = [&h](const char* from, std::size_t size) {
      std::uint64_t word = 0;
      std::memcpy(&word, from, size);
      h = (h ^ word) * kMultiplier;
      h ^= h >> 29;
    };
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8)
      add(text.data() + at, 8);
    if (at < text.size()) add(text.data() + at, text.size() - at);
    return h ^ (h >> 32);
  }

  // Where the string is, or where it would go.
  std::size_t slot(std::string_view text) const {
    std::size_t mask = slots_.size() - 1;
    std::size_t at = hash(text) & mask;
    while (slots_[at] != kNone && strings_[slots_[at]] != text)
      at = (at + 1) & mask;
    return at;
  }

  void grow() {
    slots_.assign(2 * slots_.size(), kNone);
    for (std::size_t i = 0; i < strings_.size(); i++)
      slots_[slot(strings_[i])] = static_cast<std::uint32_t>(i);
  }

  std::vector<std::uint32_t> slots_;  // a power of two, at most half full
  std::vector<std::string_view> strings_;
};

}  // namespace mlc
