// Decoders of the 32-element blocks. The order of the float operations is that
// of the formula beside each struct in blocks.h, one rounding each.
#include "tensor/dequantize_blocks.h"

namespace ondol {
namespace {

constexpr std::size_t kHalf = kSmallBlock / 2;

/// out[i] = value(q) for the 4-bit codes of a block.
template <class Value>
void decode_nibbles(const std::uint8_t* qs, float* out, Value value) {
  for (std::size_t i = 0; i < kHalf; ++i) {
    out[i] = value(qs[i] & 15);
    out[i + kHalf] = value(qs[i] >> 4);
  }
}

/// The same with a fifth bit from qh.
template <class Value>
void decode_5_bits(const std::uint8_t* qs, const std::uint8_t* qh, float* out, Value value) {
  const std::uint32_t high = load_u32(qh);
  for (std::size_t i = 0; i < kHalf; ++i) {
    out[i] = value((qs[i] & 15) | static_cast<int>(high >> i & 1U) << 4);
    out[i + kHalf] = value((qs[i] >> 4) | static_cast<int>(high >> (i + kHalf) & 1U) << 4);
  }
}

}  // namespace

void decode(const BlockQ4_0& b, float* out) noexcept {
  const float d = f16(b.d);
  decode_nibbles(b.qs, out, [d](int q) { return d * static_cast<float>(q - 8); });
}

void decode(const BlockQ4_1& b, float* out) noexcept {
  const float d = f16(b.d);
  const float m = f16(b.m);
  decode_nibbles(b.qs, out, [d, m](int q) { return d * static_cast<float>(q) + m; });
}

void decode(const BlockQ5_0& b, float* out) noexcept {
  const float d = f16(b.d);
  decode_5_bits(b.qs, b.qh, out, [d](int q) { return d * static_cast<float>(q - 16); });
}

void decode(const BlockQ5_1& b, float* out) noexcept {
  const float d = f16(b.d);
  const float m = f16(b.m);
  decode_5_bits(b.qs, b.qh, out, [d, m](int q) { return d * static_cast<float>(q) + m; });
}

void decode(const BlockQ8_0& b, float* out) noexcept {
  const float d = f16(b.d);
  for (std::size_t i = 0; i < kSmallBlock; ++i) out[i] = d * static_cast<float>(b.qs[i]);
}

void decode(const BlockIQ4_NL& b, float* out) noexcept {
  const float d = f16(b.d);
  decode_nibbles(b.qs, out, [d](int q) { return d * static_cast<float>(kIQ4Values[q]); });
}

void decode(const BlockMXFP4& b, float* out) noexcept {
  const float d = mxfp4_half_scale(b.e);
  decode_nibbles(b.qs, out, [d](int q) { return d * static_cast<float>(kMXFP4Values[q]); });
}

}  // namespace ondol
