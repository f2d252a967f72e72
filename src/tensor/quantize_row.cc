// The door to the encoders: f32 in, a row's bytes out.
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

template <class Block>
void encode_row(const float* values, std::byte* out, std::size_t n, std::size_t block_elements) {
  for (std::size_t i = 0; i < n; i += block_elements) {
    Block block;
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
      return encode_row<BlockQ8_0>(values, out, n, kSmallBlock);
    case DType::kQ4_0:
      return encode_row<BlockQ4_0>(values, out, n, kSmallBlock);
    case DType::kQ4_1:
      return encode_row<BlockQ4_1>(values, out, n, kSmallBlock);
    case DType::kQ5_0:
      return encode_row<BlockQ5_0>(values, out, n, kSmallBlock);
    case DType::kQ5_1:
      return encode_row<BlockQ5_1>(values, out, n, kSmallBlock);
    case DType::kQ4_K:
      return encode_row<BlockQ4_K>(values, out, n, kSuperBlock);
    case DType::kQ5_K:
      return encode_row<BlockQ5_K>(values, out, n, kSuperBlock);
    case DType::kQ6_K:
      return encode_row<BlockQ6_K>(values, out, n, kSuperBlock);
    default:
      ONDOL_CHECK(can_quantize(dtype));
  }
}

}  // namespace ondol
