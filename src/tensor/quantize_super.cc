// Encoders of the 256-element blocks: fit each sub-block on its own, round the
// fits to the block's common scale, choose codes for what was rounded, and solve
// once more for the common scale given those codes.
#include <algorithm>
#include <array>
#include <cmath>

#include "tensor/fit.h"
#include "tensor/quantize_blocks.h"

namespace ondol {
namespace {

using Codes = std::array<std::uint8_t, kSuperBlock>;

constexpr int kRefinements = 2;

// --- q4_k and q5_k: d * scale * q - dmin * min, 8 sub-blocks of 32 ---------------

constexpr std::size_t kSub = 32;
constexpr std::size_t kSubs = 8;
constexpr float kMaxSixBits = 63;

/// A block before its bits are packed.
struct AffineBlock {
  F16Bytes d, dmin;
  KScales scales;
  Codes q;
};

/// Chooses the codes for the stored scales; answers the weighted squared error.
double choose_codes(const float* x, const float* w, float hi, AffineBlock& block, float d,
                    float dmin) {
  double error = 0;
  for (std::size_t j = 0; j < kSubs; ++j) {
    const float scale = d * static_cast<float>(block.scales.scale[j]);
    const float min = dmin * static_cast<float>(block.scales.min[j]);
    const float inverse = inverse_or_zero(scale);
    float sub_error = 0;
    for (std::size_t i = j * kSub; i < (j + 1) * kSub; ++i) {
      const float q = round_code((x[i] + min) * inverse, 0, hi);
      const float off = scale * q - min - x[i];
      sub_error += w[i] * off * off;
      block.q[i] = static_cast<std::uint8_t>(q);
    }
    error += sub_error;
  }
  return error;
}

/// The d and dmin (both >= 0) that suit the scales and codes best.
ScaleAndMin solve_common(const float* x, const float* w, const AffineBlock& block) {
  // x ~ d * a - dmin * b with a = scale * q, b = min.
  double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
  for (std::size_t j = 0; j < kSubs; ++j) {
    double w_sum = 0, wq = 0, wqq = 0, wx = 0, wxq = 0;
    for (std::size_t i = j * kSub; i < (j + 1) * kSub; ++i) {
      const double q = block.q[i];
      w_sum += w[i];
      wq += w[i] * q;
      wqq += w[i] * q * q;
      wx += static_cast<double>(w[i]) * x[i];
      wxq += w[i] * q * x[i];
    }
    const double scale = block.scales.scale[j];
    const double min = block.scales.min[j];
    aa += scale * scale * wqq;
    ab += scale * min * wq;
    bb += min * min * w_sum;
    xa += scale * wxq;
    xb += min * wx;
  }
  const double determinant = aa * bb - ab * ab;
  if (determinant > 0) {
    const double d = (xa * bb - xb * ab) / determinant;
    const double dmin = (xa * ab - xb * aa) / determinant;
    if (d > 0 && dmin > 0) return {static_cast<float>(d), static_cast<float>(dmin)};
  }
  return {aa > 0 ? static_cast<float>(std::max(0.0, xa / aa)) : 0.0F, 0.0F};
}

std::uint8_t six_bits(float value, float inverse) {
  return static_cast<std::uint8_t>(round_code(value * inverse, 0, kMaxSixBits));
}

AffineBlock fit_affine_block(const float* x, const float* w, float hi) {
  std::array<ScaleAndMin, kSubs> fits;
  float max_d = 0;
  float max_m = 0;
  for (std::size_t j = 0; j < kSubs; ++j) {
    fits[j] = fit_scale_and_min(x + j * kSub, w + j * kSub, kSub, hi, true);
    max_d = std::max(max_d, fits[j].d);
    max_m = std::max(max_m, -fits[j].m);
  }
  AffineBlock best;
  const float d = store_f16(max_d / kMaxSixBits, best.d);
  const float dmin = store_f16(max_m / kMaxSixBits, best.dmin);
  for (std::size_t j = 0; j < kSubs; ++j) {
    best.scales.scale[j] = six_bits(fits[j].d, inverse_or_zero(d));
    best.scales.min[j] = six_bits(-fits[j].m, inverse_or_zero(dmin));
  }
  double best_error = choose_codes(x, w, hi, best, d, dmin);
  for (int i = 0; i < kRefinements; ++i) {
    AffineBlock next = best;
    const ScaleAndMin common = solve_common(x, w, best);
    const float next_d = store_f16(common.d, next.d);
    const float next_dmin = store_f16(common.m, next.dmin);
    const double error = choose_codes(x, w, hi, next, next_d, next_dmin);
    if (!(error < best_error)) break;
    best_error = error;
    best = next;
  }
  return best;
}

/// Low nibbles of codes: row r holds sub-block 2 r in the low halves.
void pack_nibbles(const Codes& q, std::uint8_t (&qs)[4][32]) {
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t l = 0; l < kSub; ++l) {
      const int low = q[2 * r * kSub + l] & 15;
      const int high = q[(2 * r + 1) * kSub + l] & 15;
      qs[r][l] = static_cast<std::uint8_t>(low | high << 4);
    }
  }
}

