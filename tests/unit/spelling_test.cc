#include "base/spelling.h"

#include <gtest/gtest.h>

namespace mlc {
namespace {

TEST(EditDistance, CountsEachKindOfEdit) {
  EXPECT_EQ(edit_distance("", "", 5), 0u);
  EXPECT_EQ(edit_distance("q4f16_1", "q4f16_1", 5), 0u);
  EXPECT_EQ(edit_distance("abc", "abxc", 5), 1u);
  EXPECT_EQ(edit_distance("abc", "ac", 5), 1u);
  EXPECT_EQ(edit_distance("abc", "axc", 5), 1u);
  EXPECT_EQ(edit_distance("abcd", "acbd", 5), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting", 5), 3u);
  EXPECT_EQ(edit_distance("", "abc", 5), 3u);
}

TEST(EditDistance, StopsAboveTheLimit) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 2), 3u);
  EXPECT_EQ(edit_distance("a", "aaaaaaaaaa", 3), 4u);
  EXPECT_EQ(edit_distance("abcdefgh", "zyxwvuts", 2), 3u);
  EXPECT_EQ(edit_distance("ab", "ba", 0), 1u);
  EXPECT_EQ(edit_distance("xyab", "xyba", 1), 1u);
}

TEST(NearestNames, OrdersByDistanceThenByPlace) {
  std::vector<std::string> known = {"q3f16_1", "q4f16_0", "q4f16_1", "q0f16"};
  EXPECT_EQ(nearest_names("q4f16_1x", known, 3),
            (std::vector<std::string>{"q4f16_1", "q3f16_1", "q4f16_0"}));
  EXPECT_EQ(nearest_names("q4f16", known), (std::vector<std::string>{"q4f16_0"}));
  EXPECT_TRUE(nearest_names("llama", known).empty());
  EXPECT_TRUE(nearest_names("", known).empty());
}

}  // namespace
}  // namespace mlc
