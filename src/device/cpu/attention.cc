#include "device/cpu/attention.h"

#include <cmath>
#include <limits>

#include "tensor/quantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/attention.cc"
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
// 16 lanes at most: the padding of the cache is a multiple of every register.
using F32 = hn::CappedTag<float, 16>;
using Vec = hn::Vec<F32>;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(F32())); }

/// A tile in f32: where the cache holds it, or converted into scratch.
struct Tile {
  const float* k = nullptr;  // [d_head][k_stride], one lane a token
  std::int64_t k_stride = 0;
  const float* v = nullptr;  // [n_tokens][d_pad]
};

HWY_INLINE Vec load_f16(F32 d, const std::uint8_t* at) {
  const hn::Rebind<hwy::float16_t, F32> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(at)));
}

HWY_INLINE Vec load_i8(F32 d, const std::uint8_t* at) {
  const hn::Rebind<std::int8_t, F32> d8;
  const hn::Rebind<std::int32_t, F32> d32;
  return hn::ConvertTo(d,
                       hn::PromoteTo(d32, hn::LoadU(d8, reinterpret_cast<const std::int8_t*>(at))));
}

float f16_at(const std::uint8_t* at) {
  std::uint16_t bits = 0;
  __builtin_memcpy(&bits, at, sizeof(bits));
  return f16_to_f32(bits);
}

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
      const Vec factor = hn::Set(d, f16_at(scales + i / 32 * 2));
      hn::StoreU(hn::Mul(load_i8(d, codes + i), factor), d, to + t * layout.d_pad + i);
    }
  }
}

Tile load_tile(const KvLayout& layout, const std::uint8_t* head, std::int64_t token,
               std::int64_t tile_pad, std::int64_t n_tokens, float* scratch) {
  float* const k = scratch;
  float* const v = scratch + layout.d_head * kTileTokens;
  switch (layout.dtype) {
    case DType::kF32:
      return {reinterpret_cast<const float*>(head) + token, layout.tokens_pad,
              reinterpret_cast<const float*>(head + layout.v_at) + token * layout.d_pad};
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
  return {k, tile_pad, v};
}

/// scores[i][t] = query i . key t for kN queries, kV registers of tokens at once.
template <int kN, int kV>
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
      const float* k = tile.k + e * tile.k_stride + t;
      for (int i = 0; i < kN; ++i) {
        const Vec q = hn::Set(d, queries[i][e]);
        for (int j = 0; j < kV; ++j)
          acc[i][j] = hn::MulAdd(q, hn::LoadU(d, k + j * step), acc[i][j]);
      }
    }
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kV; ++j) hn::StoreU(acc[i][j], d, scores[i] + t + j * step);
    }
  }
}

template <int kN>
HWY_INLINE void score(const float* const* queries, std::int64_t d_head, const Tile& tile,
                      std::int64_t tile_pad, float* const* scores) {
  if (tile_pad % (2 * lanes()) == 0) {
    score_tile<kN, 2>(queries, d_head, tile, tile_pad, scores);
  } else {
    score_tile<kN, 1>(queries, d_head, tile, tile_pad, scores);
  }
}

/// out[i] = out[i] * factor[i] + sum over t of weights[i][t] * v[t].
template <int kN>
HWY_INLINE void add_values(float* const* weights, const float* factors, const Tile& tile,
                           std::int64_t n_tokens, std::int64_t d_pad, float* const* out) {
  const F32 d;
  for (std::int64_t e = 0; e < d_pad; e += lanes()) {
    Vec acc[kN];
    for (int i = 0; i < kN; ++i) {
      acc[i] = hn::Mul(hn::LoadU(d, out[i] + e), hn::Set(d, factors[i]));
    }
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const Vec v = hn::LoadU(d, tile.v + t * d_pad + e);
      for (int i = 0; i < kN; ++i) acc[i] = hn::MulAdd(hn::Set(d, weights[i][t]), v, acc[i]);
    }
    for (int i = 0; i < kN; ++i) hn::StoreU(acc[i], d, out[i] + e);
  }
}

