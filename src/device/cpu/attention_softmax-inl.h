// The softmax of attention, a tile at a time (flash style): scores become weights
// relative to a running maximum. Included once for each Highway target.
#if defined(ONDOL_ATTENTION_SOFTMAX_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ONDOL_ATTENTION_SOFTMAX_INL_H
#undef ONDOL_ATTENTION_SOFTMAX_INL_H
#else
#define ONDOL_ATTENTION_SOFTMAX_INL_H
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <limits>

#include "device/cpu/attention.h"
#include "device/cpu/attention_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ondol::device::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
/// The queries of a call that see something of a tile.
struct Active {
  int n = 0;
  std::int64_t index[kMaxQueries];
  const float* queries[kMaxQueries];
  float* scores[kMaxQueries];
  float* out[kMaxQueries];
  float factors[kMaxQueries];
};

void softcap_scores(float* scores, std::int64_t n, float softcap) {
  const F32 d;
  const Vec cap = hn::Set(d, softcap);
  for (std::int64_t t = 0; t < n; t += lanes()) {
    const Vec s = hn::LoadU(d, scores + t);
    hn::StoreU(hn::Mul(cap, hn::Tanh(d, hn::Div(s, cap))), d, scores + t);
  }
}

/// The greatest of the scores first .. last; the others become -inf.
HWY_INLINE float mask_scores(float* scores, std::int64_t tile_pad, std::int64_t first,
                             std::int64_t last) {
  const F32 d;
  const float lowest = -std::numeric_limits<float>::infinity();
  for (std::int64_t t = 0; t < first; ++t) scores[t] = lowest;
  for (std::int64_t t = last + 1; t < tile_pad; ++t) scores[t] = lowest;
  Vec greatest = hn::Set(d, lowest);
  for (std::int64_t t = 0; t < tile_pad; t += lanes()) {
    greatest = hn::Max(greatest, hn::LoadU(d, scores + t));
  }
  return hn::GetLane(hn::MaxOfLanes(d, greatest));
}

/// e^x for x <= 0, within 2^-22 of it; 0 below -86, where a weight counts for nothing.
/// NaN stays NaN.
HWY_INLINE Vec exp_weight(F32 d, Vec x) {
  // e^x = 2^n 2^f, n = round(x log2(e)), |f| <= 1/2. Adding 1.5 * 2^23 rounds, and leaves n in
  // the lowest bits. The polynomial is 2^f's of least relative error (Lawson's iteration).
  const hn::RebindToSigned<F32> di;
  const Vec log2e = hn::Set(d, 1.44269504F);
  const Vec magic = hn::Set(d, 12582912.0F);
  const Vec rounded = hn::MulAdd(x, log2e, magic);
  const Vec f = hn::MulSub(x, log2e, hn::Sub(rounded, magic));
  Vec p = hn::MulAdd(hn::Set(d, 0.000153458124F), f, hn::Set(d, 0.00133999309F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.00961848907F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555032864F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240226462F));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693147182F));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0F));
  const auto n = hn::ShiftLeft<23>(hn::BitCast(di, rounded));
  const Vec scaled = hn::BitCast(d, hn::Add(hn::BitCast(di, p), n));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -86.0F)), scaled);
}

/// Scores become exp(score - max); returns their sum.
HWY_INLINE float weigh_scores(float* scores, std::int64_t tile_pad, float max) {
  const F32 d;
  const Vec maxima = hn::Set(d, max);
  Vec sums = hn::Zero(d);
  for (std::int64_t t = 0; t < tile_pad; t += lanes()) {
    const Vec weight = exp_weight(d, hn::Sub(hn::LoadU(d, scores + t), maxima));
    sums = hn::Add(sums, weight);
    hn::StoreU(weight, d, scores + t);
  }
  return hn::GetLane(hn::SumOfLanes(d, sums));
}

/// Turns the scores of a tile's n_tokens tokens into weights and updates maxima and
/// sums; active.factors are for what was summed before. position: of the first.
void to_weights(const AttentionCall& call, std::int64_t position, std::int64_t tile_pad,
                std::int64_t n_tokens, const AttentionState& state, Active& active) {
  const F32 d;
  float maxima[kMaxQueries];
  for (int i = 0; i < active.n; ++i) {
    const std::int64_t query = active.index[i];
    const std::int64_t last = call.last[query];
    const std::int64_t first = first_seen(call.params, last);
    if (call.params.softcap > 0.0F) {
      softcap_scores(active.scores[i], tile_pad, call.params.softcap);
    }
    const float greatest =
        mask_scores(active.scores[i], tile_pad, first > position ? first - position : 0,
                    last - position < n_tokens - 1 ? last - position : n_tokens - 1);
    // Written so that a NaN is taken over, and a maximum of -inf is not.
    const float before = state.max[query];
    const float max = before > greatest ? before : greatest;
    constexpr float kLowest = std::numeric_limits<float>::lowest();
    maxima[i] = max < kLowest ? kLowest : max;
    active.factors[i] = before - maxima[i];  // -inf at first
  }
  for (std::int64_t i = 0; i < active.n; i += lanes()) {
    hn::StoreU(exp_weight(d, hn::LoadU(d, active.factors + i)), d, active.factors + i);
  }
  for (int i = 0; i < active.n; ++i) {
    const std::int64_t query = active.index[i];
    const float sum = weigh_scores(active.scores[i], tile_pad, maxima[i]);
    state.sum[query] = state.sum[query] * active.factors[i] + sum;
    state.max[query] = maxima[i];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace ondol::device::cpu
HWY_AFTER_NAMESPACE();

#endif
