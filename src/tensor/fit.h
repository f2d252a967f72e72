// Least-squares fits behind the encoders: which scale (and offset) lets small
// integer codes describe some values best.
//
// Given codes, the best scale is linear least squares; given a scale, the best
// code of each value is the nearest. Neither step alone finds the optimum, as the
// error has many local minima, so a handful of scales around the obvious one are
// tried, each with its codes and then its own best scale, and the winner is
// iterated. Pure functions, deterministic; non-finite values give some finite or
// NaN scale, never undefined behaviour.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ondol {

/// The number of values that are fitted at once is a multiple of this.
inline constexpr std::size_t kFitLanes = 4;

/// (v + kRoundEven) - kRoundEven is the integer nearest to v, ties to even, for
/// |v| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Beyond, it stays
/// large. (Compilers make vectors of this on any ISA, of nearbyint only on some.)
inline constexpr float kRoundEven = 12582912.0F;

/// v rounded to an integer in [lo, hi]; hi for a NaN.
inline float round_code(float v, float lo, float hi) {
  const float q = ((v < hi ? v : hi) + kRoundEven) - kRoundEven;
  return q > lo ? q : lo;
}

/// d such that the sum of w * (x - d * q)^2, q = round_code(x / d, lo, hi), is
/// small; 0 if all x are. lo < 0; d may be negative, as the value furthest from
/// zero is laid on the longer side of [lo, hi].
float fit_scale(const float* x, const float* w, std::size_t n, float lo, float hi) noexcept;

struct ScaleAndMin {
  float d = 0;
  float m = 0;
};

/// The same for x ~ d * q + m with q in [0, hi]. With `offset_down`, m <= 0.
ScaleAndMin fit_scale_and_min(const float* x, const float* w, std::size_t n, float hi,
                              bool offset_down) noexcept;

}  // namespace ondol
