#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>

#include "base/test_clock.h"
#include "base/utf8.h"

namespace ondol::text {
namespace {

using Stops = std::vector<std::string>;

struct Outcome {
  std::string shown;
  std::size_t index = static_cast<std::size_t>(-1);  // of the stop string; -1: none
};

// The definition, read literally: the shortest beginning of the text that ends
// with a stop string, cut before the longest of those that end it.
Outcome oracle(const std::string& text, const Stops& stops) {
  for (std::size_t n = 1; n <= text.size(); ++n) {
    Outcome best{text};
    for (std::size_t s = 0; s < stops.size(); ++s) {
      if (!std::string_view(text).substr(0, n).ends_with(stops[s])) continue;
      const std::string before = text.substr(0, n - stops[s].size());
      if (before.size() < best.shown.size()) best = {before, s};
    }
    if (best.shown.size() < text.size()) return best;
  }
  return {text};
}

// Bytes at the end of `text` that may begin a stop string: they and no more wait.
std::size_t held_bytes(const std::string& text, const Stops& stops) {
  std::size_t n_held = 0;
  for (const std::string& stop : stops) {
    for (std::size_t n = 1; n < stop.size(); ++n) {
      if (text.ends_with(stop.substr(0, n))) n_held = std::max(n_held, n);
    }
  }
  return n_held;
}

// Pushes text cut after byte i + 1 where bit i of `cuts` is set.
void check_split(const std::string& text, const Stops& stops, std::uint32_t cuts) {
  const Outcome expected = oracle(text, stops);
  StopMatcher matcher = *StopMatcher::create(stops);
  std::string shown;
  std::size_t begin = 0;
  for (std::size_t end = 1; end <= text.size(); ++end) {
    if (end < text.size() && ((cuts >> (end - 1)) & 1U) == 0) continue;
    shown += matcher.push(text.substr(begin, end - begin));
    begin = end;
    const std::string so_far = text.substr(0, end);
    const Outcome known = oracle(so_far, stops);
    const bool is_over = known.index != static_cast<std::size_t>(-1);
    ASSERT_EQ(matcher.matched(), is_over) << text << " cuts " << cuts;
    const std::size_t n_held = is_over ? 0 : held_bytes(so_far, stops);
    ASSERT_EQ(shown, known.shown.substr(0, known.shown.size() - n_held)) << text << " " << cuts;
  }
  shown += matcher.finish();
  ASSERT_EQ(shown, expected.shown) << text << " cuts " << cuts;
  ASSERT_EQ(matcher.matched() ? matcher.matched_index() : static_cast<std::size_t>(-1),
            expected.index);
  ASSERT_EQ(matcher.finish(), "");
}

void check_all_splits(const std::string& text, const Stops& stops) {
  const std::uint32_t n_splits = text.empty() ? 1U : 1U << (text.size() - 1);
  for (std::uint32_t cuts = 0; cuts < n_splits; ++cuts) check_split(text, stops, cuts);
}

TEST(StopMatcher, EverySplitOfEveryShortText) {
  const std::vector<Stops> all_stops = {
      {"a"},       {"ab"},          {"aab"},        {"aba"},        {"aa", "b"}, {"ab", "b"},
      {"b", "ab"}, {"abab", "baa"}, {"aaaa", "ba"}, {"abb", "bba"}, {}};
  for (const Stops& stops : all_stops) {
    for (std::size_t length = 0; length <= 8; ++length) {
      for (std::uint32_t bits = 0; bits < (1U << length); ++bits) {
        std::string text;
        for (std::size_t i = 0; i < length; ++i) text += ((bits >> i) & 1U) != 0 ? 'b' : 'a';
        check_all_splits(text, stops);
      }
    }
  }
}

TEST(StopMatcher, EverySplitOfNaturalText) {
  check_all_splits("Hi.\n\nUser: ok", {"\n\nUser:", "\nUser"});
  check_all_splits("x</s></sta>y", {"</stop>", "</sta>"});
  check_all_splits("온돌은 온", {"온기", "돌은 "});
  check_all_splits("abcabcabd", {"abcabd", "cabcabz"});
}

TEST(StopMatcher, RandomTextAndSplits) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Stops stops(1 + random() % 4);
    for (std::string& stop : stops) {
      for (std::uint32_t n = 1 + random() % 5; n > 0; --n) {
        stop += static_cast<char>('a' + random() % 3);
      }
    }
    std::string text;
    for (std::uint32_t n = random() % 24; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    check_split(text, stops, static_cast<std::uint32_t>(random()));
  }
}

TEST(StopMatcher, FirstCompleteWins) {
  StopMatcher matcher = *StopMatcher::create({"abcd", "bc"});
  EXPECT_EQ(matcher.push("xabcd"), "xa");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.matched_index(), 1U);
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, HeldTextIsShownWhenItIsNoStop) {
  StopMatcher matcher = *StopMatcher::create({"###"});
  EXPECT_EQ(matcher.push("a##"), "a");
  EXPECT_EQ(matcher.push("b#"), "##b");
  EXPECT_EQ(matcher.finish(), "#");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcher, ShowsWholeCharacters) {
  // è and é share their first byte.
  StopMatcher matcher = *StopMatcher::create({"é!", "돌"});
  for (const std::string_view piece : {"caf", "è", " é", "?", "온", "도"}) {
    EXPECT_TRUE(is_valid_utf8(matcher.push(piece)));
  }
}

TEST(StopMatcher, RefusesWhatItCannotMatch) {
  EXPECT_EQ(StopMatcher::create({"a", ""}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(StopMatcher::create(Stops(65, "a")).error().code, ErrorCode::kLimit);
  EXPECT_EQ(StopMatcher::create({std::string(4097, 'a')}).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(StopMatcher::create(Stops(64, std::string(4096, 'a'))));
}

TEST(StopMatcher, LinearOnTheWorstText) {
  // "aaa...b" against "aaaa...": a matcher that starts over takes 4096 times as long.
  StopMatcher matcher = *StopMatcher::create({std::string(4095, 'a') + 'b'});
  const CpuTimer timer;
  std::size_t n_shown = 0;
  const std::string piece(100, 'a');
  for (int i = 0; i < 20'000; ++i) n_shown += matcher.push(piece).size();
  EXPECT_EQ(n_shown, 2'000'000U - 4095U);
  EXPECT_LT(timer.elapsed(), std::chrono::seconds(5));
}

}  // namespace
}  // namespace ondol::text
