// Decoders of the 256-element blocks: a float scale for the block, small
// integer scales for its sub-blocks.
#include "tensor/dequantize_blocks.h"

namespace ondol {
namespace {

/// Two-bit code of element 128 h + 32 s + l (q2_k and q3_k).
int two_bits(const std::uint8_t (&qs)[2][32], std::size_t h, std::size_t s, std::size_t l) {
  return qs[h][l] >> (2 * s) & 3;
}

/// Four-bit code of element 32 j + l (q4_k and q5_k).
int four_bits(const std::uint8_t (&qs)[4][32], std::size_t j, std::size_t l) {
  return qs[j / 2][l] >> (4 * (j % 2)) & 15;
}

}  // namespace

void decode(const BlockQ2_K& b, float* out) noexcept {
  const float d = f16(b.d);
  const float dmin = f16(b.dmin);
  for (std::size_t j = 0; j < 8; ++j) {  // runs of 32 elements: two sub-blocks each
    for (std::size_t l = 0; l < 32; ++l) {
      const std::uint8_t packed = b.scales[2 * j + l / 16];
      const float scale = d * static_cast<float>(packed & 15);
      const float min = dmin * static_cast<float>(packed >> 4);
      const int q = two_bits(b.qs, j / 4, j % 4, l);
      out[32 * j + l] = scale * static_cast<float>(q) - min;
    }
  }
}

void decode(const BlockQ3_K& b, float* out) noexcept {
  const float d = f16(b.d);
  const auto scales = unpack_q3_k_scales(b.scales);
  for (std::size_t j = 0; j < 8; ++j) {
    for (std::size_t l = 0; l < 32; ++l) {
      const float scale = d * static_cast<float>(scales[2 * j + l / 16]);
      const int high = b.hmask[l] >> j & 1;
      const int q = (two_bits(b.qs, j / 4, j % 4, l) | high << 2) - 4;
      out[32 * j + l] = scale * static_cast<float>(q);
    }
  }
}

void decode(const BlockQ4_K& b, float* out) noexcept {
  const float d = f16(b.d);
  const float dmin = f16(b.dmin);
  const KScales scales = unpack_k_scales(b.scales);
  for (std::size_t j = 0; j < 8; ++j) {
    const float scale = d * static_cast<float>(scales.scale[j]);
    const float min = dmin * static_cast<float>(scales.min[j]);
    for (std::size_t l = 0; l < 32; ++l) {
      out[32 * j + l] = scale * static_cast<float>(four_bits(b.qs, j, l)) - min;
    }
  }
}

void decode(const BlockQ5_K& b, float* out) noexcept {
  const float d = f16(b.d);
  const float dmin = f16(b.dmin);
  const KScales scales = unpack_k_scales(b.scales);
  for (std::size_t j = 0; j < 8; ++j) {
    const float scale = d * static_cast<float>(scales.scale[j]);
    const float min = dmin * static_cast<float>(scales.min[j]);
    for (std::size_t l = 0; l < 32; ++l) {
      const int q = four_bits(b.qs, j, l) | (b.qh[l] >> j & 1) << 4;
      out[32 * j + l] = scale * static_cast<float>(q) - min;
    }
  }
}

void decode(const BlockQ6_K& b, float* out) noexcept {
  const float d = f16(b.d);
  for (std::size_t j = 0; j < 8; ++j) {
    const std::size_t half = j / 4;
    const std::size_t quarter = j % 4;
    const std::size_t nibble = quarter / 2;
    for (std::size_t l = 0; l < 32; ++l) {
      const int code = b.scales[2 * j + l / 16];
      const float scale = d * static_cast<float>(code);
      const int low = b.ql[half][32 * (quarter % 2) + l] >> (4 * nibble) & 15;
      const int high = b.qh[half][l] >> (2 * quarter) & 3;
      out[32 * j + l] = scale * static_cast<float>((low | high << 4) - 32);
    }
  }
}

void decode(const BlockIQ4_XS& b, float* out) noexcept {
  const float d = f16(b.d);
  const std::uint16_t scales_h = load_u16(b.scales_h);
  for (std::size_t j = 0; j < 8; ++j) {
    const int low = b.scales_l[j / 2] >> (4 * (j % 2)) & 15;
    const int high = scales_h >> (2 * j) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (std::size_t l = 0; l < 16; ++l) {
      out[32 * j + l] = scale * static_cast<float>(kIQ4Values[b.qs[j][l] & 15]);
      out[32 * j + l + 16] = scale * static_cast<float>(kIQ4Values[b.qs[j][l] >> 4]);
    }
  }
}

}  // namespace ondol
