// Keys and values of a tile of tokens, and the two products of attention with
// them: scores = q . k, out += weights . v. Included once for each Highway target.
//
// The counts of queries and of registers that a loop takes together change no
// result: a sum's terms keep their order.
#if defined(ONDOL_ATTENTION_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ONDOL_ATTENTION_TILE_INL_H
#undef ONDOL_ATTENTION_TILE_INL_H
#else
#define ONDOL_ATTENTION_TILE_INL_H
#endif

#include <hwy/highway.h>

#include "device/cpu/attention.h"
#include "device/cpu/attention_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ondol::device::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
HWY_INLINE void prefetch_line(const void* at) { __builtin_prefetch(at); }

HWY_INLINE Vec load_f16(F32 d, const std::uint8_t* at) {
  const hn::Rebind<hwy::float16_t, F32> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(at)));
}

/// A tile in f32: where the cache holds it, or converted into scratch.
struct F32Tile {
  const float* k = nullptr;  // [d_head][k_stride], one lane a token
  std::int64_t k_stride = 0;
  const float* v = nullptr;  // [n_tokens][d_pad]
  std::int64_t d_pad = 0;

  HWY_INLINE Vec key(F32 d, std::int64_t e, std::int64_t token) const {
    return hn::LoadU(d, k + e * k_stride + token);
  }
  HWY_INLINE Vec value(F32 d, std::int64_t token, std::int64_t e) const {
    return hn::LoadU(d, v + token * d_pad + e);
  }
  HWY_INLINE void prefetch_keys(std::int64_t /*e*/) const {}
  HWY_INLINE void prefetch_values(std::int64_t /*token*/) const {}
};

/// A tile in f16 as the cache holds it, for so few queries that each element is
/// converted about once: memory is then what takes the time, so the tile after
/// it is fetched ahead, a line of keys for each dimension and two of values for
/// each token (of 64).
struct F16Tile {
  const std::uint8_t* k = nullptr;  // [d_head][k_stride] f16
  std::int64_t k_stride = 0;
  const std::uint8_t* v = nullptr;  // [n_tokens][d_pad] f16
  std::int64_t d_pad = 0;
  const std::uint8_t* next_k = nullptr;
  const std::uint8_t* next_v = nullptr;

  HWY_INLINE Vec key(F32 d, std::int64_t e, std::int64_t token) const {
    return load_f16(d, k + (e * k_stride + token) * 2);
  }
  HWY_INLINE Vec value(F32 d, std::int64_t token, std::int64_t e) const {
    return load_f16(d, v + (token * d_pad + e) * 2);
  }
  HWY_INLINE void prefetch_keys(std::int64_t e) const { prefetch_line(next_k + e * k_stride * 2); }
  HWY_INLINE void prefetch_values(std::int64_t token) const {
    for (std::int64_t i = 0; i < d_pad * 2; i += 64) {
      prefetch_line(next_v + token * d_pad * 2 + i);
    }
  }
};

HWY_INLINE Vec load_i8(F32 d, const std::uint8_t* at) {
  const hn::Rebind<std::int8_t, F32> d8;
  const hn::Rebind<std::int32_t, F32> d32;
  return hn::ConvertTo(d,
                       hn::PromoteTo(d32, hn::LoadU(d8, reinterpret_cast<const std::int8_t*>(at))));
}

/// One f16 to every lane.
HWY_INLINE Vec set_f16(F32 d, const std::uint8_t* at) {
  const hn::Rebind<std::uint16_t, F32> d_bits;
  const hn::Rebind<hwy::float16_t, F32> d16;
  std::uint16_t bits = 0;
  __builtin_memcpy(&bits, at, sizeof(bits));
  return hn::PromoteTo(d, hn::BitCast(d16, hn::Set(d_bits, bits)));
}

