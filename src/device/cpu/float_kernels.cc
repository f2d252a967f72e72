// 32-bit x86 extensions older than AVX2 are not worth their build time: such
// machines run the portable target.
#include "device/cpu/float_kernels.h"

#include <cstring>

#include "device/cpu/quantized_rows.h"
#include "tensor/quantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/float_kernels.cc"
#include "device/cpu/highway_targets.h"
//
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ondol::device::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::ScalableTag<float>;
using Vec = hn::Vec<F32>;

/// fn(first, n_lanes) for whole registers, then single elements.
/// Elementwise work only: the split does not change a result.
template <class Whole, class Single>
HWY_INLINE void for_each(std::int64_t n, const Whole& whole, const Single& single) {
  const auto step = static_cast<std::int64_t>(hn::Lanes(F32()));
  std::int64_t i = 0;
  for (; i + step <= n; i += step) whole(i);
  for (; i < n; ++i) single(i);
}

void rms_norm(const float* x, const float* weight, std::int64_t n, float eps, float offset,
              float* out) noexcept {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  Vec sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    for (int k = 0; k < 4; ++k) {
      const Vec v = hn::LoadU(d, x + i + k * step);
      sums[k] = hn::MulAdd(v, v, sums[k]);
    }
  }
  const Vec sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += x[i] * x[i];
  const float factor = 1.0F / __builtin_sqrtf(total / static_cast<float>(n) + eps);
  const Vec factors = hn::Set(d, factor);
  const Vec offsets = hn::Set(d, offset);
  for_each(
      n,
      [&](std::int64_t at) HWY_ATTR {
        const Vec w = hn::Add(offsets, hn::LoadU(d, weight + at));
        hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + at), factors), w), d, out + at);
      },
      [&](std::int64_t at) { out[at] = x[at] * factor * (offset + weight[at]); });
}

void rope(float* x, std::int64_t n_heads, std::int64_t d_head, const float* angles,
          std::int64_t n_pairs, RopeStyle style) noexcept {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const bool half = style == RopeStyle::kHalfSplit;
  for (std::int64_t head = 0; head < n_heads; ++head) {
    float* const at = x + head * d_head;
    std::int64_t i = 0;
    for (; i + step <= n_pairs; i += step) {
      Vec cos;
      Vec sin;
      Vec a;
      Vec b;
      hn::LoadInterleaved2(d, angles + 2 * i, cos, sin);
      if (half) {
        a = hn::LoadU(d, at + i);
        b = hn::LoadU(d, at + n_pairs + i);
      } else {
        hn::LoadInterleaved2(d, at + 2 * i, a, b);
      }
      const Vec first = hn::NegMulAdd(b, sin, hn::Mul(a, cos));
      const Vec second = hn::MulAdd(a, sin, hn::Mul(b, cos));
      if (half) {
        hn::StoreU(first, d, at + i);
        hn::StoreU(second, d, at + n_pairs + i);
      } else {
        hn::StoreInterleaved2(first, second, d, at + 2 * i);
      }
    }
    for (; i < n_pairs; ++i) {
      float* const first = half ? at + i : at + 2 * i;
      float* const second = half ? at + n_pairs + i : at + 2 * i + 1;
      const float a = *first;
      const float b = *second;
      *first = a * angles[2 * i] - b * angles[2 * i + 1];
      *second = a * angles[2 * i + 1] + b * angles[2 * i];
    }
  }
}

template <class D>
HWY_INLINE hn::Vec<D> activate(D d, hn::Vec<D> x, Activation act) {
  if (act == Activation::kSilu) {
    return hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Exp(d, hn::Neg(x))));
  }
  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel 2016)
  const auto cube = hn::Mul(hn::Mul(x, x), x);
  const auto inner =
      hn::Mul(hn::Set(d, 0.7978845608028654F), hn::MulAdd(hn::Set(d, 0.044715F), cube, x));
  return hn::Mul(hn::Mul(hn::Set(d, 0.5F), x), hn::Add(hn::Set(d, 1.0F), hn::Tanh(d, inner)));
}

