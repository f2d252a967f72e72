#include "app/divergence.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace ondol::app {
namespace {

TEST(Average, OfFourNumbers) {
  Average average;
  for (const double v : {-3.0, 1.0, 2.0, 4.0}) average.add(v);
  EXPECT_EQ(average.n(), 4);
  EXPECT_DOUBLE_EQ(average.mean(), 1.0);
  EXPECT_DOUBLE_EQ(average.max(), 4.0);
  // Sample variance 26 / 3, over 4.
  EXPECT_NEAR(average.standard_error(), std::sqrt(26.0 / 3 / 4), 1e-12);
}

TEST(Average, TheLargestMayBeNegative) {
  Average average;
  average.add(-2);
  average.add(-5);
  EXPECT_EQ(average.max(), -2);
}

// p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): KL = (1/2 - 1/4) log 2.
constexpr std::array<float, 3> kP = {0.69314718F, 0.0F, 0.0F};
constexpr std::array<float, 3> kQ = {5.0F, 5.69314718F, 5.0F};

TEST(KlDivergence, OfThreeTokens) {
  EXPECT_NEAR(kl_divergence(kP, kQ), 0.25 * std::log(2.0), 1e-7);
  EXPECT_EQ(kl_divergence(kQ, kQ), 0.0);
  std::array<float, 3> shifted = kP;
  for (float& v : shifted) v += 30;
  EXPECT_NEAR(kl_divergence(kP, shifted), 0.0, 1e-6);
}

TEST(KlDivergence, FarApartIsFinite) {
  const std::array<float, 2> a = {1000.0F, -1000.0F};
  const std::array<float, 2> b = {-1000.0F, 1000.0F};
  EXPECT_NEAR(kl_divergence(a, b), 2000.0, 1e-6);
}

TEST(Divergence, CountsEqualTops) {
  Divergence d;
  d.add(kP, kQ);
  d.add(kP, kP);
  EXPECT_DOUBLE_EQ(d.same_top_share(), 0.5);
  EXPECT_NEAR(d.kl.mean(), 0.125 * std::log(2.0), 1e-7);
  EXPECT_NEAR(d.kl.max(), 0.25 * std::log(2.0), 1e-7);
}

TEST(NegativeLogLikelihood, OfASoftmax) {
  EXPECT_NEAR(negative_log_likelihood(kP, 0), std::log(2.0), 1e-7);
  EXPECT_NEAR(negative_log_likelihood(kP, 2), std::log(4.0), 1e-7);
}

}  // namespace
}  // namespace ondol::app