/// A tile in q8_0 as the cache holds it, for as few queries as F16Tile is for.
struct Q8Tile {
  const std::uint8_t* k = nullptr;         // [d_head][k_stride] i8
  const std::uint8_t* k_scales = nullptr;  // [d_head / 32][k_stride] f16
  std::int64_t k_stride = 0;
  const std::uint8_t* v = nullptr;         // [n_tokens][d_pad] i8
  const std::uint8_t* v_scales = nullptr;  // [n_tokens][n_scales] f16
  std::int64_t d_pad = 0;
  std::int64_t n_scales = 0;

  HWY_INLINE Vec key(F32 d, std::int64_t e, std::int64_t token) const {
    return hn::Mul(load_i8(d, k + e * k_stride + token),
                   load_f16(d, k_scales + (e / 32 * k_stride + token) * 2));
  }
  HWY_INLINE Vec value(F32 d, std::int64_t token, std::int64_t e) const {
    return hn::Mul(load_i8(d, v + token * d_pad + e),
                   set_f16(d, v_scales + (token * n_scales + e / 32) * 2));
  }
  HWY_INLINE void prefetch_keys(std::int64_t /*e*/) const {}
  HWY_INLINE void prefetch_values(std::int64_t /*token*/) const {}
};

/// n_rows rows of n values; row r is from + r * stride elements.
void convert_f16(const std::uint8_t* from, std::int64_t stride, std::int64_t n_rows, std::int64_t n,
                 float* to) {
  const F32 d;
  for (std::int64_t r = 0; r < n_rows; ++r) {
    for (std::int64_t i = 0; i < n; i += lanes()) {
      hn::StoreU(load_f16(d, from + (r * stride + i) * 2), d, to + r * n + i);
    }
  }
}

void convert_k_q8(const KvLayout& layout, const std::uint8_t* head, std::int64_t token,
                  std::int64_t n, float* to) {
  const F32 d;
  for (std::int64_t row = 0; row < layout.d_head; ++row) {
    const std::uint8_t* codes = head + row * layout.tokens_pad + token;
    const std::uint8_t* scales =
        head + layout.k_scales_at + (row / 32 * layout.tokens_pad + token) * 2;
    for (std::int64_t i = 0; i < n; i += lanes()) {
      hn::StoreU(hn::Mul(load_i8(d, codes + i), load_f16(d, scales + i * 2)), d, to + row * n + i);
    }
  }
}

void convert_v_q8(const KvLayout& layout, const std::uint8_t* head, std::int64_t token,
                  std::int64_t n_tokens, float* to) {
  const F32 d;
  const std::int64_t n_scales = layout.d_head / 32;
  for (std::int64_t t = 0; t < n_tokens; ++t) {
    const std::uint8_t* codes = head + layout.v_at + (token + t) * layout.d_pad;
    const std::uint8_t* scales = head + layout.v_scales_at + (token + t) * n_scales * 2;
    for (std::int64_t i = 0; i < layout.d_head; i += lanes()) {
      const Vec factor = set_f16(d, scales + i / 32 * 2);
      hn::StoreU(hn::Mul(load_i8(d, codes + i), factor), d, to + t * layout.d_pad + i);
    }
  }
}

F32Tile load_tile(const KvLayout& layout, const std::uint8_t* head, std::int64_t token,
                  std::int64_t tile_pad, std::int64_t n_tokens, float* scratch) {
  float* const k = scratch;
  float* const v = scratch + layout.d_head * kTileTokens;
  switch (layout.dtype) {
    case DType::kF32:
      return {reinterpret_cast<const float*>(head) + token, layout.tokens_pad,
              reinterpret_cast<const float*>(head + layout.v_at) + token * layout.d_pad,
              layout.d_pad};
    case DType::kF16:
      convert_f16(head + token * 2, layout.tokens_pad, layout.d_head, tile_pad, k);
      convert_f16(head + layout.v_at + token * layout.d_pad * 2, layout.d_pad, n_tokens,
                  layout.d_pad, v);
      break;
    default:
      convert_k_q8(layout, head, token, tile_pad, k);
      convert_v_q8(layout, head, token, n_tokens, v);
      break;
  }
  return {k, tile_pad, v, layout.d_pad};
}