using Single = hn::CappedTag<float, 1>;

void gated_act(const float* gate, const float* up, std::int64_t n, Activation act,
               float* out) noexcept {
  const F32 d;
  const Single one;
  for_each(
      n,
      [&](std::int64_t i) HWY_ATTR {
        const Vec a = activate(d, hn::LoadU(d, gate + i), act);
        hn::StoreU(hn::Mul(a, hn::LoadU(d, up + i)), d, out + i);
      },
      [&](std::int64_t i) HWY_ATTR {
        const auto a = activate(one, hn::LoadU(one, gate + i), act);
        hn::StoreU(hn::Mul(a, hn::LoadU(one, up + i)), one, out + i);
      });
}

void add(float* x, const float* y, std::int64_t n) noexcept {
  const F32 d;
  for_each(
      n,
      [&](std::int64_t i)
          HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, x + i); },
      [&](std::int64_t i) { x[i] += y[i]; });
}

void scale(float* x, float factor, std::int64_t n) noexcept {
  const F32 d;
  const Vec factors = hn::Set(d, factor);
  for_each(
      n,
      [&](std::int64_t i) HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(d, x + i), factors), d, x + i); },
      [&](std::int64_t i) { x[i] *= factor; });
}

void softcap(float* x, float cap, std::int64_t n) noexcept {
  const F32 d;
  const Single one;
  const auto capped = [cap](auto tag, float* at) HWY_ATTR {
    const auto limit = hn::Set(tag, cap);
    hn::StoreU(hn::Mul(limit, hn::Tanh(tag, hn::Div(hn::LoadU(tag, at), limit))), tag, at);
  };
  for_each(
      n, [&](std::int64_t i) HWY_ATTR { capped(d, x + i); },
      [&](std::int64_t i) HWY_ATTR { capped(one, x + i); });
}

/// Sums of 16 codes for QuantizedRows: of those at 0 and 1 and at 2 and 3 of each quad.
using Halves = std::int16_t[2];

/// n lanes of sums of codes that are n apart; n is a multiple of 4, or divides it.
/// Codes of values that are no finite numbers may be anything: sums wrap.
void fold_halves(const std::int32_t* lanes, std::int64_t n, Halves& halves) {
  std::uint32_t sums[2] = {0, 0};
  for (std::int64_t i = 0; i < n; ++i) sums[i % 4 / 2] += static_cast<std::uint32_t>(lanes[i]);
  halves[0] = static_cast<std::int16_t>(sums[0]);
  halves[1] = static_cast<std::int16_t>(sums[1]);
}

/// 32 codes of x; returns their scale.
float quantize_block(const float* x, std::int8_t* codes, Halves (&halves)[2]) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::int8_t, decltype(d)> d8;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  auto greatest = hn::Zero(d);
  auto poison = hn::Zero(d);  // 0 * x: NaN if x is no finite number
  for (std::int64_t i = 0; i < kBlock; i += step) {
    const auto v = hn::LoadU(d, x + i);
    greatest = hn::Max(greatest, hn::Abs(v));
    poison = hn::MulAdd(hn::Zero(d), v, poison);
  }
  const float peak = hn::GetLane(hn::MaxOfLanes(d, greatest));
  // A peak so small that its inverse overflows gives zeros.
  const auto factor = hn::Set(d, peak > 1e-35F ? 127.0F / peak : 0.0F);
  const auto lowest = hn::Set(di, -127);
  for (std::int64_t half = 0; half < 2; ++half) {
    HWY_ALIGN std::int32_t
        lanes[16];  // sums of codes: registers of fewer than four lanes go by turns
    auto sum = hn::Zero(di);
    for (std::int64_t i = half * 16; i < half * 16 + 16; i += step) {
      const auto code = hn::Max(hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), factor)), lowest);
      hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
      if (step >= 4) {
        sum = hn::Add(sum, code);
      } else {
        hn::StoreU(code, di, lanes + i % 16);
      }
    }
    if (step >= 4) hn::StoreU(sum, di, lanes);
    fold_halves(lanes, step >= 4 ? step : 16, halves[half]);
  }
  // What is broken must show in the outputs, as it does in float arithmetic.
  return peak / 127.0F + hn::GetLane(hn::SumOfLanes(d, poison));
}

