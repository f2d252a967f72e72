// Attention over paged keys and values, flash style (Dao et al. 2022): tiles of
// tokens pass once, with a running maximum and sum per query.
//
// The context is cut at fixed token positions into splits; within a split the
// tiles follow in order, and the splits of a query are merged in order. Where a
// query's work is cut between threads is thus no matter to its result, nor is
// how many queries share a call.
//
// Threads: pure functions on caller's memory; noexcept.
#pragma once

#include <cstdint>
#include <span>

#include "device/cpu/float_kernels.h"
#include "device/cpu/kv_cache.h"

namespace ondol::device::cpu {

constexpr std::int64_t kTileTokens = 32;
constexpr std::int64_t kMaxQueries = 64;  // of one call

/// Tokens of a split: whole pages, about 512 tokens.
std::int64_t split_tokens(const KvLayout& layout);

/// Running results of queries: exp-weighted sums relative to a maximum.
struct AttentionState {
  float* max = nullptr;  // [n]
  float* sum = nullptr;  // [n]; 0: nothing seen yet
  float* out = nullptr;  // [n, d_pad], not yet divided by sum
};

/// Floats that a state of n queries takes; state_at lays one out.
std::int64_t state_floats(const KvLayout& layout, std::int64_t n_queries);
AttentionState state_at(float* memory, const KvLayout& layout, std::int64_t n_queries);

/// Adds `part` to `total`, query by query; part comes after total in the context.
void merge_states(const KvLayout& layout, std::int64_t n_queries, const AttentionState& total,
                  const AttentionState& part) noexcept;

/// Queries of one sequence that read the same KV head.
struct AttentionCall {
  const CpuKvCache* cache = nullptr;
  std::int64_t layer = 0;
  std::int64_t kv_head = 0;
  std::span<const std::int32_t> pages;
  AttentionParams params;
  std::int64_t n_queries = 0;          // <= kMaxQueries
  const float* queries = nullptr;      // [n_queries, d_head], already times params.scale
  const std::int64_t* last = nullptr;  // [n_queries] greatest position each sees
  std::int64_t first_split = 0;        // splits first_split .. end_split - 1
  std::int64_t end_split = 0;
  AttentionState result;     // written; covers those splits
  float* scratch = nullptr;  // attention_scratch_floats(layout)
};

std::int64_t attention_scratch_floats(const KvLayout& layout);

using AttentionKernel = void (*)(const AttentionCall& call) noexcept;
AttentionKernel attention_kernel(FloatLevel level);

/// The least position that a query at `last` sees.
inline std::int64_t first_seen(const AttentionParams& params, std::int64_t last) {
  if (params.window <= 0) return 0;
  const std::int64_t first = last - params.window + 1;
  return first > 0 ? first : 0;
}

}  // namespace ondol::device::cpu
