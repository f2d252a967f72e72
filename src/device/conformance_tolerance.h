// How far a device may be from reference/, operation by operation: the only
// place with such numbers. Each states where the permitted difference comes
// from; a bound is an absolute distance, computed from the operands.
#pragma once

#include <cmath>

#include "tensor/dtype.h"

namespace ondol::device::tolerance {

/// Sums of n products in f32, in any order and with or without fused multiply-
/// add: the error is at most n * 2^-24 * |x||w|, in practice about
/// sqrt(n / lanes) * 2^-24. 1e-6 has room for n in the thousands.
inline constexpr float kFloatSum = 1e-6F;

// --- matmul -------------------------------------------------------------------

/// Whether a device may round activations to int8 for weights of this dtype.
inline bool int8_activations(DType dtype) { return is_quantized(dtype); }

/// Rounding x to int8 with scale max|x| / 127 (of the row, or of any shorter
/// block, which only makes it finer) errs by at most half a step per element,
/// uniformly: standard deviation max|x| / 127 / sqrt(12). The errors are
/// independent, so the product errs by that times |w|, normally distributed.
inline float int8_sigma(float max_abs_x, float norm_w) {
  return max_abs_x / 127.0F / std::sqrt(12.0F) * norm_w;
}

/// No output may be further off than six of these; over two million outputs of
/// a normal distribution that is exceeded once in 250 runs if a device scales by
/// the row, never in practice if by blocks of 32, whose maxima are smaller.
inline constexpr float kInt8Sigmas = 6.0F;

/// Taken over all shapes of a dtype, the root mean square of error / sigma may not
/// exceed this. It is 1 for row scales and about 0.6 for blocks of 32. A missed
/// block of 32 in a row of 576 makes it 15, a wrong sub-block scale or swapped
/// nibbles more.
inline constexpr double kInt8Rms = 1.1;

// --- the rest -------------------------------------------------------------------

/// Decoding a weight with other roundings (fused, or scale first): relative to
/// the row's largest element, as q * d - m can cancel.
inline constexpr float kEmbed = 1e-6F;

/// A sum of squares, one reciprocal root, two products: relative to the result.
inline constexpr float kNorm = 3e-6F;

/// cos and sin by polynomials of about 2^-23, the angle itself being exact
/// (position * inv_freq rounded once to f32): relative to the magnitude.
inline constexpr float kAngles = 4e-7F;

/// Two products and a sum: relative to |a| + |b| of the pair, times magnitude.
inline constexpr float kRope = 3e-7F;

/// A score errs by kFloatSum * |q||k| * scale, which the exponential turns into
/// the same relative error of a weight; the suite's scores stay within +-20. An
/// exponential of 2^-22 and f32 sums of the values come on top. Relative to the
/// largest |v|. It holds for every cache dtype: the encoders are fixed to the bit.
inline constexpr float kAttention = 1e-5F;

/// silu and gelu: relative to the result, plus a part of |gate * up| because
/// 1 + tanh cancels for negative arguments.
inline constexpr float kActRelative = 3e-6F;
inline constexpr float kActAbsolute = 3e-7F;

/// cap * tanh(x / cap): relative to the result.
inline constexpr float kSoftcap = 3e-6F;

// add, add_bias, scale, gather_rows, f32 embed: exactly the same bits.

}  // namespace ondol::device::tolerance
