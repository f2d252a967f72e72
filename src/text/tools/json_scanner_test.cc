#include "text/tools/json_scanner.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>

namespace ondol::text {
namespace {

// True when `text` is one whole object or array.
bool accepts(std::string_view text) {
  JsonScanner scanner;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (scanner.step(text[i])) {
      case JsonScanner::Step::kBad:
        return false;
      case JsonScanner::Step::kDone:
        return i + 1 == text.size();
      case JsonScanner::Step::kMore:
        break;
    }
  }
  return false;
}

TEST(JsonScanner, ValidTexts) {
  for (const char* text :
       {"{}", "[]", " [ ] ", R"({"a":1})", R"({ "a" : [ 1 , -0 , 0.5e+10 , 1E9 ] , "b" : {} })",
        R"(["\"\\\/\b\f\n\r\té한\u00e9\uD83D\uDE00"])", "[true,false,null]", R"({"":""})",
        "[[[[]]]]", R"(["a}b{]["])"}) {
    std::string whole = text;
    whole.erase(whole.find_last_not_of(' ') + 1);
    EXPECT_TRUE(accepts(whole)) << text;
  }
}

TEST(JsonScanner, InvalidTexts) {
  for (const char* text : {"1",
                           "\"a\"",
                           "{]",
                           "[}",
                           "[1,]",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           "[01]",
                           "[1.]",
                           "[.5]",
                           "[1e]",
                           "[+1]",
                           "[-]",
                           "[tru]",
                           "[True]",
                           "[nul]",
                           "[NaN]",
                           "['a']",
                           "[\"\t\"]",
                           R"(["\x"])",
                           R"(["\u12g4"])",
                           R"(["\uDC00"])",
                           R"(["\uD800"])",
                           R"(["\uD800\n"])",
                           R"(["\uD800\uD800"])",
                           R"({1:2})",
                           R"([1 2])",
                           R"({"a" 1})",
                           "[1,,2]",
                           "[-01]",
                           "[1.5.5]"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonScanner, NestingIsBounded) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(accepts(nested(JsonScanner::kMaxDepth)));
  EXPECT_FALSE(accepts(nested(JsonScanner::kMaxDepth + 1)));
}

TEST(JsonScanner, AgreesWithAParserOnMutations) {
  const std::string seed =
      R"({"a": [1, -2.5e3, true, null], "b\n\u00e9": {"c": "x\"\\y \uD83D\uDE00", "d": {}}, "e": 0})";
  const std::string bytes = "{}[]\",:\\ue0123456789.-+EtrufalsnD8C \n";
  std::mt19937 random(7);
  int n_valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text = seed;
    for (unsigned n = 1 + random() % 2; n > 0; --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        default:
          text.insert(at, 1, bytes[random() % bytes.size()]);
      }
      if (text.empty()) text = "{";
    }
    boost::system::error_code error;
    const auto value = boost::json::parse(text, error);
    // The scanner ends with the value; a parser takes white space behind it.
    const bool valid = !error && (value.is_object() || value.is_array()) && text.back() != ' ' &&
                       text.back() != '\n';
    n_valid += valid ? 1 : 0;
    ASSERT_EQ(accepts(text), valid) << text;
  }
  EXPECT_GT(n_valid, 10'000);
}

}  // namespace
}  // namespace ondol::text
