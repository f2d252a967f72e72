// Encoders of the 32-element blocks.
#include <algorithm>
#include <cmath>

#include "tensor/quantize_blocks.h"

namespace ondol {

float store_f16(float value, F16Bytes& out) noexcept {
  constexpr float kF16Max = 65504.0F;
  const std::uint16_t bits = f32_to_f16(std::clamp(value, -kF16Max, kF16Max));
  out = {static_cast<std::uint8_t>(bits & 255), static_cast<std::uint8_t>(bits >> 8)};
  return f16_to_f32(bits);
}

// Also the KV cache's encoder, which every device must reproduce: quantize.h
// states it.
void encode(const float* x, BlockQ8_0& out) noexcept {
  float max = 0;
  for (std::size_t i = 0; i < kSmallBlock; ++i) max = std::max(max, std::abs(x[i]));
  const float d = store_f16(max / 127.0F, out.d);
  const float inverse = d == 0.0F ? 0.0F : 1.0F / d;
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    const float q = std::nearbyint(x[i] * inverse);
    // min first: a NaN becomes 127 instead of an undefined cast.
    out.qs[i] = static_cast<std::int8_t>(std::max(-127.0F, std::min(127.0F, q)));
  }
}

}  // namespace ondol
