#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "base/test_clock.h"
#include "engine/random.h"

namespace ondol::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using Probabilities = std::vector<double>;  // [n_vocab]

void normalise(Probabilities& p) {
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= total;
}

Probabilities softmax(const std::vector<double>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  Probabilities p;
  for (const double logit : logits) p.push_back(std::exp(logit - max));
  normalise(p);
  return p;
}

// Sorts by `key` and keeps from the front until their probability is `mass`.
template <class Key>
void keep_sorted(Probabilities& p, double mass, std::size_t max_count, Key key) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return key(a) != key(b) ? key(a) < key(b) : a < b;
  });
  double sum = 0;
  std::size_t n_kept = 0;
  while (n_kept < order.size() && n_kept < max_count && sum < mass) sum += p[order[n_kept++]];
  for (std::size_t i = n_kept; i < order.size(); ++i) p[order[i]] = 0;
  normalise(p);
}

// Every step of request.h's order by its textbook definition, with full sorts.
Probabilities oracle(const SamplingParams& params, std::span<const float> logits,
                     std::span<const std::int32_t> prompt, std::span<const std::int32_t> output) {
  std::vector<double> x(logits.begin(), logits.end());
  for (const auto& [token, bias] : params.logit_bias) x[static_cast<std::size_t>(token)] += bias;
  std::vector<std::int32_t> all(prompt.begin(), prompt.end());
  all.insert(all.end(), output.begin(), output.end());
  const auto window = static_cast<std::size_t>(params.penalty_window);
  if (window > 0 && all.size() > window) all.erase(all.begin(), all.end() - params.penalty_window);
  for (const std::int32_t token : std::set<std::int32_t>(all.begin(), all.end())) {
    double& logit = x[static_cast<std::size_t>(token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
  }
  for (const std::int32_t token : output) {
    x[static_cast<std::size_t>(token)] -= params.frequency_penalty;
  }
  for (const std::int32_t token : std::set<std::int32_t>(output.begin(), output.end())) {
    x[static_cast<std::size_t>(token)] -= params.presence_penalty;
  }
  Probabilities p = softmax(x);
  if (params.top_k > 0) {
    keep_sorted(p, 2, static_cast<std::size_t>(params.top_k), [&](std::size_t i) { return -x[i]; });
  }
  if (params.typical_p < 1) {
    double entropy = 0;
    for (const double q : p) entropy -= q > 0 ? q * std::log(q) : 0;
    const Probabilities before = p;
    keep_sorted(p, params.typical_p, p.size(),
                [&](std::size_t i) { return std::abs(-std::log(before[i]) - entropy); });
  }
  if (params.top_p < 1) {
    keep_sorted(p, params.top_p, p.size(), [&](std::size_t i) { return -x[i]; });
  }
  const double max_p = *std::max_element(p.begin(), p.end());
  for (double& q : p) q = q < params.min_p * max_p ? 0 : q;
  for (double& q : p) q = q > 0 ? std::pow(q / max_p, 1 / double{params.temperature}) : 0;
  normalise(p);
  return p;
}

// Pearson's statistic in units of its standard deviation, as a normal variate
// (Wilson and Hilferty 1931). Cells that expect less than 5 are pooled.
double chi_square_z(const std::vector<int>& counts, const Probabilities& p, int n) {
  double statistic = 0;
  double pooled_expected = 0;
  double pooled_count = 0;
  int n_cells = 0;
  const auto add = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    ++n_cells;
  };
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) {
      EXPECT_EQ(counts[i], 0) << "token " << i << " was filtered out";
    } else if (p[i] * n >= 5) {
      add(counts[i], p[i] * n);
    } else {
      pooled_expected += p[i] * n;
      pooled_count += counts[i];
    }
  }
  if (pooled_expected >= 1) add(pooled_count, pooled_expected);
  const int freedom = n_cells - 1;
  if (freedom < 1) return 0;
  const double c = 2.0 / (9.0 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - c)) / std::sqrt(c);
}

std::vector<float> random_logits(std::mt19937& random, std::size_t n, float spread) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// Seeds differ, the request does not: frequencies must be the probabilities.
void expect_distribution(const SamplingParams& params, const std::vector<float>& logits,
                         const char* name) {
  const std::vector<std::int32_t> prompt = {1, 2, 3, 1, 5};
  const std::vector<std::int32_t> forced = {4, 4, 2};
  constexpr int kDraws = 20'000;
  std::vector<int> counts(logits.size());
  SamplerScratch scratch;
  for (int i = 0; i < kDraws; ++i) {
    SamplingParams seeded = params;
    seeded.seed = static_cast<std::uint64_t>(i);
    Sampler sampler(seeded, prompt, nullptr, -1);
    for (const std::int32_t token : forced) {  // what was said before
      std::vector<float> only(logits.size(), -kInf);
      only[static_cast<std::size_t>(token)] = 0;
      EXPECT_EQ(sampler.pick(only, scratch)->token, token);
    }
    ++counts[static_cast<std::size_t>(sampler.pick(logits, scratch)->token)];
  }
  const double z = chi_square_z(counts, oracle(params, logits, prompt, forced), kDraws);
  EXPECT_LT(z, 4) << name;
  EXPECT_GT(z, -4) << name << ": too even to be random";
}

