#include "engine/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace ondol::engine {
namespace {

constexpr double kDeep = 6000;

// ms of a step with this many rows, of which those of the prompt begin at a depth.
using Cost = std::function<double(std::int64_t n_answers, std::int64_t depth, std::int64_t n)>;

struct Prompt {
  std::vector<double> steps_ms;  // after the first hundred
  std::int64_t n_steps = 0;
};

// A long prompt beside answers, to its end.
Prompt compute_prompt(Pacer& pacer, std::int64_t n_answers, std::int64_t n_prompt,
                      const Cost& cost) {
  Prompt run;
  for (std::int64_t depth = 0; depth < n_prompt; ++run.n_steps) {
    const PromptBudget budget = pacer.budget(n_answers, depth);
    const std::int64_t n = std::min(budget.of_long, n_prompt - depth);
    const double ms = cost(n_answers, depth, n);
    pacer.learn(n_answers, n == 0 ? 0 : pacer.cost_of(depth, n), ms);
    if (run.n_steps >= 100) run.steps_ms.push_back(ms);
    depth += n;
  }
  return run;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1)));
}

// Weights are read once a step (20 ms) or multiplied (5.6 ms a row); attention grows.
double machine(std::int64_t n_answers, std::int64_t depth, std::int64_t n) {
  const auto rows = static_cast<double>(n_answers + n);
  const double attention = static_cast<double>(n) * static_cast<double>(depth) * 5.6 / 7000;
  return std::max(20.0, 5.6 * rows) + attention;
}

TEST(Pacer, NobodyAnswersNoPace) {
  Pacer pacer(kDeep, 10, {});
  EXPECT_GT(pacer.budget(0, 5000).of_long, 1'000'000);
  EXPECT_GT(pacer.budget(0, 5000).in_all, 1'000'000);
}

TEST(Pacer, MeasuresAnswersAloneBeforeItAllowsAnything) {
  Pacer pacer(kDeep, 0, {});
  EXPECT_EQ(pacer.budget(3, 0).in_all, 0);
  pacer.learn(3, 0, 20);
  EXPECT_GT(pacer.budget(3, 0).of_long, 0);
  EXPECT_EQ(pacer.budget(5, 0).in_all, 0);  // more answers: another measure
  pacer.learn(5, 0, 25);
  for (int i = 0; i < Pacer::kProbeEvery; ++i) {
    EXPECT_GT(pacer.budget(5, 0).of_long, 0);
    pacer.learn(5, 1, 30);
  }
  EXPECT_EQ(pacer.budget(5, 0).in_all, 0);  // and every now and then
}

// 99 of 100 steps last at most twice as long as without the prompt, from the first token
// to the depth where a single token takes that long, and the time is used.
TEST(Pacer, KeepsThePaceAtEveryDepth) {
  const std::pair<std::int64_t, std::int64_t> cases[] = {{1, 16'000}, {4, 18'000}, {16, 32'000}};
  for (const auto& [n_answers, n_prompt] : cases) {
    Pacer pacer(kDeep, 0, {});
    const Prompt run = compute_prompt(pacer, n_answers, n_prompt, machine);
    const double alone = machine(n_answers, 0, 0);
    EXPECT_LE(percentile(run.steps_ms, 0.99), Pacer::kSlowdown * alone) << n_answers;
    EXPECT_GE(percentile(run.steps_ms, 0.5), 1.4 * alone) << n_answers;
  }
}

// Beyond that depth parts of the prompt are set aside: what a layer of them takes and a step
// of the answers together keep the pace, down to where a layer of one token is too long.
TEST(Pacer, KeepsThePaceBetweenLayersOfDeepPrompts) {
  constexpr std::int64_t kLayers = 16;
  const double alone = machine(1, 0, 0);
  Pacer pacer(kDeep, 0, {kLayers, 64});
  std::vector<double> intervals;
  std::int64_t n_aside = 0;
  for (std::int64_t depth = 0; depth < 32'000;) {
    const PromptBudget budget = pacer.budget(1, depth);
    if (!budget.sets_long_aside) {
      const double ms = machine(1, depth, budget.of_long);
      pacer.learn(1, budget.of_long == 0 ? 0 : pacer.cost_of(depth, budget.of_long), ms);
      intervals.push_back(ms);
    } else {
      EXPECT_LE(budget.of_long, 64);
      pacer.learn(1, 0, alone);
      const double layers_ms = machine(0, depth, budget.of_long);
      for (int i = 0; i < kLayers; ++i) intervals.push_back(alone + layers_ms / kLayers);
      pacer.learn(0, pacer.cost_of(depth, budget.of_long), layers_ms);
      n_aside += budget.of_long;
    }
    depth += budget.of_long;
  }
  EXPECT_GT(n_aside, 16'000);
  EXPECT_LE(percentile(intervals, 0.99), Pacer::kSlowdown * alone);
  EXPECT_GE(percentile(intervals, 0.5), 1.4 * alone);
}

TEST(Pacer, KeepsThePaceWhenStepsVary) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> noise(0.95, 1.05);
  Pacer pacer(kDeep, 0, {});
  const Prompt run = compute_prompt(pacer, 8, 20'000, [&](auto n_answers, auto depth, auto n) {
    return machine(n_answers, depth, n) * noise(random);
  });
  EXPECT_LE(percentile(run.steps_ms, 0.99), Pacer::kSlowdown * machine(8, 0, 0));
}

// A model of attention that is all wrong only makes it learn more often.
TEST(Pacer, LearnsWhatItDoesNotKnow) {
  for (const double deep : {300.0, 1e9}) {
    Pacer pacer(deep, 0, {});
    const Prompt run = compute_prompt(pacer, 8, 16'000, machine);
    EXPECT_LE(percentile(run.steps_ms, 0.99), Pacer::kSlowdown * machine(8, 0, 0)) << deep;
  }
}

// Another prompt that is cheaper or dearer than the last: a few steps, no more.
TEST(Pacer, AdaptsToASlowerMachine) {
  Pacer pacer(kDeep, 0, {});
  compute_prompt(pacer, 4, 2000, machine);
  std::int64_t n_late = 0;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t n = pacer.budget(4, 0).of_long;
    const double ms = 3 * machine(4, 0, n);
    n_late += n > 0 && ms > 2 * 3 * machine(4, 0, 0) ? 1 : 0;
    pacer.learn(4, n == 0 ? 0 : pacer.cost_of(0, n), ms);
  }
  EXPECT_LE(n_late, 6);
}

TEST(Pacer, NothingStarves) {
  Pacer pacer(kDeep, 1, {});
  pacer.learn(4, 0, 50);  // a step lasts longer than its limit as it is
  for (int i = 0; i < Pacer::kProbeEvery; ++i) {
    const PromptBudget budget = pacer.budget(4, 30'000);
    EXPECT_GE(budget.of_long, 1);
    EXPECT_GE(budget.in_all, 1);
    pacer.learn(4, pacer.cost_of(30'000, 1), 1000);
  }
}

TEST(Pacer, AStepHasALimitForShortPromptsToo) {
  Pacer pacer(kDeep, 100, {});
  pacer.learn(4, 0, 20);
  EXPECT_GT(pacer.budget(4, 0).in_all, 0);
  for (int i = 0; i < 20; ++i) pacer.learn(4, pacer.cost_of(0, 10), 20 + 56);
  EXPECT_NEAR(static_cast<double>(pacer.budget(4, 0).in_all), 80 / 5.6, 2);
}

}  // namespace
}  // namespace ondol::engine