// --- q6_k: d * scale * (q - 32), 16 sub-blocks of 16 ------------------------------

constexpr std::size_t kSub6 = 16;
constexpr std::size_t kSubs6 = 16;
constexpr float kLow6 = -32;
constexpr float kHigh6 = 31;

/// As above; codes are stored with 32 added.
double choose_codes(const float* x, const float* w, const std::int8_t (&scales)[kSubs6], float d,
                    Codes& q) {
  double error = 0;
  for (std::size_t j = 0; j < kSubs6; ++j) {
    const float scale = d * static_cast<float>(scales[j]);
    const float inverse = inverse_or_zero(scale);
    float sub_error = 0;
    for (std::size_t i = j * kSub6; i < (j + 1) * kSub6; ++i) {
      const float code = round_code(x[i] * inverse, kLow6, kHigh6);
      const float off = scale * code - x[i];
      sub_error += w[i] * off * off;
      q[i] = static_cast<std::uint8_t>(static_cast<int>(code) + 32);
    }
    error += sub_error;
  }
  return error;
}

float solve_common(const float* x, const float* w, const std::int8_t (&scales)[kSubs6],
                   const Codes& q) {
  double xa = 0;
  double aa = 0;
  for (std::size_t i = 0; i < kSuperBlock; ++i) {
    const int scale = scales[i / kSub6];
    const double a = scale * (q[i] - 32);
    xa += w[i] * a * x[i];
    aa += w[i] * a * a;
  }
  return aa > 0 ? static_cast<float>(xa / aa) : 0.0F;
}

void pack_six_bits(const Codes& q, BlockQ6_K& out) {
  for (std::size_t h = 0; h < 2; ++h) {
    const std::uint8_t* half = q.data() + 128 * h;
    for (std::size_t l = 0; l < 64; ++l) {
      out.ql[h][l] = static_cast<std::uint8_t>((half[l] & 15) | (half[l + 64] & 15) << 4);
    }
    for (std::size_t l = 0; l < 32; ++l) {
      int bits = 0;
      for (std::size_t s = 0; s < 4; ++s) bits |= (half[32 * s + l] >> 4) << (2 * s);
      out.qh[h][l] = static_cast<std::uint8_t>(bits);
    }
  }
}

}  // namespace

void encode(const float* x, const float* w, BlockQ4_K& out) noexcept {
  const AffineBlock block = fit_affine_block(x, w, 15);
  out.d = block.d;
  out.dmin = block.dmin;
  pack_k_scales(block.scales, out.scales);
  pack_nibbles(block.q, out.qs);
}

void encode(const float* x, const float* w, BlockQ5_K& out) noexcept {
  const AffineBlock block = fit_affine_block(x, w, 31);
  out.d = block.d;
  out.dmin = block.dmin;
  pack_k_scales(block.scales, out.scales);
  pack_nibbles(block.q, out.qs);
  for (std::size_t l = 0; l < kSub; ++l) {
    int bits = 0;
    for (std::size_t j = 0; j < kSubs; ++j) bits |= (block.q[j * kSub + l] >> 4) << j;
    out.qh[l] = static_cast<std::uint8_t>(bits);
  }
}

void encode(const float* x, const float* w, BlockQ6_K& out) noexcept {
  std::array<float, kSubs6> fits;
  float extreme = 0;
  for (std::size_t j = 0; j < kSubs6; ++j) {
    fits[j] = fit_scale(x + j * kSub6, w + j * kSub6, kSub6, kLow6, kHigh6);
    if (std::abs(fits[j]) > std::abs(extreme)) extreme = fits[j];
  }
  // The largest goes to -128: the longer side.
  float d = store_f16(extreme / -128.0F, out.d);
  for (std::size_t j = 0; j < kSubs6; ++j) {
    out.scales[j] = static_cast<std::int8_t>(round_code(fits[j] * inverse_or_zero(d), -128, 127));
  }
  Codes q;
  double error = choose_codes(x, w, out.scales, d, q);
  for (int i = 0; i < kRefinements; ++i) {
    F16Bytes next_bytes;
    Codes next_q;
    const float next_d = store_f16(solve_common(x, w, out.scales, q), next_bytes);
    const double next_error = choose_codes(x, w, out.scales, next_d, next_q);
    if (!(next_error < error)) break;
    error = next_error;
    out.d = next_bytes;
    q = next_q;
  }
  pack_six_bits(q, out);
}

}  // namespace ondol