TEST(Sampler, FrequenciesAreTheExactProbabilities) {
  std::mt19937 random(3);
  const auto check = [&](const char* name, auto&& set) {
    SamplingParams params;
    set(params);
    expect_distribution(params, random_logits(random, 20, 1.5F), name);
  };
  check("plain", [](SamplingParams&) {});
  check("cold", [](SamplingParams& p) { p.temperature = 0.5F; });
  check("hot", [](SamplingParams& p) { p.temperature = 3; });
  check("top_k", [](SamplingParams& p) { p.top_k = 5; });
  check("top_p", [](SamplingParams& p) { p.top_p = 0.7F; });
  check("min_p", [](SamplingParams& p) { p.min_p = 0.2F; });
  check("typical", [](SamplingParams& p) { p.typical_p = 0.6F; });
  check("repetition", [](SamplingParams& p) { p.repetition_penalty = 1.8F; });
  check("reward", [](SamplingParams& p) { p.repetition_penalty = 0.5F; });
  check("window", [](SamplingParams& p) { p.repetition_penalty = 2, p.penalty_window = 4; });
  check("frequency", [](SamplingParams& p) { p.frequency_penalty = 0.7F; });
  check("presence", [](SamplingParams& p) { p.presence_penalty = -1.2F; });
  check("bias", [](SamplingParams& p) { p.logit_bias = {{3, 2.0F}, {7, -100.0F}, {3, 0.5F}}; });
  check("all", [](SamplingParams& p) {
    p.temperature = 1.3F, p.top_k = 12, p.typical_p = 0.95F, p.top_p = 0.9F, p.min_p = 0.05F;
    p.repetition_penalty = 1.2F, p.frequency_penalty = 0.3F, p.presence_penalty = 0.2F;
    p.logit_bias = {{0, 1.0F}};
  });
}

TEST(Sampler, DrawsOfOneSeedAreIndependent) {
  std::mt19937 random(4);
  const std::vector<float> logits = random_logits(random, 6, 1);
  const Probabilities p = softmax(std::vector<double>(logits.begin(), logits.end()));
  SamplerScratch scratch;
  Sampler sampler({}, {}, nullptr, -1);
  constexpr int kPairs = 20'000;
  std::vector<int> counts(36);
  Probabilities pairs;
  for (const double a : p) {
    for (const double b : p) pairs.push_back(a * b);
  }
  for (int i = 0; i < kPairs; ++i) {
    const auto first = static_cast<std::size_t>(sampler.pick(logits, scratch)->token);
    const auto second = static_cast<std::size_t>(sampler.pick(logits, scratch)->token);
    ++counts[first * 6 + second];
  }
  EXPECT_LT(std::abs(chi_square_z(counts, pairs, kPairs)), 4);
}

std::vector<Candidate> candidates_of(const std::vector<float>& logits) {
  std::vector<Candidate> candidates;
  FilterScratch scratch;
  collect_candidates(logits, 0, candidates, scratch);
  set_weights(candidates);
  return candidates;
}

// What a mass filter must answer, whatever the order of sums: the best by key,
// no less than the mass, no token more than needed.
template <class Key>
void expect_mass_kept(const std::vector<Candidate>& before, const std::vector<Candidate>& after,
                      double mass, Key key) {
  constexpr double kSlack = 1e-9;
  double total = 0;
  for (const Candidate& c : before) total += c.weight;
  std::set<std::int32_t> kept_ids;
  double kept = 0;
  double worst_key = -std::numeric_limits<double>::infinity();
  double worst_weight = 0;
  for (const Candidate& c : after) {
    ASSERT_TRUE(kept_ids.empty() || *kept_ids.rbegin() < c.token) << "not in order of ids";
    kept_ids.insert(c.token);
    kept += c.weight / total;
    if (key(c) >= worst_key) worst_key = key(c), worst_weight = c.weight / total;
  }
  for (const Candidate& c : before) {
    const bool is_kept = kept_ids.contains(c.token);
    ASSERT_TRUE(is_kept || key(c) >= worst_key - kSlack);
  }
  ASSERT_GE(kept, mass - kSlack);
  ASSERT_LT(kept - worst_weight, mass + kSlack);
}

