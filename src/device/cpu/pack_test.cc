// Packing loses nothing: every code, scale and min of every dtype comes back.
#include "device/cpu/pack.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "device/cpu/packed_format.h"
#include "tensor/quantize.h"

namespace ondol::device::cpu {
namespace {

class Pack : public testing::TestWithParam<int> {};

/// Random bytes, but f16 fields kept finite so that values can be compared.
std::vector<std::byte> random_bytes(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 0xBBU);
  return bytes;
}

TEST_P(Pack, UnpackedRowsEqualTheDefinition) {
  const auto dtype = static_cast<DType>(GetParam());
  if (packed_format(dtype).base_bits == 0) {
    EXPECT_FALSE(is_quantized(dtype));
    return;
  }
  constexpr std::size_t kColumns = 768;
  constexpr int kRows = 29;  // the panel is not full
  const std::size_t row = *row_bytes(dtype, kColumns);
  const auto bytes = random_bytes(row * kRows, static_cast<std::uint32_t>(GetParam()));
  std::vector<std::uint8_t> panel(packed_format(dtype).panel_bytes(kColumns));
  pack_panel(dtype, bytes.data(), row, kRows, kColumns, panel.data());
  std::vector<float> got(kColumns);
  std::vector<float> want(kColumns);
  for (int r = 0; r < kPanelRows; ++r) {
    unpack_row(dtype, panel.data(), r, kColumns, got.data());
    if (r < kRows) {
      dequantize_row(dtype, bytes.data() + static_cast<std::size_t>(r) * row, want.data(),
                     kColumns);
    } else if (dtype != DType::kMXFP4) {  // whose least scale is not zero
      want.assign(kColumns, 0.0F);
    }
    float largest = 0.0F;
    for (const float v : want) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < kColumns; ++i) {
      if (r < kRows || dtype != DType::kMXFP4) {
        ASSERT_NEAR(got[i], want[i], 3e-7F * largest) << name(dtype) << " " << r << " " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, Pack, testing::Range(0, static_cast<int>(DType::kCount)),
                         [](const auto& param) {
                           return std::string(name(static_cast<DType>(param.param)));
                         });

}  // namespace
}  // namespace ondol::device::cpu