/// Turns the scores of the tokens first .. last (within the tile) into weights
/// and updates maximum and sum. The factor for what was summed before.
float to_weights(float* scores, std::int64_t tile_pad, std::int64_t first, std::int64_t last,
                 float softcap, float& max, float& sum) {
  const F32 d;
  const std::int64_t step = lanes();
  const float lowest = -std::numeric_limits<float>::infinity();
  for (std::int64_t t = 0; t < first; ++t) scores[t] = lowest;
  for (std::int64_t t = last + 1; t < tile_pad; ++t) scores[t] = lowest;
  if (softcap > 0.0F) {
    const Vec cap = hn::Set(d, softcap);
    for (std::int64_t t = 0; t < tile_pad; t += step) {
      // tanh(-inf) would end the mask: -cap.
      const Vec s = hn::LoadU(d, scores + t);
      const Vec capped = hn::Mul(cap, hn::Tanh(d, hn::Div(s, cap)));
      hn::StoreU(hn::IfThenElse(hn::Eq(s, hn::Set(d, lowest)), s, capped), d, scores + t);
    }
  }
  Vec greatest = hn::Set(d, max);
  for (std::int64_t t = 0; t < tile_pad; t += step) {
    greatest = hn::Max(greatest, hn::LoadU(d, scores + t));
  }
  float new_max = hn::GetLane(hn::MaxOfLanes(d, greatest));
  if (new_max == lowest) new_max = std::numeric_limits<float>::lowest();  // all scores are -inf
  const Vec maxima = hn::Set(d, new_max);
  Vec sums = hn::Zero(d);
  for (std::int64_t t = 0; t < tile_pad; t += step) {
    const Vec s = hn::LoadU(d, scores + t);
    Vec weight = hn::Exp(d, hn::Sub(s, maxima));
    weight = hn::IfThenElseZero(hn::Ne(s, hn::Set(d, lowest)), weight);
    sums = hn::Add(sums, weight);
    hn::StoreU(weight, d, scores + t);
  }
  const float factor = sum == 0.0F ? 0.0F : std::exp(max - new_max);
  sum = sum * factor + hn::GetLane(hn::SumOfLanes(d, sums));
  max = new_max;
  return factor;
}

/// The queries of a call that see something of a tile.
struct Active {
  int n = 0;
  const float* queries[kMaxQueries];
  float* scores[kMaxQueries];
  float* out[kMaxQueries];
  float factors[kMaxQueries];
};

void process_tile(const AttentionCall& call, const KvLayout& layout, const std::uint8_t* head,
                  std::int64_t position, std::int64_t token, std::int64_t tile_pad,
                  std::int64_t n_tokens, const AttentionState& state) {
  const Tile tile = load_tile(layout, head, token, tile_pad, n_tokens, call.scratch);
  float* const all_scores =
      call.scratch + kTileTokens * (layout.d_head + layout.d_pad);  // [kMaxQueries][kTileTokens]
  Active active;
  std::int64_t index[kMaxQueries];
  for (std::int64_t i = 0; i < call.n_queries; ++i) {
    const std::int64_t first = first_seen(call.params, call.last[i]);
    if (call.last[i] < position || first >= position + n_tokens) continue;
    active.queries[active.n] = call.queries + i * layout.d_head;
    active.scores[active.n] = all_scores + i * kTileTokens;
    active.out[active.n] = state.out + i * layout.d_pad;
    index[active.n++] = i;
  }
  int i = 0;
  for (; i + 4 <= active.n; i += 4) {
    score<4>(active.queries + i, layout.d_head, tile, tile_pad, active.scores + i);
  }
  for (; i < active.n; ++i) {
    score<1>(active.queries + i, layout.d_head, tile, tile_pad, active.scores + i);
  }
  for (i = 0; i < active.n; ++i) {
    const std::int64_t query = index[i];
    const std::int64_t last = call.last[query];
    const std::int64_t first = first_seen(call.params, last);
    active.factors[i] =
        to_weights(active.scores[i], tile_pad, first > position ? first - position : 0,
                   last - position < n_tokens - 1 ? last - position : n_tokens - 1,
                   call.params.softcap, state.max[query], state.sum[query]);
  }
  i = 0;
  for (; i + 4 <= active.n; i += 4) {
    add_values<4>(active.scores + i, active.factors + i, tile, n_tokens, layout.d_pad,
                  active.out + i);
  }
  for (; i < active.n; ++i) {
    add_values<1>(active.scores + i, active.factors + i, tile, n_tokens, layout.d_pad,
                  active.out + i);
  }
}

void clear(const KvLayout& layout, std::int64_t n, const AttentionState& state) {
  for (std::int64_t i = 0; i < n; ++i) {
    state.max[i] = -std::numeric_limits<float>::infinity();
    state.sum[i] = 0.0F;
  }
  for (std::int64_t i = 0; i < n * layout.d_pad; ++i) state.out[i] = 0.0F;
}

