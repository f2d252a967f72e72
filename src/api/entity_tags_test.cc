#include "api/entity_tags.h"

#include <gtest/gtest.h>

namespace ondol::api {
namespace {

TEST(EntityTags, OfBytes) {
  EXPECT_EQ(entity_tag_of(""), "\"e3b0c44298fc1c149afbf4c8996fb924\"");
  EXPECT_NE(entity_tag_of("a"), entity_tag_of("b"));
}

TEST(EntityTags, IfNoneMatchComparesWeakly) {
  EXPECT_TRUE(none_match_fails("\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_fails("W/\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_fails(" \"x\" ,\t\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_fails("*", "\"a\""));
  for (const auto* other : {"", "a", "\"b\"", "\"a", "\"a\"\"a\"", ",,,", "w/\"a\""}) {
    EXPECT_FALSE(none_match_fails(other, "\"a\"")) << other;
  }
}

TEST(EntityTags, IfMatchComparesStrongly) {
  EXPECT_TRUE(match_holds("\"a\"", "\"a\""));
  EXPECT_TRUE(match_holds("\"b\", \"a\"", "\"a\""));
  EXPECT_TRUE(match_holds("*", "\"a\""));
  EXPECT_FALSE(match_holds("W/\"a\"", "\"a\""));
  EXPECT_FALSE(match_holds("\"b\"", "\"a\""));
  EXPECT_FALSE(match_holds("*", std::nullopt));
  EXPECT_FALSE(match_holds("\"a\"", std::nullopt));
}

}  // namespace
}  // namespace ondol::api
