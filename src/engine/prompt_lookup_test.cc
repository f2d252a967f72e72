#include "engine/prompt_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ondol::engine {
namespace {

struct Found {
  std::vector<std::int32_t> guesses;
  std::size_t n_matched = 0;
};

// The definition, word for word: of the latest place where most of the last four
// tokens stood before, what followed.
Found brute_force(const std::vector<std::int32_t>& text, std::size_t n_wanted) {
  const std::size_t n = text.size();
  for (std::size_t length = std::min<std::size_t>(4, n); length > 0; --length) {
    for (std::size_t end = n - 1; end >= length; --end) {
      if (!std::equal(text.end() - static_cast<std::ptrdiff_t>(length), text.end(),
                      text.begin() + static_cast<std::ptrdiff_t>(end - length))) {
        continue;
      }
      Found found;
      std::vector<std::int32_t> longer = text;
      for (std::size_t i = 0; i < n_wanted; ++i) longer.push_back(longer[end + i]);
      found.guesses.assign(longer.begin() + static_cast<std::ptrdiff_t>(n), longer.end());
      while (found.n_matched < end &&
             text[end - 1 - found.n_matched] == text[n - 1 - found.n_matched]) {
        ++found.n_matched;
      }
      return found;
    }
  }
  return {};
}

Evidence expected_evidence(std::size_t n_matched) {
  if (n_matched >= 8) return Evidence::kMatch8;
  return static_cast<Evidence>(std::min<std::size_t>(n_matched, 4) - 1);
}

TEST(PromptLookup, EqualsBruteForceOnRandomText) {
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    PromptLookup lookup;
    std::vector<std::vector<std::int32_t>> texts(3);  // each keeps to its own
    const std::int32_t n_kinds = 1 + static_cast<std::int32_t>(random() % 12);
    for (int step = 0; step < 120; ++step) {
      std::vector<DraftRequest> requests;
      for (std::size_t id = 0; id < texts.size(); ++id) {
        // One token at a time mostly, sometimes a prompt's worth.
        const std::size_t n_new = random() % 10 == 0 ? 20 : 1;
        for (std::size_t i = 0; i < n_new; ++i) {
          texts[id].push_back(static_cast<std::int32_t>(random() % 12) % n_kinds);
        }
        const auto n_wanted = static_cast<std::int64_t>(random() % 9);
        requests.push_back({id, texts[id], n_wanted, {7, 7}, {}});
      }
      lookup.propose(requests);
      for (const DraftRequest& request : requests) {
        const Found expected =
            brute_force(texts[request.id], static_cast<std::size_t>(request.n_wanted));
        ASSERT_EQ(request.guesses, expected.guesses);
        if (request.guesses.empty()) continue;
        ASSERT_EQ(request.evidence, expected_evidence(expected.n_matched));
      }
    }
  }
}

TEST(PromptLookup, ForgetsASequence) {
  PromptLookup lookup;
  const std::vector<std::int32_t> text = {5, 6, 7, 5, 6};
  std::vector<DraftRequest> requests = {{1, text, 3, {}, {}}};
  lookup.propose(requests);
  EXPECT_EQ(requests[0].guesses, (std::vector<std::int32_t>{7, 5, 6}));
  EXPECT_EQ(requests[0].evidence, Evidence::kMatch2);
  lookup.forget(1);
  lookup.forget(2);
  const std::vector<std::int32_t> other = {6, 6};
  requests = {{1, other, 3, {}, {}}};
  lookup.propose(requests);
  EXPECT_EQ(requests[0].guesses, (std::vector<std::int32_t>{6, 6, 6}));
}

// Runs are found among many, and the index keeps to its bound of probes: all runs
// of a long text without repetition, then each of them again.
TEST(NgramIndex, FindsEachOfManyRuns) {
  std::vector<std::int32_t> text(20000);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i * 7);
  NgramIndex index(3);
  for (std::size_t end = 3; end < text.size(); ++end) index.insert(text, end);
  std::size_t n_found = 0;
  for (std::size_t end = 3; end < text.size(); end += 10) {
    std::vector<std::int32_t> longer = text;
    longer.insert(longer.end(), text.begin() + static_cast<std::ptrdiff_t>(end) - 3,
                  text.begin() + static_cast<std::ptrdiff_t>(end));
    n_found += index.find(longer) == end ? 1 : 0;
  }
  EXPECT_EQ(n_found, 2000U);
}

}  // namespace
}  // namespace ondol::engine
