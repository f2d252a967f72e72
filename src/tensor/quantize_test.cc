#include "tensor/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace ondol {
namespace {

using Floats = std::vector<float>;

std::vector<std::byte> encoded(DType dtype, const Floats& values) {
  std::vector<std::byte> bytes(row_bytes(dtype, values.size()).value());
  quantize_row(dtype, values.data(), bytes.data(), values.size());
  return bytes;
}

Floats decoded(DType dtype, const std::vector<std::byte>& bytes, std::size_t n) {
  Floats out(n);
  dequantize_row(dtype, bytes.data(), out.data(), n);
  return out;
}

Floats round_trip(DType dtype, const Floats& values) {
  return decoded(dtype, encoded(dtype, values), values.size());
}

/// Root mean square of the error over that of the values.
double relative_error(const Floats& got, const Floats& want) {
  double errors = 0;
  double squares = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    errors += std::pow(static_cast<double>(got[i]) - want[i], 2);
    squares += std::pow(static_cast<double>(want[i]), 2);
  }
  return std::sqrt(errors / squares);
}

Floats normal(std::size_t n, float sigma) {
  std::mt19937 random(3);
  std::normal_distribution<float> distribution(0.0F, sigma);
  Floats out(n);
  for (float& v : out) v = distribution(random);
  return out;
}

struct Quality {
  DType dtype;
  double gaussian_error;  // the most that is allowed
};

class Encoder : public testing::TestWithParam<Quality> {};

TEST_P(Encoder, ErrsLittleOnNormalValues) {
  const Floats values = normal(1 << 16, 0.02F);
  const double error = relative_error(round_trip(GetParam().dtype, values), values);
  EXPECT_LE(error, GetParam().gaussian_error);
  // Better than possible would mean that the test measures something else.
  EXPECT_GE(error, 0.9 * GetParam().gaussian_error);
}

TEST_P(Encoder, ErrorsFollowTheScaleOfTheValues) {
  // A power of two changes no code as long as the f16 scales stay normal.
  const Floats values = normal(512, 1.0F);
  Floats large = values;
  for (float& v : large) v *= 64;
  Floats want = round_trip(GetParam().dtype, values);
  for (float& v : want) v *= 64;
  EXPECT_LE(relative_error(round_trip(GetParam().dtype, large), want), 2e-4);
}

TEST_P(Encoder, ZerosStayZeros) {
  for (const float v : round_trip(GetParam().dtype, Floats(256))) EXPECT_EQ(v, 0.0F);
}

TEST_P(Encoder, OneValueAlone) {
  for (const float outlier : {1.0F, -1.0F}) {
    Floats values(256);
    values[100] = outlier;
    const Floats got = round_trip(GetParam().dtype, values);
    EXPECT_NEAR(got[100], outlier, 0.01F);
    EXPECT_LE(relative_error(got, values), 0.01);
  }
}

TEST_P(Encoder, ConstantRows) {
  for (const float value : {0.37F, -0.37F}) {
    for (const float got : round_trip(GetParam().dtype, Floats(256, value))) {
      EXPECT_NEAR(got, value, 0.005F);
    }
  }
}

// What a decoder made can be encoded again without loss worth speaking of.
TEST_P(Encoder, ItsOwnOutputSurvives) {
  const Floats once = round_trip(GetParam().dtype, normal(2048, 0.02F));
  EXPECT_LE(relative_error(round_trip(GetParam().dtype, once), once),
            0.5 * GetParam().gaussian_error);
}

TEST_P(Encoder, ExtremeValuesSaturate) {
  for (const float size : {1e-38F, 1e-12F, 1e6F, 3e38F}) {
    for (const float v : round_trip(GetParam().dtype, normal(256, size / 8))) {
      EXPECT_TRUE(std::isfinite(v)) << size;
    }
  }
}

TEST_P(Encoder, BrokenValuesAreNoUndefinedBehaviour) {
  for (const float broken :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    Floats values = normal(256, 1.0F);
    values[0] = values[77] = broken;
    EXPECT_EQ(encoded(GetParam().dtype, values), encoded(GetParam().dtype, values));
  }
}

// The bounds of q4_0 to q8_0 are what the PyPI package gguf 0.19 reaches (0.0860,
// 0.0783, 0.0427, 0.0378, 0.00535 on a million values), less what a search gains.
INSTANTIATE_TEST_SUITE_P(
    DTypes, Encoder,
    testing::Values(Quality{DType::kQ8_0, 0.0054}, Quality{DType::kQ4_0, 0.082},
                    Quality{DType::kQ4_1, 0.0705}, Quality{DType::kQ5_0, 0.0405},
                    Quality{DType::kQ5_1, 0.0345}, Quality{DType::kQ4_K, 0.0722},
                    Quality{DType::kQ5_K, 0.0365}, Quality{DType::kQ6_K, 0.0174}),
    [](const auto& param) { return std::string(name(param.param.dtype)); });

