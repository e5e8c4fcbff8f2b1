// Stop strings in every way that a text can be cut into pieces.
#include "runtime-min/chat/stop_filter.h"

#include <random>

#include <gtest/gtest.h>

namespace mlc {
namespace {

struct Shown {
  std::string text;
  bool stopped = false;
  friend bool operator==(const Shown&, const Shown&) = default;
};

// What is shown when bit i of `cuts` cuts the text before byte i + 1.
Shown show(const std::vector<std::string>& stops, const std::string& text, unsigned cuts) {
  StopFilter filter(stops);
  std::string shown, piece;
  for (std::size_t i = 0; i < text.size(); i++) {
    piece += text[i];
    if ((cuts >> i & 1) == 0 && i + 1 < text.size()) continue;
    shown += filter.push(piece);
    piece.clear();
  }
  bool stopped = filter.stopped();
  shown += filter.finish();
  return {shown, stopped};
}

TEST(StopFilter, ShowsTheSameHoweverTheTextIsCut) {
  struct Case {
    std::vector<std::string> stops;
    std::string text, shown;
    bool stopped;
  };
  const Case cases[] = {
      {{"stop"}, "a stop b", "a ", true},
      {{"stop"}, "a sto", "a sto", false},
      {{"aab"}, "aaaab x", "aa", true},
      {{"abab"}, "abacabab", "abac", true},
      {{"bcd", "abcde"}, "xabcdef", "xa", true},  // bcd is complete first
      {{"cd", "abcd"}, "xabcde", "x", true},      // both at once: the one that begins first
      {{"", "z"}, "xyz", "xy", true},
      {{}, "all of it", "all of it", false},
      {{"</s>", "<|im_end|>"}, "hi <|im_</s>", "hi <|im_", true},
      {{"x"}, "xyz", "", true},
  };
  for (const Case& one : cases)
    for (unsigned cuts = 0; cuts < 1u << (one.text.size() - 1); cuts++)
      ASSERT_EQ(show(one.stops, one.text, cuts), (Shown{one.shown, one.stopped}))
          << one.text << " cut as " << cuts;
}

TEST(StopFilter, HoldsBackOnlyWhatMayBecomeAStopString) {
  StopFilter filter({"###", "end"});
  EXPECT_EQ(filter.push("one #"), "one ");
  EXPECT_EQ(filter.push("# two e"), "## two ");
  EXPECT_EQ(filter.push("nough"), "enough");
  EXPECT_EQ(filter.push("#"), "");
  EXPECT_EQ(filter.finish(), "#");
}

TEST(StopFilter, NothingComesAfterTheEnd) {
  StopFilter filter({"!"});
  EXPECT_EQ(filter.push("a!b"), "a");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.push("c"), "");
  EXPECT_EQ(filter.finish(), "");
}

// Random texts of two letters against a search in the whole text.
TEST(StopFilter, FindsWhatASearchInTheWholeTextFinds) {
  std::mt19937 random(1);
  auto word = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; i++)
      text += random() % 2 == 0 ? 'a' : 'b';
    return text;
  };
  for (int turn = 0; turn < 20000; turn++) {
    std::vector<std::string> stops = {word(1 + random() % 5), word(2 + random() % 5)};
    std::string text = word(1 + random() % 20);
    std::size_t end = text.size() + 1, begin = text.size();
    for (const std::string& stop : stops)
      if (std::size_t at = text.find(stop);
          at != std::string::npos &&
          (at + stop.size() < end || (at + stop.size() == end && at < begin))) {
        end = at + stop.size();
        begin = at;
      }
    EXPECT_EQ(show(stops, text, static_cast<unsigned>(random())),
              (Shown{text.substr(0, begin), end <= text.size()}));
  }
}

}  // namespace
}  // namespace mlc
