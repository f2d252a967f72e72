#include "device/cpu/attention.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/attention.cc"
#include "device/cpu/highway_targets.h"
//
#include <hwy/foreach_target.h>
//
#include "device/cpu/attention_softmax-inl.h"
#include "device/cpu/attention_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ondol::device::cpu {
namespace HWY_NAMESPACE {
namespace {

/// What a call does with one tile.
struct Step {
  const AttentionCall& call;
  const AttentionState& state;
  std::int64_t position = 0;  // of the tile's first token
  std::int64_t tile_pad = 0;
  std::int64_t n_tokens = 0;
};

template <int kN, class Tile>
void score_queries(const Step& step, const Tile& tile, const Active& active, int first) {
  score<kN>(active.queries + first, step.call.cache->layout().d_head, tile, step.tile_pad,
            active.scores + first);
}

template <int kN, class Tile>
void add_queries(const Step& step, const Tile& tile, const Active& active, int first) {
  add_values<kN>(active.scores + first, active.factors + first, tile, step.n_tokens,
                 step.call.cache->layout().d_pad, active.out + first);
}

template <class Tile>
void process_tile(const Step& step, const Tile& tile, Active& active) {
  const int whole = active.n / 4 * 4;
  for (int i = 0; i < whole; i += 4) score_queries<4>(step, tile, active, i);
  switch (active.n - whole) {
    case 1:
      score_queries<1>(step, tile, active, whole);
      break;
    case 2:
      score_queries<2>(step, tile, active, whole);
      break;
    case 3:
      score_queries<3>(step, tile, active, whole);
      break;
    default:
      break;
  }
  to_weights(step.call, step.position, step.tile_pad, step.n_tokens, step.state, active);
  for (int i = 0; i < whole; i += 4) add_queries<4>(step, tile, active, i);
  switch (active.n - whole) {
    case 1:
      add_queries<1>(step, tile, active, whole);
      break;
    case 2:
      add_queries<2>(step, tile, active, whole);
      break;
    case 3:
      add_queries<3>(step, tile, active, whole);
      break;
    default:
      break;
  }
}

Active active_queries(const Step& step) {
  const AttentionCall& call = step.call;
  const KvLayout& layout = call.cache->layout();
  float* const scores =
      call.scratch + kTileTokens * (layout.d_head + layout.d_pad);  // [kMaxQueries][kTileTokens]
  Active active;
  for (std::int64_t i = 0; i < call.n_queries; ++i) {
    const std::int64_t first = first_seen(call.params, call.last[i]);
    if (call.last[i] < step.position || first >= step.position + step.n_tokens) continue;
    active.queries[active.n] = call.queries + i * layout.d_head;
    active.scores[active.n] = scores + i * kTileTokens;
    active.out[active.n] = step.state.out + i * layout.d_pad;
    active.index[active.n++] = i;
  }
  for (int i = active.n; i < kMaxQueries; ++i) active.factors[i] = 0.0F;  // read, not used
  return active;
}

/// Queries for which a tile's elements are converted where they are used.
constexpr int kFewQueries = 4;

/// Where the cache holds a tile.
struct Place {
  const std::uint8_t* head = nullptr;
  std::int64_t token = 0;
};

F16Tile f16_tile(const KvLayout& layout, const Place& at, const Place& next) {
  const auto key = [](const Place& p) { return p.head + p.token * 2; };
  const auto value = [&layout](const Place& p) {
    return p.head + layout.v_at + p.token * layout.d_pad * 2;
  };
  return {key(at), layout.tokens_pad, value(at), layout.d_pad, key(next), value(next)};
}

void clear(const KvLayout& layout, std::int64_t n, const AttentionState& state) {
  for (std::int64_t i = 0; i < n; ++i) {
    state.max[i] = -std::numeric_limits<float>::infinity();
    state.sum[i] = 0.0F;
  }
  for (std::int64_t i = 0; i < n * layout.d_pad; ++i) state.out[i] = 0.0F;
}

Q8Tile q8_tile(const KvLayout& layout, const Place& at) {
  const std::int64_t n_scales = layout.d_head / 32;
  return {at.head + at.token,
          at.head + layout.k_scales_at + at.token * 2,
          layout.tokens_pad,
          at.head + layout.v_at + at.token * layout.d_pad,
          at.head + layout.v_scales_at + at.token * n_scales * 2,
          layout.d_pad,
          n_scales};
}

/// The tiles of a split, in order. Tiles begin at fixed tokens of a page, wherever
/// the window does.
void attend_split(const AttentionCall& call, std::int64_t from, std::int64_t to,
                  const AttentionState& state) {
  const KvLayout& layout = call.cache->layout();
  const auto place = [&](std::int64_t position) -> Place {
    const std::int64_t page = position / layout.page_tokens;
    return {call.cache->head(call.layer, call.pages[static_cast<std::size_t>(page)], call.kv_head),
            position % layout.page_tokens / kTileTokens * kTileTokens};
  };
  std::int64_t position = from;
  while (position < to) {
    const Place at = place(position);
    position = position / layout.page_tokens * layout.page_tokens + at.token;
    std::int64_t n_tokens = layout.page_tokens - at.token;
    if (n_tokens > kTileTokens) n_tokens = kTileTokens;
    const std::int64_t next = position + n_tokens;
    if (n_tokens > to - position) n_tokens = to - position;
    std::int64_t tile_pad = layout.tokens_pad - at.token;
    if (tile_pad > kTileTokens) tile_pad = kTileTokens;

    const Step step{call, state, position, tile_pad, n_tokens};
    Active active = active_queries(step);
    const bool few = active.n <= kFewQueries;
    if (few && layout.dtype == DType::kF16) {
      process_tile(step, f16_tile(layout, at, place(next < to ? next : position)), active);
    } else if (few && layout.dtype == DType::kQ8_0) {
      process_tile(step, q8_tile(layout, at), active);
    } else {
      process_tile(step, load_tile(layout, at.head, at.token, tile_pad, n_tokens, call.scratch),
                   active);
    }
    position = next;
  }
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
    attend_split(call, s * split > begin ? s * split : begin,
                 (s + 1) * split < end ? (s + 1) * split : end, part);
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