void attend(const AttentionCall& call) noexcept {
  const KvLayout& layout = call.cache->layout();
  std::int64_t begin = first_seen(call.params, call.last[0]);
  std::int64_t end = call.last[0] + 1;
  for (std::int64_t i = 1; i < call.n_queries; ++i) {
    const std::int64_t first = first_seen(call.params, call.last[i]);
    begin = first < begin ? first : begin;
    end = call.last[i] + 1 > end ? call.last[i] + 1 : end;
  }
  const std::int64_t split = split_tokens(layout);
  clear(layout, call.n_queries, call.result);
  const std::int64_t state_at_float =
      kTileTokens * (layout.d_head + layout.d_pad) + kMaxQueries * kTileTokens;
  const AttentionState part = state_at(call.scratch + state_at_float, layout, call.n_queries);
  for (std::int64_t s = call.first_split; s < call.end_split; ++s) {
    clear(layout, call.n_queries, part);
    const std::int64_t from = s * split > begin ? s * split : begin;
    const std::int64_t to = (s + 1) * split < end ? (s + 1) * split : end;
    std::int64_t position = from;
    while (position < to) {
      // Tiles begin at fixed tokens of a page, wherever the window does.
      const std::int64_t page = position / layout.page_tokens;
      const std::int64_t token = position % layout.page_tokens / kTileTokens * kTileTokens;
      position = page * layout.page_tokens + token;
      std::int64_t n_tokens = layout.page_tokens - token;
      if (n_tokens > kTileTokens) n_tokens = kTileTokens;
      const std::int64_t next = position + n_tokens;
      if (n_tokens > to - position) n_tokens = to - position;
      std::int64_t tile_pad = layout.tokens_pad - token;
      if (tile_pad > kTileTokens) tile_pad = kTileTokens;
      const std::uint8_t* head =
          call.cache->head(call.layer, call.pages[static_cast<std::size_t>(page)], call.kv_head);
      process_tile(call, layout, head, position, token, tile_pad, n_tokens, part);
      position = next;
    }
    merge_states(layout, call.n_queries, call.result, part);
  }
}

}  // namespace

AttentionKernel kernel() { return attend; }

}  // namespace HWY_NAMESPACE
}  // namespace ondol::device::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ondol::device::cpu {

HWY_EXPORT(kernel);

AttentionKernel attention_kernel(FloatLevel level) {
  hwy::ChosenTarget target;
  target.Update(highway_targets(level));
  return HWY_DISPATCH_TABLE(kernel)[target.GetIndex()]();
}

std::int64_t split_tokens(const KvLayout& layout) {
  constexpr std::int64_t kSplit = 512;
  return (kSplit + layout.page_tokens - 1) / layout.page_tokens * layout.page_tokens;
}

std::int64_t state_floats(const KvLayout& layout, std::int64_t n_queries) {
  return n_queries * (layout.d_pad + 2);
}

AttentionState state_at(float* memory, const KvLayout& layout, std::int64_t n_queries) {
  float* const out = memory;
  float* const max = out + n_queries * layout.d_pad;
  return {max, max + n_queries, out};
}

std::int64_t attention_scratch_floats(const KvLayout& layout) {
  return kTileTokens * (layout.d_head + layout.d_pad) + kMaxQueries * kTileTokens +
         state_floats(layout, kMaxQueries);
}

void merge_states(const KvLayout& layout, std::int64_t n_queries, const AttentionState& total,
                  const AttentionState& part) noexcept {
  for (std::int64_t i = 0; i < n_queries; ++i) {
    if (part.sum[i] == 0.0F) continue;
    const float max = total.max[i] > part.max[i] ? total.max[i] : part.max[i];
    const float factor = total.sum[i] == 0.0F ? 0.0F : std::exp(total.max[i] - max);
    const float part_factor = std::exp(part.max[i] - max);
    float* const out = total.out + i * layout.d_pad;
    const float* const added = part.out + i * layout.d_pad;
    for (std::int64_t e = 0; e < layout.d_pad; ++e) {
      out[e] = out[e] * factor + added[e] * part_factor;
    }
    total.sum[i] = total.sum[i] * factor + part.sum[i] * part_factor;
    total.max[i] = max;
  }
}

}  // namespace ondol::device::cpu
#endif
