// The door to the encoders: f32 in, a row's bytes out; and what an error counts.
//
// With importances w = importance * sqrt(mean square of the row + x^2): the
// inputs say how much of an error reaches the output, and large weights, which
// matter more than their share of the squared error, are held a little closer.
// Without, blocks of 32 count all errors alike and the super blocks use (root
// mean square of the sub-block + |x|).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "tensor/quantize.h"
#include "tensor/quantize_blocks.h"

namespace ondol {
namespace {

template <std::uint16_t (*convert)(float)>
void encode_halves(const float* values, std::byte* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint16_t bits = convert(values[i]);
    std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
  }
}

double mean_square(const float* x, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return n == 0 ? 0 : sum / static_cast<double>(n);
}

using Weights = std::array<float, kSuperBlock>;

void weigh_by_size(const float* x, std::size_t n, std::size_t sub_block, Weights& out) {
  for (std::size_t start = 0; start < n; start += sub_block) {
    const auto rms = static_cast<float>(std::sqrt(mean_square(x + start, sub_block)));
    for (std::size_t i = start; i < start + sub_block; ++i) out[i] = rms + std::abs(x[i]);
  }
}

void weigh_by_importance(const float* x, const float* importance, std::size_t n, float square,
                         Weights& out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = importance[i] * std::sqrt(square + x[i] * x[i]);
}

template <class Block, std::size_t kElements, std::size_t kSubBlock = 0>
void encode_row(const float* values, const float* importance, std::byte* out, std::size_t n) {
  const auto square = importance == nullptr ? 0.0F : static_cast<float>(mean_square(values, n));
  Weights weights;
  weights.fill(1.0F);
  for (std::size_t i = 0; i < n; i += kElements) {
    if (importance != nullptr) {
      weigh_by_importance(values + i, importance + i, kElements, square, weights);
    } else if constexpr (kSubBlock > 0) {
      weigh_by_size(values + i, kElements, kSubBlock, weights);
    }
    Block block;
    encode(values + i, weights.data(), block);
    std::memcpy(out, &block, sizeof block);
    out += sizeof block;
  }
}

void encode_q8_0_row(const float* values, std::byte* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kSmallBlock) {
    BlockQ8_0 block;
    encode(values + i, block);
    std::memcpy(out, &block, sizeof block);
    out += sizeof block;
  }
}

}  // namespace

bool can_quantize(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
      return true;
    default:
      return false;
  }
}

void quantize_row(DType dtype, const float* values, std::byte* out, std::size_t n) noexcept {
  quantize_row(dtype, values, nullptr, out, n);
}

void quantize_row(DType dtype, const float* values, const float* importance, std::byte* out,
                  std::size_t n) noexcept {
  ONDOL_CHECK(n % info(dtype).block_elements == 0);
  switch (dtype) {
    case DType::kF32:
      if (n != 0) std::memcpy(out, values, n * sizeof(float));
      return;
    case DType::kF16:
      return encode_halves<f32_to_f16>(values, out, n);
    case DType::kBF16:
      return encode_halves<f32_to_bf16>(values, out, n);
    case DType::kQ8_0:
      return encode_q8_0_row(values, out, n);
    case DType::kQ4_0:
      return encode_row<BlockQ4_0, kSmallBlock>(values, importance, out, n);
    case DType::kQ4_1:
      return encode_row<BlockQ4_1, kSmallBlock>(values, importance, out, n);
    case DType::kQ5_0:
      return encode_row<BlockQ5_0, kSmallBlock>(values, importance, out, n);
    case DType::kQ5_1:
      return encode_row<BlockQ5_1, kSmallBlock>(values, importance, out, n);
    case DType::kQ4_K:
      return encode_row<BlockQ4_K, kSuperBlock, 32>(values, importance, out, n);
    case DType::kQ5_K:
      return encode_row<BlockQ5_K, kSuperBlock, 32>(values, importance, out, n);
    case DType::kQ6_K:
      return encode_row<BlockQ6_K, kSuperBlock, 16>(values, importance, out, n);
    default:
      ONDOL_CHECK(can_quantize(dtype));
  }
}

}  // namespace ondol