TEST(Filters, KeepWhatSortingWouldKeep) {
  std::mt19937 random(5);
  FilterScratch scratch;
  for (int round = 0; round < 3000; ++round) {
    const std::size_t n = 1 + random() % 400;
    std::vector<float> logits = random_logits(random, n, 0.1F + static_cast<float>(random() % 5));
    const bool has_ties = round % 3 == 0;
    for (float& logit : logits) {
      if (has_ties) logit = std::round(logit);
      if (random() % 16 == 0 && &logit != logits.data()) logit = -kInf;
    }
    const double mass = (1 + random() % 999) / 1000.0;
    const std::vector<Candidate> before = candidates_of(logits);

    std::vector<Candidate> after = before;
    keep_top_p(after, mass, scratch);
    expect_mass_kept(before, after, mass, [](const Candidate& c) { return -double{c.logit}; });

    after = before;
    keep_typical(after, mass, scratch);
    double total = 0;
    double entropy = 0;
    for (const Candidate& c : before) total += c.weight;
    for (const Candidate& c : before) entropy -= c.weight / total * std::log(c.weight / total);
    expect_mass_kept(before, after, mass, [&](const Candidate& c) {
      return std::abs(-std::log(c.weight / total) - entropy);
    });

    const auto top_k = static_cast<std::int32_t>(1 + random() % (n + 3));
    std::vector<Candidate> sorted = before;
    std::sort(sorted.begin(), sorted.end(), [](const Candidate& a, const Candidate& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
    });
    sorted.resize(std::min(sorted.size(), static_cast<std::size_t>(top_k)));
    std::set<std::int32_t> expected;
    for (const Candidate& c : sorted) expected.insert(c.token);
    std::set<std::int32_t> found;
    collect_candidates(logits, top_k, after, scratch);
    for (const Candidate& c : after) found.insert(c.token);
    ASSERT_EQ(found, expected);
  }
}

TEST(Filters, OrderOfLogitsDoesNotMakeThemSlow) {
  constexpr std::size_t kVocab = 200'000;
  std::vector<std::vector<float>> hard(4, std::vector<float>(kVocab));
  for (std::size_t i = 0; i < kVocab; ++i) {
    hard[0][i] = static_cast<float>(i) * 1e-5F;
    hard[1][i] = static_cast<float>(i) * -1e-5F;
    hard[2][i] = 1;
    hard[3][i] = static_cast<float>(i % 2) * 1e-3F;
  }
  FilterScratch scratch;
  const CpuTimer timer;
  for (const std::vector<float>& logits : hard) {
    std::vector<Candidate> candidates = candidates_of(logits);
    keep_typical(candidates, 0.99, scratch);
    keep_top_p(candidates, 0.99, scratch);
    EXPECT_GT(candidates.size(), kVocab / 2);
    collect_candidates(logits, 1000, candidates, scratch);
    EXPECT_EQ(candidates.size(), 1000U);
  }
  // Quadratic time would be minutes.
  EXPECT_LT(timer.elapsed(), std::chrono::seconds(5));
}

TEST(Filters, MinPNeverTakesTheLargest) {
  std::vector<Candidate> candidates = candidates_of({2, 2, 1});
  keep_min_p(candidates, 1.0);
  EXPECT_EQ(candidates.size(), 2U);
}

TEST(Sampler, GreedyTakesTheLowestOfTheLargest) {
  SamplingParams params;
  params.temperature = 0;
  params.top_k = 1;
  params.typical_p = 0.1F;  // would throw the largest out
  Sampler sampler(params, {}, nullptr, -1);
  SamplerScratch scratch;
  EXPECT_EQ(sampler.pick(std::vector<float>{1, 3, 3, 2}, scratch)->token, 1);
  EXPECT_EQ(sampler.pick(std::vector<float>{-kInf, -5, -kInf}, scratch)->token, 1);
}

TEST(Sampler, SameSeedSameTokens) {
  std::mt19937 random(6);
  const std::vector<float> logits = random_logits(random, 1000, 2);
  SamplerScratch scratch;
  const auto run = [&](std::uint64_t seed) {
    SamplingParams params;
    params.seed = seed;
    Sampler sampler(params, {}, nullptr, -1);
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < 30; ++i) tokens.push_back(sampler.pick(logits, scratch)->token);
    return tokens;
  };
  EXPECT_EQ(run(0), run(0));
  EXPECT_NE(run(0), run(1));
  EXPECT_NE(run(1), run(std::numeric_limits<std::uint64_t>::max()));
}

