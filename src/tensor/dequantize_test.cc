#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tensor/quantize.h"

namespace ondol {
namespace {

std::vector<char> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

class Golden : public testing::TestWithParam<DType> {};

// The numbers come from an independent decoder (tests/golden/quant/generate.py).
TEST_P(Golden, DecodesBitForBit) {
  const DTypeInfo& dtype = info(GetParam());
  const std::vector<char> file = read_all("tests/golden/quant/" + std::string(dtype.name) + ".bin");
  const std::size_t bytes_a_block = dtype.block_bytes + dtype.block_elements * sizeof(float);
  ASSERT_GT(file.size(), 0U);
  ASSERT_EQ(file.size() % bytes_a_block, 0U);
  const std::size_t n_blocks = file.size() / bytes_a_block;
  const std::size_t n = n_blocks * dtype.block_elements;
  std::vector<float> want(n);
  std::memcpy(want.data(), file.data() + n_blocks * dtype.block_bytes, n * sizeof(float));

  // One byte off: blocks in a mapped file have no alignment.
  std::vector<std::byte> bytes(n_blocks * dtype.block_bytes + 1);
  std::memcpy(bytes.data() + 1, file.data(), bytes.size() - 1);
  std::vector<float> got(n);
  dequantize_row(GetParam(), bytes.data() + 1, got.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i]))
        << "element " << i << ": " << got[i] << " for " << want[i];
  }
}

// Whatever the bytes say, decoding ends and touches nothing else (asan looks on).
TEST_P(Golden, TakesAnyBytes) {
  const DTypeInfo& dtype = info(GetParam());
  std::vector<float> out(dtype.block_elements);
  for (int fill = 0; fill < 256; ++fill) {
    const std::vector<std::byte> bytes(dtype.block_bytes, static_cast<std::byte>(fill));
    dequantize_row(GetParam(), bytes.data(), out.data(), out.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, Golden,
                         testing::Values(DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                                         DType::kQ8_0, DType::kQ2_K, DType::kQ3_K, DType::kQ4_K,
                                         DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS,
                                         DType::kMXFP4),
                         [](const auto& param) { return std::string(name(param.param)); });

TEST(DequantizeRow, PassesFloatsThrough) {
  const float values[] = {1.5F, -0.0F, 3e-45F};
  float out[3];
  dequantize_row(DType::kF32, reinterpret_cast<const std::byte*>(values), out, 3);
  EXPECT_EQ(std::memcmp(values, out, sizeof out), 0);
  const std::uint16_t halves[] = {0x3C00, 0xC000, 0x0001};
  dequantize_row(DType::kF16, reinterpret_cast<const std::byte*>(halves), out, 3);
  EXPECT_EQ(out[0], 1.0F);
  EXPECT_EQ(out[1], -2.0F);
  EXPECT_EQ(out[2], 0x1p-24F);
  const std::uint16_t brains[] = {0x3F80, 0xC040};
  dequantize_row(DType::kBF16, reinterpret_cast<const std::byte*>(brains), out, 2);
  EXPECT_EQ(out[0], 1.0F);
  EXPECT_EQ(out[1], -3.0F);
}

TEST(Mxfp4, LargestExponentDoublesLikeTheRest) {
  std::byte block[17] = {std::byte{254}, std::byte{0x72}};  // codes 2 and 7: 1.0 and 6.0
  float out[32];
  dequantize_row(DType::kMXFP4, block, out, 32);
  EXPECT_EQ(out[0], 0x1p127F);
  EXPECT_TRUE(std::isinf(out[16]));
}

}  // namespace
}  // namespace ondol