Floats round_trip(DType dtype, const Floats& values, const Floats& importance) {
  std::vector<std::byte> bytes(row_bytes(dtype, values.size()).value());
  quantize_row(dtype, values.data(), importance.data(), bytes.data(), values.size());
  return decoded(dtype, bytes, values.size());
}

double weighted_error(const Floats& got, const Floats& want, const Floats& importance) {
  double sum = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    sum += importance[i] * std::pow(static_cast<double>(got[i]) - want[i], 2);
  }
  return sum;
}

class Searched : public testing::TestWithParam<DType> {};

// Inputs of language models differ by orders of magnitude from column to column.
TEST_P(Searched, ImportancesLowerTheErrorsThatCount) {
  const Floats values = normal(1 << 14, 0.02F);
  Floats importance = normal(1 << 14, 1.5F);
  for (float& v : importance) v = std::exp(v);
  const double plain = weighted_error(round_trip(GetParam(), values), values, importance);
  const double weighted =
      weighted_error(round_trip(GetParam(), values, importance), values, importance);
  EXPECT_LT(weighted, 0.93 * plain);
}

TEST_P(Searched, StrangeImportancesDoNoHarm) {
  const Floats values = normal(512, 0.02F);
  const double plain = relative_error(round_trip(GetParam(), values), values);
  for (const float same : {0.0F, 1e-30F, 1.0F, 1e30F}) {
    const Floats got = round_trip(GetParam(), values, Floats(512, same));
    EXPECT_LE(relative_error(got, values), 1.5 * plain) << same;
  }
  Floats one(512);
  one[7] = 1;  // nothing else counts
  const Floats got = round_trip(GetParam(), values, one);
  EXPECT_NEAR(got[7], values[7], 0.001F);
  for (const float v : got) EXPECT_TRUE(std::isfinite(v));
}

INSTANTIATE_TEST_SUITE_P(DTypes, Searched,
                         testing::Values(DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                                         DType::kQ4_K, DType::kQ5_K, DType::kQ6_K),
                         [](const auto& param) { return std::string(name(param.param)); });

TEST(QuantizeRow, Q8_0HasNoUseForImportances) {
  const Floats values = normal(256, 1.0F);
  EXPECT_EQ(round_trip(DType::kQ8_0, values, normal(256, 1.0F)), round_trip(DType::kQ8_0, values));
}

TEST(QuantizeRow, Q8_0IsFixedToTheBit) {
  Floats values(32);
  values[0] = 127 * 0.5F;  // d = 0.5 exactly
  values[1] = -63.5F;
  values[2] = 0.25F;  // half a step: to even, 0
  values[3] = 0.75F;  // one and a half: to even, 2
  values[4] = -0.75F;
  values[5] = 0.76F;
  const std::vector<std::byte> bytes = encoded(DType::kQ8_0, values);
  const auto code = [&](std::size_t i) {
    return static_cast<int>(static_cast<std::int8_t>(bytes[2 + i]));
  };
  EXPECT_EQ(bytes[0], std::byte{0x00});
  EXPECT_EQ(bytes[1], std::byte{0x38});
  EXPECT_EQ(code(0), 127);
  EXPECT_EQ(code(1), -127);
  EXPECT_EQ(code(2), 0);
  EXPECT_EQ(code(3), 2);
  EXPECT_EQ(code(4), -2);
  EXPECT_EQ(code(5), 2);
}

TEST(QuantizeRow, FloatTypesRoundToNearest) {
  const Floats values = {1.0F, -2.5F, 1.00390625F, 65519.0F};
  EXPECT_EQ(round_trip(DType::kF32, values), values);
  EXPECT_EQ(round_trip(DType::kF16, values), (Floats{1.0F, -2.5F, 1.00390625F, 65504.0F}));
  EXPECT_EQ(round_trip(DType::kBF16, values), (Floats{1.0F, -2.5F, 1.0F, 65536.0F}));
}

TEST(QuantizeRow, SaysWhatItCan) {
  int n = 0;
  for (int i = 0; i < static_cast<int>(DType::kCount); ++i) {
    n += can_quantize(static_cast<DType>(i)) ? 1 : 0;
  }
  EXPECT_EQ(n, 11);
  EXPECT_FALSE(can_quantize(DType::kQ2_K));
  EXPECT_FALSE(can_quantize(DType::kMXFP4));
}

}  // namespace
}  // namespace ondol