// SplitMix64 from state 0 begins with these (the numbers of its reference code),
// and a stream is one started at the mixed seed.
TEST(Random, IsSplitMix64) {
  EXPECT_EQ(mix64(kGoldenGamma), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(mix64(2 * kGoldenGamma), 0x6E789E6AA1B965F4ULL);
  EXPECT_EQ(mix64(3 * kGoldenGamma), 0x06C45D188009454FULL);
  EXPECT_EQ(random_u64(0, 0), mix64(0xE220A8397B1DCDAFULL + kGoldenGamma));
  EXPECT_EQ(random_u64(5, 9), mix64(mix64(5 + kGoldenGamma) + 10 * kGoldenGamma));
}

TEST(Sampler, BrokenLogitsAreErrors) {
  SamplerScratch scratch;
  for (const float temperature : {0.0F, 1.0F}) {
    SamplingParams params;
    params.temperature = temperature;
    Sampler sampler(params, {}, nullptr, 2);
    for (const std::vector<float>& logits :
         {std::vector<float>{1, kNan, 2}, {kNan, kNan, kNan}, {1, 2, kInf}, {kNan, 1, 1}}) {
      const auto pick = sampler.pick(logits, scratch);
      ASSERT_FALSE(pick);
      EXPECT_EQ(pick.error().code, ErrorCode::kInternal);
    }
    const auto none = sampler.pick(std::vector<float>{-kInf, -kInf}, scratch);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(sampler.pick(std::vector<float>{-kInf, 1, -kInf}, scratch));
  }
}

TEST(Sampler, ExtremesStayFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  SamplerScratch scratch;
  for (const float temperature : {kTiny, 1.0F, 100.0F}) {
    for (const float penalty : {kTiny, 1.0F, 100.0F}) {
      for (const float p : {kTiny, 0.5F, std::nextafter(1.0F, 0.0F)}) {
        SamplingParams params;
        params.temperature = temperature;
        params.repetition_penalty = penalty;
        params.top_p = params.typical_p = params.min_p = p;
        params.frequency_penalty = params.presence_penalty = -2;
        Sampler sampler(params, std::vector<std::int32_t>{0, 1, 2}, nullptr, 3);
        for (const std::vector<float>& logits : {std::vector<float>{kMax, -kMax, 0, 1},
                                                 {-kMax, -kMax, -kMax, -kMax},
                                                 {kMax, kMax, kMax, kMax},
                                                 {0, 0, 0, 0},
                                                 {kTiny, -kTiny, 0, -kInf}}) {
          const auto pick = sampler.pick(logits, scratch);
          ASSERT_TRUE(pick) << pick.error().message();
          EXPECT_TRUE(pick->token >= 0 && pick->token < 4);
          EXPECT_FALSE(std::isnan(pick->logprob));
        }
      }
    }
  }
}

class EvenOnly : public TokenMask {
 public:
  explicit EvenOnly(std::vector<std::int32_t>& accepted) : accepted_(accepted) {}
  void apply(std::span<float> logits) override {
    for (std::size_t i = 1; i < logits.size(); i += 2) logits[i] = -kInf;
  }
  void accept(std::int32_t token) override { accepted_.push_back(token); }

 private:
  std::vector<std::int32_t>& accepted_;
};

TEST(Sampler, MaskForbidsAndHearsWhatWasPicked) {
  std::vector<std::int32_t> accepted;
  SamplingParams params;
  params.logit_bias = {{1, 100.0F}};  // cannot bring back what the mask forbids
  Sampler sampler(params, {}, std::make_unique<EvenOnly>(accepted), 10);
  SamplerScratch scratch;
  std::vector<std::int32_t> picked;
  const std::vector<float> logits = {0, 9, 1, 9, 2};
  for (int i = 0; i < 50; ++i) {
    const auto pick = sampler.pick(logits, scratch);
    EXPECT_EQ(pick->token % 2, 0);
    EXPECT_EQ(pick->top.size(), 3U);
    picked.push_back(pick->token);
  }
  EXPECT_EQ(accepted, picked);
  EXPECT_EQ(logits[1], 9);  // the model's own logits are left alone
}

TEST(Sampler, LogprobsAreThoseBeforeFilters) {
  SamplingParams params;
  params.top_k = 1;
  params.temperature = 0.1F;
  SamplerScratch scratch;
  const std::vector<float> logits = {0.5F, 2, -1, 2, -kInf};
  const Probabilities p = softmax(std::vector<double>(logits.begin(), logits.end()));
  for (const std::int32_t n : {0, 1, 3, 10}) {
    Sampler sampler(params, {}, nullptr, n);
    const auto pick = sampler.pick(logits, scratch);
    EXPECT_EQ(pick->token, 1);
    EXPECT_NEAR(pick->logprob, std::log(p[1]), 1e-6);
    ASSERT_EQ(pick->top.size(), static_cast<std::size_t>(std::min(n, 4)));
    const std::vector<std::int32_t> order = {1, 3, 0, 2};
    for (std::size_t i = 0; i < pick->top.size(); ++i) {
      EXPECT_EQ(pick->top[i].token, order[i]);
      EXPECT_NEAR(pick->top[i].logprob, std::log(p[static_cast<std::size_t>(order[i])]), 1e-6);
    }
  }
}

}  // namespace
}  // namespace ondol::engine
