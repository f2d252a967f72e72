// A row with a few channels far larger than the rest keeps what the rest says.
#include "device/cpu/refine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

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

float load_f32(const std::uint8_t* at) {
  float v = 0;
  std::memcpy(&v, at, sizeof(v));
  return v;
}

int as_i8(std::uint8_t code) { return static_cast<std::int8_t>(code); }

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
  const auto& kernels = float_kernels(FloatLevel::kBaseline);
  constexpr std::int64_t kBlocks = 18;
  Floats values = gaussian(2 * kIn, 3);
  values[0] = 5000;  // would hide the next one in a mean that it is part of
  values[40] = 90;
  QuantizedRows x;
  x.n_rows = 2;
  x.n_cols = kIn;
  x.tile_rows = 2;
  std::vector<std::uint8_t> bytes(x.size_bytes());
  for (int row = 0; row < 2; ++row) {
    for (std::int64_t block = 0; block < kBlocks; ++block) {
      kernels.quantize(&values[static_cast<std::size_t>(row * kIn + block * kBlock)], 1, 2, row,
                       &bytes[x.record_at(0, block)]);
    }
  }
  x.bytes = bytes.data();
  Refinements refinements;
  refinements.find(values.data(), kernels, x);
  ASSERT_EQ(x.fine.first[1], 2);
  EXPECT_EQ(x.fine.blocks[0], 0);
  EXPECT_EQ(x.fine.blocks[1], 1);
  EXPECT_EQ(x.fine.first[2], 2);  // the second row is all alike
  for (std::size_t c = 0; c < 64; ++c) {
    const std::uint8_t* const coarse = &bytes[x.record_at(0, static_cast<std::int64_t>(c) / 32)];
    const std::uint8_t* const fine = x.fine.records + c / 32 * kRecordBytes;
    const std::size_t quad = c % 32 / 4;
    const float scale = load_f32(coarse + 2 * kScaleAt);
    const float twice = scale * static_cast<float>(as_i8(coarse[quad * 8 + c % 4])) +
                        load_f32(fine + kScaleAt) * static_cast<float>(as_i8(fine[c % 32]));
    EXPECT_NEAR(twice, values[c], scale / 250) << c;
  }
}

}  // namespace
}  // namespace ondol::device::cpu
