// A row with a few channels far larger than the rest keeps what the rest says.
#include "device/cpu/refine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "device/test_support.h"

namespace ondol::device::cpu {
namespace {

using test::Floats;

constexpr std::int64_t kIn = 576;
constexpr std::int64_t kOut = 70;

Floats gaussian(std::int64_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats out(static_cast<std::size_t>(n));
  for (float& v : out) v = normal(random);
  return out;
}

Floats product(std::string_view device, std::string_view isa, const test::HostWeight& host,
               const Floats& x, std::int64_t n_rows) {
  DeviceOptions options;
  options.name = device;
  options.isa = isa;
  test::Workbench bench(options);
  const Weight& weight = bench.load(host, WeightUse::kMatrix);
  const Tensor out = bench.tensor(n_rows, kOut);
  const MatmulTarget target = {&weight, out};
  bench->matmul(bench.tensor(n_rows, kIn, x), {&target, 1});
  return bench.read(out);
}

// One int8 code a value would leave an error of about 1000 / 254 / sqrt(12) a
// value in two blocks: 9 on outputs whose other blocks add up to 24 or so.
TEST(Refine, MassiveActivationsDoNotDrownTheRest) {
  test::HostWeight host{DType::kQ8_0, kOut, kIn, {}};
  const Floats values = gaussian(kOut * kIn, 1);
  host.bytes.resize(*row_bytes(host.dtype, kIn) * kOut);
  quantize_row(host.dtype, values.data(), host.bytes.data(), values.size());
  constexpr std::int64_t kRows = 5;
  Floats x = gaussian(kRows * kIn, 2);
  for (std::int64_t row = 1; row < kRows; ++row) {
    x[static_cast<std::size_t>(row * kIn + 100)] = 1000;
    x[static_cast<std::size_t>(row * kIn + 400 + row)] = -700;
  }
  const Floats want = product("reference", "", host, x, kRows);
  for (const std::string_view isa : available_isas()) {
    const Floats got = product("cpu", isa, host, x, kRows);
    double worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
    }
    EXPECT_LT(worst, 1.0) << isa;
  }
}

TEST(Refine, TakesTheBlocksThatStandOutAndNoOthers) {
  const auto kernels = float_kernels(FloatLevel::kBaseline);
  constexpr std::int64_t kBlocks = 18;
  Floats values = gaussian(2 * kIn, 3);
  values[0] = 5000;  // would hide the next one in a mean that it is part of
  values[40] = 90;
  Floats scales(2 * kBlocks);
  std::vector<std::int8_t> codes(values.size());
  std::vector<std::int32_t> sums(4 * kBlocks);
  for (std::int64_t row = 0; row < 2; ++row) {
    kernels.quantize(&values[static_cast<std::size_t>(row * kIn)], kIn, &codes[row * kIn],
                     &scales[row * kBlocks], &sums[row * 2 * kBlocks]);
  }
  QuantizedRows x{codes.data(), scales.data(), sums.data(), kIn, {}};
  Refinements refinements;
  refinements.find(values.data(), 2, kernels, x);
  ASSERT_EQ(x.fine.first[1], 2);
  EXPECT_EQ(x.fine.blocks[0], 0);
  EXPECT_EQ(x.fine.blocks[1], 1);
  EXPECT_EQ(x.fine.first[2], 2);  // the second row is all alike
  for (std::int64_t c = 0; c < 64; ++c) {
    const std::int64_t i = c / 32;
    const float twice = scales[i] * static_cast<float>(codes[c]) +
                        x.fine.scales[i] * static_cast<float>(x.fine.codes[c]);
    EXPECT_NEAR(twice, values[static_cast<std::size_t>(c)], scales[i] / 250) << c;
  }
}

}  // namespace
}  // namespace ondol::device::cpu