void to_f16(const float* x, std::int64_t n, std::uint16_t* out) noexcept {
  std::int64_t i = 0;
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_ARCH_ARM_A64
  // Targets with an instruction for it; Highway's emulation leaves infinities out.
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> d16;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (; i + step <= n; i += step) {
    hn::StoreU(hn::DemoteTo(d16, hn::LoadU(d, x + i)), d16,
               reinterpret_cast<hwy::float16_t*>(out + i));
  }
#endif
  for (; i < n; ++i) out[i] = f32_to_f16(x[i]);
}

void quantize(const float* x, std::int64_t n_blocks, int tile_rows, int index,
              std::uint8_t* records) noexcept {
  const auto rows = static_cast<std::size_t>(tile_rows);
  std::uint8_t* to = records + static_cast<std::size_t>(index) * 4;
  for (std::int64_t block = 0; block < n_blocks; ++block, x += kBlock, to += kRecordBytes * rows) {
    alignas(32) std::int8_t codes[kBlock];
    Halves halves[2];
    const float scale = quantize_block(x, codes, halves);
    const int total = halves[0][0] + halves[0][1] + halves[1][0] + halves[1][1];
    const float sum = scale * static_cast<float>(total);
    for (std::size_t q = 0; q < kQuads; ++q) std::memcpy(to + q * rows * 4, codes + q * 4, 4);
    std::memcpy(to + kScaleAt * rows, &scale, 4);
    std::memcpy(to + kSumAt * rows, &sum, 4);
    std::memcpy(to + kHalvesAt * rows, halves[0], 4);
    std::memcpy(to + (kHalvesAt + 4) * rows, halves[1], 4);
    const Halves centre = {static_cast<std::int16_t>(-kCentreBias * (halves[0][0] + halves[1][0])),
                           static_cast<std::int16_t>(-kCentreBias * (halves[0][1] + halves[1][1]))};
    std::memcpy(to + kCentreAt * rows, centre, 4);
  }
}

HWY_INLINE Vec load_weights(F32 d, const float* at) { return hn::LoadU(d, at); }
HWY_INLINE Vec load_weights(F32 d, const hwy::float16_t* at) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, F32>(), at));
}
HWY_INLINE Vec load_weights(F32 d, const hwy::bfloat16_t* at) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::bfloat16_t, F32>(), at));
}

/// kW x kX outputs. One register accumulates each output over the columns, in
/// every tile shape, so that an output does not depend on its tile.
template <int kW, int kX, class T>
HWY_INLINE void float_tile(const T* w, std::int64_t n_cols, const float* x, float* out,
                           std::int64_t out_stride) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  Vec acc[kW][kX];
  for (int i = 0; i < kW; ++i) {
    for (int j = 0; j < kX; ++j) acc[i][j] = hn::Zero(d);
  }
  const auto accumulate = [&](const T* w_at, std::int64_t w_stride, const float* x_at,
                              std::int64_t x_stride) HWY_ATTR {
    Vec xs[kX];
    for (int j = 0; j < kX; ++j) xs[j] = hn::LoadU(d, x_at + j * x_stride);
    for (int i = 0; i < kW; ++i) {
      const Vec weights = load_weights(d, w_at + i * w_stride);
      for (int j = 0; j < kX; ++j) acc[i][j] = hn::MulAdd(weights, xs[j], acc[i][j]);
    }
  };
  std::int64_t col = 0;
  for (; col + step <= n_cols; col += step) accumulate(w + col, n_cols, x + col, n_cols);
  if (col < n_cols) {
    // The rest of the rows, padded with zeros.
    constexpr std::size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);
    T w_rest[kW * kMaxLanes] = {};
    float x_rest[kX * kMaxLanes] = {};
    const auto rest = static_cast<std::size_t>(n_cols - col);
    for (std::size_t i = 0; i < kW; ++i) {
      std::memcpy(w_rest + i * kMaxLanes, w + static_cast<std::int64_t>(i) * n_cols + col,
                  rest * sizeof(T));
    }
    for (std::size_t j = 0; j < kX; ++j) {
      std::memcpy(x_rest + j * kMaxLanes, x + static_cast<std::int64_t>(j) * n_cols + col,
                  rest * sizeof(float));
    }
    accumulate(w_rest, kMaxLanes, x_rest, kMaxLanes);
  }
  for (int i = 0; i < kW; ++i) {
    for (int j = 0; j < kX; ++j) {
      out[j * out_stride + i] = hn::GetLane(hn::SumOfLanes(d, acc[i][j]));
    }
  }
}

