// Encoders of the 32-element blocks. All but q8_0 minimise the weighted sum of
// squared errors (fit.h); codes are chosen for the scale as it was stored in f16.
#include <algorithm>
#include <array>
#include <cmath>

#include "tensor/fit.h"
#include "tensor/quantize_blocks.h"

namespace ondol {
namespace {

using Codes = std::array<std::uint8_t, kSmallBlock>;

/// d and codes for x ~ d * (q - half), q in [0, 2 half).
Codes fit_symmetric(const float* x, const float* w, int half, F16Bytes& d_out) {
  const auto lo = static_cast<float>(-half);
  const float hi = -lo - 1;
  const float d = store_f16(fit_scale(x, w, kSmallBlock, lo, hi), d_out);
  const float inverse = inverse_or_zero(d);
  Codes q;
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    q[i] = static_cast<std::uint8_t>(static_cast<int>(round_code(x[i] * inverse, lo, hi)) + half);
  }
  return q;
}

/// d, m and codes for x ~ d * q + m, q in [0, max].
Codes fit_affine(const float* x, const float* w, int max, F16Bytes& d_out, F16Bytes& m_out) {
  const auto hi = static_cast<float>(max);
  const ScaleAndMin fit = fit_scale_and_min(x, w, kSmallBlock, hi, false);
  const float d = store_f16(fit.d, d_out);
  const float m = store_f16(fit.m, m_out);
  const float inverse = inverse_or_zero(d);
  Codes q;
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    q[i] = static_cast<std::uint8_t>(round_code((x[i] - m) * inverse, 0, hi));
  }
  return q;
}

void pack_nibbles(const Codes& q, std::uint8_t (&qs)[16]) {
  for (std::size_t i = 0; i < 16; ++i) {
    qs[i] = static_cast<std::uint8_t>((q[i] & 15) | (q[i + 16] & 15) << 4);
  }
}

void pack_fifth_bits(const Codes& q, std::uint8_t (&qh)[4]) {
  std::fill(std::begin(qh), std::end(qh), std::uint8_t{0});
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    qh[i / 8] = static_cast<std::uint8_t>(qh[i / 8] | (q[i] >> 4) << (i % 8));
  }
}

}  // namespace

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
  const float inverse = inverse_or_zero(store_f16(max / 127.0F, out.d));
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    out.qs[i] = static_cast<std::int8_t>(round_code(x[i] * inverse, -127, 127));
  }
}

void encode(const float* x, const float* w, BlockQ4_0& out) noexcept {
  pack_nibbles(fit_symmetric(x, w, 8, out.d), out.qs);
}

void encode(const float* x, const float* w, BlockQ4_1& out) noexcept {
  pack_nibbles(fit_affine(x, w, 15, out.d, out.m), out.qs);
}

void encode(const float* x, const float* w, BlockQ5_0& out) noexcept {
  const Codes q = fit_symmetric(x, w, 16, out.d);
  pack_nibbles(q, out.qs);
  pack_fifth_bits(q, out.qh);
}

void encode(const float* x, const float* w, BlockQ5_1& out) noexcept {
  const Codes q = fit_affine(x, w, 31, out.d, out.m);
  pack_nibbles(q, out.qs);
  pack_fifth_bits(q, out.qh);
}

}  // namespace ondol
