#include "tensor/fit.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ondol {
namespace {

/// Where the search looks, as multiples of the scale that just spans the values:
/// below 1 no code is lost at the ends, above 1 outliers are clipped for a finer
/// grid.
constexpr float kFirstFactor = 0.86F;
constexpr float kFactorStep = 0.03F;
constexpr int kFactors = 13;
constexpr int kIterations = 2;

/// Four floats that the compiler keeps in one register of any SIMD ISA (a GCC and
/// Clang extension): sums in four lanes are faster and more exact than one.
using Float4 = float __attribute__((vector_size(16)));

Float4 load(const float* p) {
  Float4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

double total(Float4 v) { return static_cast<double>(v[0]) + v[1] + v[2] + v[3]; }

/// round_code of four values.
Float4 round_codes(Float4 v, float lo, float hi) {
  const Float4 below = v < hi ? v : Float4{} + hi;
  const Float4 q = (below + kRoundEven) - kRoundEven;
  return q > lo ? q : Float4{} + lo;
}

struct SymmetricSums {
  double xq, qq;  // sums of w x q and w q q
};

SymmetricSums symmetric_sums(const float* x, const float* w, std::size_t n, float inverse, float lo,
                             float hi) {
  Float4 xq{};
  Float4 qq{};
  for (std::size_t i = 0; i < n; i += kFitLanes) {
    const Float4 xs = load(x + i);
    const Float4 q = round_codes(xs * inverse, lo, hi);
    const Float4 wq = load(w + i) * q;
    xq += wq * xs;
    qq += wq * q;
  }
  return {total(xq), total(qq)};
}

struct AffineSums {
  double q, qq, xq;  // sums of w q, w q q, w x q
};

AffineSums affine_sums(const float* x, const float* w, std::size_t n, float inverse, float min,
                       float hi) {
  Float4 q_sum{};
  Float4 qq{};
  Float4 xq{};
  for (std::size_t i = 0; i < n; i += kFitLanes) {
    const Float4 xs = load(x + i);
    const Float4 q = round_codes((xs - min) * inverse, 0.0F, hi);
    const Float4 wq = load(w + i) * q;
    q_sum += wq;
    qq += wq * q;
    xq += wq * xs;
  }
  return {total(q_sum), total(qq), total(xq)};
}

}  // namespace

float fit_scale(const float* x, const float* w, std::size_t n, float lo, float hi) noexcept {
  float extreme = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  if (extreme == 0.0F) return 0;

  // With its best d, a choice of codes leaves sum(w x x) - xq * xq / qq: the
  // larger that quotient, the better.
  float best = extreme / lo;
  double best_gain = 0;
  const auto consider = [&](float inverse) {
    const SymmetricSums sums = symmetric_sums(x, w, n, inverse, lo, hi);
    const double gain = sums.qq > 0 ? sums.xq * sums.xq / sums.qq : 0;
    if (!std::isfinite(gain) || gain <= best_gain) return;
    best_gain = gain;
    best = static_cast<float>(sums.xq / sums.qq);
  };
  for (int i = 0; i < kFactors; ++i) {
    consider(lo / extreme * (kFirstFactor + kFactorStep * static_cast<float>(i)));
  }
  for (int i = 0; i < kIterations && best != 0.0F; ++i) consider(1.0F / best);
  return best;
}

ScaleAndMin fit_scale_and_min(const float* x, const float* w, std::size_t n, float hi,
                              bool offset_down) noexcept {
  float min = x[0];
  float max = x[0];
  for (std::size_t i = 0; i < n; ++i) {
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
  }
  if (offset_down) min = std::min(min, 0.0F);
  if (!(max > min)) return {0, min};
  Float4 w_sums{};
  Float4 x_sums{};
  for (std::size_t i = 0; i < n; i += kFitLanes) {
    w_sums += load(w + i);
    x_sums += load(w + i) * load(x + i);
  }
  const double w_sum = total(w_sums);
  const double x_sum = total(x_sums);

  ScaleAndMin best{(max - min) / hi, min};
  double best_gain = -HUGE_VAL;
  // Solves the normal equations for d and m given the codes; `gain` is what they
  // take off sum(w x x).
  const auto consider = [&](float inverse, float offset) {
    const AffineSums s = affine_sums(x, w, n, inverse, offset, hi);
    const double determinant = s.qq * w_sum - s.q * s.q;
    if (!(determinant > 0)) return;
    double d = (s.xq * w_sum - s.q * x_sum) / determinant;
    double m = (s.qq * x_sum - s.q * s.xq) / determinant;
    if (offset_down && m > 0) {
      m = 0;
      d = s.xq / s.qq;
    }
    const double gain = d * (2 * s.xq - d * s.qq - 2 * m * s.q) + m * (2 * x_sum - m * w_sum);
    if (!std::isfinite(gain) || gain <= best_gain || d <= 0) return;
    best_gain = gain;
    best = {static_cast<float>(d), static_cast<float>(m)};
  };
  for (int i = 0; i < kFactors; ++i) {
    consider((kFirstFactor + kFactorStep * static_cast<float>(i)) * hi / (max - min), min);
  }
  for (int i = 0; i < kIterations; ++i) consider(1.0F / best.d, best.m);
  return best;
}

}  // namespace ondol
