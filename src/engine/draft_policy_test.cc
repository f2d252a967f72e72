#include "engine/draft_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "engine/step_costs.h"

namespace ondol::engine {
namespace {

TEST(StepCosts, TheMedianOfTheLastThree) {
  StepCosts costs;
  EXPECT_FALSE(costs.of(1, 0));
  costs.add(1, 0, 10);
  EXPECT_EQ(costs.of(1, 0), 10);
  EXPECT_FALSE(costs.of(2, 0));
  costs.add(1, 0, 500);  // held up once
  EXPECT_EQ(costs.of(1, 0), 10);
  costs.add(1, 0, 12);
  EXPECT_EQ(costs.of(1, 0), 12);
  for (int i = 0; i < 2; ++i) costs.add(1, 0, 20);
  EXPECT_EQ(costs.of(1, 0), 20);  // the context has grown
}

TEST(StepCosts, BetweenAndBeyondWhatWasMeasured) {
  StepCosts costs;
  costs.add(2, 4, 30);
  EXPECT_FALSE(costs.of(2, 4));  // nothing to compare with
  costs.add(2, 0, 10);
  EXPECT_EQ(costs.of(2, 4), 30);
  EXPECT_EQ(costs.of(2, 1), 15);
  EXPECT_EQ(costs.of(2, 3), 25);
  EXPECT_EQ(costs.of(2, kMaxStepGuesses), 30);
  EXPECT_FALSE(costs.of(3, 0));
}

TEST(StepCosts, ForgetsWhatIsLongPast) {
  StepCosts costs;
  costs.add(1, 4, 30);
  for (int i = 0; i < StepCosts::kKeepFew; ++i) costs.add(1, 0, 10);
  EXPECT_EQ(costs.of(1, 4), 10);  // seen once, and long ago: to be tried again
  for (int i = 0; i < 3; ++i) costs.add(1, 4, 30);
  for (int i = 0; i < StepCosts::kKeep - 1; ++i) costs.add(1, 0, 10);
  EXPECT_EQ(costs.of(1, 4), 30);
  costs.add(1, 0, 10);
  EXPECT_EQ(costs.of(1, 4), 10);
  for (int i = 0; i < StepCosts::kKeep; ++i) costs.add(1, 4, 30);
  EXPECT_FALSE(costs.of(1, 0));  // always with guesses: one step without is due
}

TEST(Acceptance, FollowsWhatHappensAndForgets) {
  Acceptance acceptance;
  const double usual = acceptance.of(Evidence::kMatch4);
  for (int i = 0; i < 20; ++i) {
    acceptance.fade();
    acceptance.add(Evidence::kMatch4, 4, 0);
  }
  EXPECT_LT(acceptance.of(Evidence::kMatch4), 0.25);
  EXPECT_EQ(acceptance.of(Evidence::kMatch3), Acceptance().of(Evidence::kMatch3));
  for (int i = 0; i < 600; ++i) acceptance.fade();
  EXPECT_NEAR(acceptance.of(Evidence::kMatch4), usual, 0.02);
  for (int i = 0; i < 20; ++i) acceptance.add(Evidence::kMatch4, 4, 4);
  EXPECT_GT(acceptance.of(Evidence::kMatch4), 0.95);
  // Three right of four, then a wrong one: three in four.
  Acceptance some;
  for (int i = 0; i < 1000; ++i) some.add(Evidence::kMatch1, 8, 3);
  EXPECT_NEAR(some.of(Evidence::kMatch1), 0.75, 0.07);
}

double rate_of(std::span<const Chance> chances, std::span<const std::int64_t> n_guesses,
               const std::function<double(std::int64_t)>& step_ms) {
  double n_tokens = static_cast<double>(chances.size());
  std::int64_t n = 0;
  for (std::size_t i = 0; i < chances.size(); ++i) {
    for (std::int64_t j = 1; j <= n_guesses[i]; ++j) {
      n_tokens += std::pow(chances[i].acceptance, static_cast<double>(j));
    }
    n += n_guesses[i];
  }
  return n_tokens / step_ms(n);
}

TEST(ChooseGuesses, IsTheBestOfAllChoices) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Chance> chances(1 + random() % 3);
    for (Chance& c : chances) c = {unit(random), static_cast<std::int64_t>(random() % 5)};
    const auto budget = static_cast<std::int64_t>(random() % 9);
    std::vector<double> ms = {10};
    for (int n = 0; n < 16; ++n) ms.push_back(ms.back() + 4 * unit(random) * unit(random));
    const auto step_ms = [&](std::int64_t n) { return ms[static_cast<std::size_t>(n)]; };

    const Choice choice = choose_guesses(chances, budget, step_ms);
    EXPECT_NEAR(choice.tokens_per_ms, rate_of(chances, choice.n_guesses, step_ms), 1e-12);
    // Every choice there is, as numbers of base 5.
    const std::int64_t n_choices = chances.size() == 1 ? 5 : chances.size() == 2 ? 25 : 125;
    for (std::int64_t number = 0; number < n_choices; ++number) {
      std::vector<std::int64_t> n_guesses;
      for (std::int64_t rest = number; n_guesses.size() < chances.size(); rest /= 5) {
        n_guesses.push_back(rest % 5);
      }
      bool is_allowed =
          std::accumulate(n_guesses.begin(), n_guesses.end(), std::int64_t{0}) <= budget;
      for (std::size_t i = 0; i < chances.size(); ++i) {
        is_allowed &= n_guesses[i] <= chances[i].n_tokens;
      }
      if (!is_allowed) continue;
      // A gain below the noise may be left out.
      EXPECT_GE(choice.tokens_per_ms * 1.0300001, rate_of(chances, n_guesses, step_ms));
    }
  }
}

TEST(ChooseGuesses, NothingToGain) {
  const auto linear = [](std::int64_t n) { return 10.0 * static_cast<double>(n + 1); };
  const std::vector<Chance> good = {{0.99, 8}};
  EXPECT_EQ(choose_guesses(good, 32, linear).n_guesses, (std::vector<std::int64_t>{0}));
  const auto flat = [](std::int64_t) { return 10.0; };
  EXPECT_EQ(choose_guesses(good, 32, flat).n_guesses, (std::vector<std::int64_t>{8}));
  EXPECT_EQ(choose_guesses(good, 0, flat).n_guesses, (std::vector<std::int64_t>{0}));
  const std::vector<Chance> hopeless = {{0.0, 8}, {0.0, 8}};
  EXPECT_EQ(choose_guesses(hopeless, 32, flat).n_guesses, (std::vector<std::int64_t>{0, 0}));
}

}  // namespace
}  // namespace ondol::engine
