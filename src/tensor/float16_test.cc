#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "tensor/quantize.h"

namespace ondol {
namespace {

TEST(F16, EveryValueRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if ((bits & 0x7FFF) > 0x7C00) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      ASSERT_EQ(f32_to_f16(value), half);
    }
  }
}

// The definition of rounding, by search: no other half is nearer, and of two
// that are equally near the even one is taken.
TEST(F16, RoundsToNearestEven) {
  std::mt19937 random(7);
  for (int i = 0; i < 200000; ++i) {
    // Exponents 2^-27 .. 2^15: subnormal halves and all normal ones.
    const auto exponent = static_cast<std::uint32_t>(100 + random() % 43);
    const auto mantissa = static_cast<std::uint32_t>(random() & 0x7FFFFF);
    const float value = std::bit_cast<float>(exponent << 23 | mantissa);
    const std::uint16_t got = f32_to_f16(value);
    if (got >= 0x7BFF) continue;  // at the brink of infinity: below
    const double here = std::abs(static_cast<double>(f16_to_f32(got)) - value);
    const auto above = static_cast<std::uint16_t>(got + 1);
    const double up = std::abs(static_cast<double>(f16_to_f32(above)) - value);
    ASSERT_TRUE(here < up || (here == up && got % 2 == 0)) << value;
    if (got == 0) continue;
    const auto below = static_cast<std::uint16_t>(got - 1);
    const double down = std::abs(static_cast<double>(f16_to_f32(below)) - value);
    ASSERT_TRUE(here < down || (here == down && got % 2 == 0)) << value;
  }
}

TEST(F16, Limits) {
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
  EXPECT_EQ(f32_to_f16(-1e30F), 0xFC00);
  EXPECT_EQ(f32_to_f16(0x1p-25F), 0x0000);  // a tie: to even
  EXPECT_EQ(f32_to_f16(0x1.000002p-25F), 0x0001);
  EXPECT_EQ(f32_to_f16(-0.0F), 0x8000);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::infinity()), 0x7C00);
}

TEST(Bf16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(f32_to_bf16(1.0F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie, even below
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // tie, even above
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

}  // namespace
}  // namespace ondol