template <int kW, class T>
void float_rows(const T* w, std::int64_t n_cols, const float* x, std::int64_t n_x, float* out,
                std::int64_t out_stride) {
  std::int64_t t = 0;
  for (; t + 3 <= n_x; t += 3) {
    float_tile<kW, 3>(w, n_cols, x + t * n_cols, out + t * out_stride, out_stride);
  }
  for (; t < n_x; ++t) {
    float_tile<kW, 1>(w, n_cols, x + t * n_cols, out + t * out_stride, out_stride);
  }
}

template <class T>
void float_matmul(const void* weights, std::int64_t n_w, std::int64_t n_cols, const float* x,
                  std::int64_t n_x, float* out, std::int64_t out_stride) {
  const T* w = static_cast<const T*>(weights);
  std::int64_t r = 0;
  for (; r + 4 <= n_w; r += 4) {
    float_rows<4>(w + r * n_cols, n_cols, x, n_x, out + r, out_stride);
  }
  for (; r < n_w; ++r) float_rows<1>(w + r * n_cols, n_cols, x, n_x, out + r, out_stride);
}

void matmul(DType dtype, const void* w, std::int64_t n_w, std::int64_t n_cols, const float* x,
            std::int64_t n_x, float* out, std::int64_t out_stride) noexcept {
  if (dtype == DType::kF32) return float_matmul<float>(w, n_w, n_cols, x, n_x, out, out_stride);
  if (dtype == DType::kF16) {
    return float_matmul<hwy::float16_t>(w, n_w, n_cols, x, n_x, out, out_stride);
  }
  float_matmul<hwy::bfloat16_t>(w, n_w, n_cols, x, n_x, out, out_stride);
}

}  // namespace

const FloatKernels& table() {
  static constexpr FloatKernels kTable = {rms_norm, rope,     gated_act, add,   scale,
                                          softcap,  quantize, to_f16,    matmul};
  return kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace ondol::device::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ondol::device::cpu {

HWY_EXPORT(table);

std::int64_t highway_targets(FloatLevel level) {
  const std::int64_t here = hwy::SupportedTargets();
  switch (level) {
    case FloatLevel::kBaseline:
      return HWY_STATIC_TARGET;
#if HWY_ARCH_X86
    case FloatLevel::kAvx2:
      return (here & HWY_AVX2) | HWY_STATIC_TARGET;
    case FloatLevel::kAvx512:
      return (here & (HWY_AVX2 | HWY_AVX3)) | HWY_STATIC_TARGET;
#endif
    default:
      return here;
  }
}

const FloatKernels& float_kernels(FloatLevel level) {
  hwy::ChosenTarget target;
  target.Update(highway_targets(level));
  return HWY_DISPATCH_TABLE(table)[target.GetIndex()]();
}

}  // namespace ondol::device::cpu
#endif
