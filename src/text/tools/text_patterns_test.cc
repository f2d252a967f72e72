// The patterns against what they stand for, by another engine of regular expressions.
#include "text/tools/text_patterns.h"

#include <gtest/gtest.h>

#include <random>
#include <regex>
#include <string>

namespace ondol::text {
namespace {

bool matches(const std::regex& pattern, const std::string& text) {
  return std::regex_match(text, pattern);
}

TEST(TextPatterns, TextWithoutAMark) {
  for (const std::string mark : {"<ab>", "<", "<a"}) {
    const std::regex pattern(text_without(mark));
    std::mt19937 random(3);
    int n_found = 0;
    for (int round = 0; round < 20'000; ++round) {
      std::string text;
      for (unsigned n = random() % 10; n > 0; --n) text += "<ab>\nc"[random() % 6];
      const bool has_mark = text.find(mark) != std::string::npos;
      n_found += has_mark ? 1 : 0;
      ASSERT_EQ(matches(pattern, text), !has_mark) << mark << " in " << text;
    }
    EXPECT_GT(n_found, 20) << mark;
  }
}

TEST(TextPatterns, TextBeginning) {
  const std::regex pattern(text_beginning({{"ab", ""}, {"ac", "x*"}, {"d", ""}}, " "));
  for (const char* text : {"", "a", "axx", "aa", "b", "ac", "acxx", "e d ab", "\nab"}) {
    EXPECT_TRUE(matches(pattern, text)) << text;
  }
  for (const char* text : {"ab", "abx", "d", "dx", " a", "acy", " "}) {
    EXPECT_FALSE(matches(pattern, text)) << text;
  }
}

}  // namespace
}  // namespace ondol::text