/// scores[i][t] = query i . key t for kN queries, kV registers of tokens at once.
template <int kN, int kV, class Tile>
HWY_INLINE void score_tile(const float* const* queries, std::int64_t d_head, const Tile& tile,
                           std::int64_t tile_pad, float* const* scores) {
  const F32 d;
  const std::int64_t step = lanes();
  for (std::int64_t t = 0; t < tile_pad; t += kV * step) {
    Vec acc[kN][kV];
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kV; ++j) acc[i][j] = hn::Zero(d);
    }
    for (std::int64_t e = 0; e < d_head; ++e) {
      if (t == 0) tile.prefetch_keys(e);
      Vec k[kV];
      for (int j = 0; j < kV; ++j) k[j] = tile.key(d, e, t + j * step);
      for (int i = 0; i < kN; ++i) {
        const Vec q = hn::Set(d, queries[i][e]);
        for (int j = 0; j < kV; ++j) acc[i][j] = hn::MulAdd(q, k[j], acc[i][j]);
      }
    }
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kV; ++j) hn::StoreU(acc[i][j], d, scores[i] + t + j * step);
    }
  }
}

/// out[i] = out[i] * factor[i] + sum over t of weights[i][t] * v[t], kV registers of
/// dimensions at once.
template <int kN, int kV, class Tile>
HWY_INLINE void add_tile(float* const* weights, const float* factors, const Tile& tile,
                         std::int64_t n_tokens, std::int64_t d_pad, float* const* out) {
  const F32 d;
  const std::int64_t step = lanes();
  for (std::int64_t e = 0; e < d_pad; e += kV * step) {
    Vec acc[kN][kV];
    for (int i = 0; i < kN; ++i) {
      const Vec factor = hn::Set(d, factors[i]);
      for (int j = 0; j < kV; ++j) {
        acc[i][j] = hn::Mul(hn::LoadU(d, out[i] + e + j * step), factor);
      }
    }
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      if (e == 0) tile.prefetch_values(t);
      Vec v[kV];
      for (int j = 0; j < kV; ++j) v[j] = tile.value(d, t, e + j * step);
      for (int i = 0; i < kN; ++i) {
        const Vec w = hn::Set(d, weights[i][t]);
        for (int j = 0; j < kV; ++j) acc[i][j] = hn::MulAdd(w, v[j], acc[i][j]);
      }
    }
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kV; ++j) hn::StoreU(acc[i][j], d, out[i] + e + j * step);
    }
  }
}

// Eight sums at once keep two multiply-adds of a latency of four busy; the count of
// queries and registers together changes no result.
template <int kN, class Tile>
HWY_INLINE void score(const float* const* queries, std::int64_t d_head, const Tile& tile,
                      std::int64_t tile_pad, float* const* scores) {
  constexpr int kWide = kN <= 2 ? 4 : 2;
  if (tile_pad % (kWide * lanes()) == 0) {
    score_tile<kN, kWide>(queries, d_head, tile, tile_pad, scores);
  } else {
    score_tile<kN, 1>(queries, d_head, tile, tile_pad, scores);
  }
}

template <int kN, class Tile>
HWY_INLINE void add_values(float* const* weights, const float* factors, const Tile& tile,
                           std::int64_t n_tokens, std::int64_t d_pad, float* const* out) {
  constexpr int kWide = kN <= 2 ? 4 : 2;
  if (d_pad % (kWide * lanes()) == 0) {
    add_tile<kN, kWide>(weights, factors, tile, n_tokens, d_pad, out);
  } else {
    add_tile<kN, 1>(weights, factors, tile, n_tokens, d_pad, out);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace ondol::device::cpu
HWY_AFTER_NAMESPACE();

#endif
