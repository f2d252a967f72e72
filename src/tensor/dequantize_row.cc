// The door to the decoders: a dtype, a row's bytes, f32 out.
#include <cstring>

#include "base/check.h"
#include "tensor/dequantize_blocks.h"

namespace ondol {
namespace {

template <class Block>
void decode_row(const std::byte* source, float* out, std::size_t n, std::size_t block_elements) {
  for (std::size_t i = 0; i < n; i += block_elements) {
    // Blocks are plain bytes (alignment 1): a copy reads them without aliasing.
    Block block;
    std::memcpy(&block, source, sizeof block);
    decode(block, out + i);
    source += sizeof block;
  }
}

template <float (*convert)(std::uint16_t)>
void decode_halves(const std::byte* source, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, source + i * sizeof bits, sizeof bits);
    out[i] = convert(bits);
  }
}

}  // namespace

void dequantize_row(DType dtype, const std::byte* source, float* out, std::size_t n) noexcept {
  ONDOL_CHECK(n % info(dtype).block_elements == 0);
  switch (dtype) {
    case DType::kF32:
      if (n != 0) std::memcpy(out, source, n * sizeof(float));
      return;
    case DType::kF16:
      return decode_halves<f16_to_f32>(source, out, n);
    case DType::kBF16:
      return decode_halves<bf16_to_f32>(source, out, n);
    case DType::kQ4_0:
      return decode_row<BlockQ4_0>(source, out, n, kSmallBlock);
    case DType::kQ4_1:
      return decode_row<BlockQ4_1>(source, out, n, kSmallBlock);
    case DType::kQ5_0:
      return decode_row<BlockQ5_0>(source, out, n, kSmallBlock);
    case DType::kQ5_1:
      return decode_row<BlockQ5_1>(source, out, n, kSmallBlock);
    case DType::kQ8_0:
      return decode_row<BlockQ8_0>(source, out, n, kSmallBlock);
    case DType::kQ2_K:
      return decode_row<BlockQ2_K>(source, out, n, kSuperBlock);
    case DType::kQ3_K:
      return decode_row<BlockQ3_K>(source, out, n, kSuperBlock);
    case DType::kQ4_K:
      return decode_row<BlockQ4_K>(source, out, n, kSuperBlock);
    case DType::kQ5_K:
      return decode_row<BlockQ5_K>(source, out, n, kSuperBlock);
    case DType::kQ6_K:
      return decode_row<BlockQ6_K>(source, out, n, kSuperBlock);
    case DType::kIQ4_NL:
      return decode_row<BlockIQ4_NL>(source, out, n, kSmallBlock);
    case DType::kIQ4_XS:
      return decode_row<BlockIQ4_XS>(source, out, n, kSuperBlock);
    case DType::kMXFP4:
      return decode_row<BlockMXFP4>(source, out, n, kSmallBlock);
    case DType::kCount:
      break;
  }
  ONDOL_CHECK(false);  // no dtype without a decoder
}

}  // namespace ondol
