// IEEE 754 binary16 and bfloat16, by bits: the same on every machine and
// rounding mode.
#include <bit>
#include <cstdint>

#include "tensor/quantize.h"

namespace ondol {
namespace {

constexpr std::uint32_t kF32Infinity = 0x7F800000U;

/// value >> shift, to nearest, ties to even. REQUIRES: 1 <= shift <= 31.
constexpr std::uint32_t shift_right_rounded(std::uint32_t value, std::uint32_t shift) {
  const std::uint32_t quotient = value >> shift;
  const std::uint32_t rest = value & ((1U << shift) - 1);
  const std::uint32_t half = 1U << (shift - 1);
  const bool up = rest > half || (rest == half && (quotient & 1U) != 0);
  return quotient + (up ? 1U : 0U);
}

}  // namespace

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = bits >> 10 & 31U;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 31) return std::bit_cast<float>(sign | kF32Infinity | mantissa << 13);
  if (exponent == 0) {
    // Zero and subnormals: mantissa * 2^-24, exact in f32.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > kF32Infinity) return sign | 0x7E00U;  // a quiet NaN
  if (magnitude >= 0x47800000U) return sign | 0x7C00U;  // 2^16 and above
  if (magnitude >= 0x38800000U) {  // 2^-14 and above: normal, may round up into infinity
    return static_cast<std::uint16_t>(sign | shift_right_rounded(magnitude - 0x38000000U, 13));
  }
  if (magnitude < 0x33000000U) return sign;  // below half of the least subnormal
  const std::uint32_t exponent = magnitude >> 23;
  const std::uint32_t mantissa = (magnitude & 0x7FFFFFU) | 0x800000U;
  return static_cast<std::uint16_t>(sign | shift_right_rounded(mantissa, 126 - exponent));
}

float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  // The quiet bit keeps a NaN whose payload lies in the lost half.
  if (magnitude > kF32Infinity) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>(shift_right_rounded(bits, 16));
}

}  // namespace ondol
