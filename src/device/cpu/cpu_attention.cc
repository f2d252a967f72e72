// Attention and the KV cache: which thread computes what. A task is some query
// heads of one KV head for some rows of one sequence; a single row with a long
// context is cut into its splits, whose results are merged in order.
#include <algorithm>

#include "base/checked.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_for.h"

namespace ondol::device::cpu {

struct CpuDevice::AttentionJob {
  const CpuKvCache* cache = nullptr;
  std::int64_t layer = 0;
  std::span<const AttentionSequence> sequences;
  AttentionParams params;
  const float* q = nullptr;
  float* out = nullptr;
  std::int64_t n_cols = 0;
  std::int64_t group = 0;  // query heads that share a KV head
};

void CpuDevice::kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                          std::span<const std::int32_t> slots) {
  const auto& kv = static_cast<const CpuKvCache&>(cache);
  const KvCacheShape& shape = cache.shape();
  ONDOL_CHECK(layer >= 0 && layer < shape.n_layers);
  ONDOL_CHECK(k.n_rows == std::ssize(slots) && v.n_rows == k.n_rows);
  ONDOL_CHECK(k.n_cols == shape.n_kv_heads * shape.d_head && v.n_cols == k.n_cols);
  for (const std::int32_t slot : slots) {
    ONDOL_CHECK(slot >= 0 && slot / shape.page_tokens < shape.n_pages);
  }
  const float* const keys = floats(k);
  const float* const values = floats(v);
  // A head at a time, so that threads do not write into each other's cache lines.
  for_rows(shape.n_kv_heads, 8 * shape.d_head * k.n_rows, [&](std::int64_t head) {
    for (std::int64_t t = 0; t < k.n_rows; ++t) {
      const std::int64_t slot = slots[static_cast<std::size_t>(t)];
      const std::int64_t at = t * k.n_cols + head * shape.d_head;
      store_kv(kv.layout(), float_, kv.head(layer, slot / shape.page_tokens, head),
               slot % shape.page_tokens, keys + at, values + at);
    }
  });
}

void CpuDevice::plan_attention(const AttentionJob& job,
                               std::span<const AttentionSequence> sequences) {
  tasks_.clear();
  const KvLayout& layout = job.cache->layout();
  const std::int64_t split = split_tokens(layout);
  const std::int64_t n_kv_heads = job.cache->shape().n_kv_heads;
  const std::int64_t heads_a_task = std::min(job.group, kMaxQueries);
  const std::int64_t rows_a_task = std::max<std::int64_t>(1, kMaxQueries / heads_a_task);
  std::int64_t n_states = 0;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const AttentionSequence& sequence = sequences[s];
    for (std::int64_t row = 0; row < sequence.n_rows; row += rows_a_task) {
      const std::int64_t n_rows = std::min(rows_a_task, sequence.n_rows - row);
      const std::int64_t first = first_seen(job.params, sequence.n_past + row);
      const std::int64_t last = sequence.n_past + row + n_rows - 1;
      const std::int64_t first_split = first / split;
      const std::int64_t n_splits = last / split + 1 - first_split;
      // Prompts have rows enough to keep every thread busy without splits.
      const bool cut = sequence.n_rows <= rows_a_task && n_splits > 1;
      std::int64_t n_heads = 0;  // of the task; a group's last may have fewer
      for (std::int64_t head = 0; head < n_kv_heads * job.group; head += n_heads) {
        n_heads = std::min(heads_a_task, job.group - head % job.group);
        AttentionTask task;
        task.sequence = static_cast<std::int32_t>(s);
        task.row = static_cast<std::int32_t>(row);
        task.n_rows = static_cast<std::int32_t>(n_rows);
        task.first_head = static_cast<std::int32_t>(head);
        task.n_heads = static_cast<std::int32_t>(n_heads);
        task.n_states = cut ? n_splits : 0;
        for (std::int64_t part = 0; part < (cut ? n_splits : 1); ++part) {
          task.first_split = first_split + part;
          task.end_split = cut ? task.first_split + 1 : first_split + n_splits;
          task.state = cut ? n_states++ : -1;
          tasks_.push_back(task);
          task.n_states = 0;
        }
      }
    }
  }
  const auto state_size = static_cast<std::size_t>(state_floats(layout, kMaxQueries));
  const std::size_t needed = static_cast<std::size_t>(n_states) * state_size;
  if (states_.size() < needed) states_.resize(needed);
}

namespace {

/// Divides by the sums and puts each query where it belongs.
void write_result(const KvLayout& layout, const AttentionState& state, std::int64_t n_rows,
                  std::int64_t n_heads, float* out, std::int64_t stride) {
  for (std::int64_t i = 0; i < n_rows * n_heads; ++i) {
    const float factor = 1.0F / state.sum[i];
    const float* const from = state.out + i * layout.d_pad;
    float* const to = out + i / n_heads * stride + i % n_heads * layout.d_head;
    for (std::int64_t e = 0; e < layout.d_head; ++e) to[e] = from[e] * factor;
  }
}

}  // namespace

void CpuDevice::run_attention(const AttentionJob& job, const AttentionTask& task, int thread) {
  const KvLayout& layout = job.cache->layout();
  const AttentionSequence& sequence = job.sequences[static_cast<std::size_t>(task.sequence)];
  const std::int64_t n_queries = std::int64_t{task.n_rows} * task.n_heads;
  const std::int64_t query_floats = kMaxQueries * layout.d_head;
  const std::int64_t own_state = state_floats(layout, kMaxQueries);
  auto& scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  const std::int64_t needed = query_floats + own_state + attention_scratch_floats(layout);
  if (std::ssize(scratch) < needed) scratch.resize(static_cast<std::size_t>(needed));
  float* const queries = scratch.data();

  std::int64_t last[kMaxQueries];
  const std::int64_t at =
      (std::int64_t{sequence.first_row} + task.row) * job.n_cols + task.first_head * layout.d_head;
  for (std::int64_t i = 0; i < n_queries; ++i) {
    const std::int64_t row = i / task.n_heads;
    last[i] = std::int64_t{sequence.n_past} + task.row + row;
    const float* const from = job.q + at + row * job.n_cols + i % task.n_heads * layout.d_head;
    for (std::int64_t e = 0; e < layout.d_head; ++e) {
      queries[i * layout.d_head + e] = from[e] * job.params.scale;
    }
  }
  AttentionCall call;
  call.cache = job.cache;
  call.layer = job.layer;
  call.kv_head = task.first_head / job.group;
  call.pages = sequence.pages;
  call.params = job.params;
  call.n_queries = n_queries;
  call.queries = queries;
  call.last = last;
  call.first_split = task.first_split;
  call.end_split = task.end_split;
  float* const state =
      task.state < 0 ? queries + query_floats : states_.data() + task.state * own_state;
  call.result = state_at(state, layout, n_queries);
  call.scratch = queries + query_floats + own_state;
  attend_(call);
  if (task.state < 0) {
    write_result(layout, call.result, task.n_rows, task.n_heads, job.out + at, job.n_cols);
  }
}

void CpuDevice::merge_attention(const AttentionJob& job, const AttentionTask& first) {
  const KvLayout& layout = job.cache->layout();
  const AttentionSequence& sequence = job.sequences[static_cast<std::size_t>(first.sequence)];
  const std::int64_t n_queries = std::int64_t{first.n_rows} * first.n_heads;
  const std::int64_t state_size = state_floats(layout, kMaxQueries);
  const auto state = [&](std::int64_t i) {
    return state_at(states_.data() + (first.state + i) * state_size, layout, n_queries);
  };
  for (std::int64_t i = 1; i < first.n_states; ++i) {
    merge_states(layout, n_queries, state(0), state(i));
  }
  const std::int64_t at = (std::int64_t{sequence.first_row} + first.row) * job.n_cols +
                          first.first_head * layout.d_head;
  write_result(layout, state(0), first.n_rows, first.n_heads, job.out + at, job.n_cols);
}

void CpuDevice::attention(Tensor q, const KvCache& cache, std::int64_t layer,
                          std::span<const AttentionSequence> sequences,
                          const AttentionParams& params, Tensor out) {
  const KvCacheShape& shape = cache.shape();
  const std::int64_t n_heads = q.n_cols / shape.d_head;
  ONDOL_CHECK(layer >= 0 && layer < shape.n_layers);
  ONDOL_CHECK(n_heads * shape.d_head == q.n_cols && n_heads % shape.n_kv_heads == 0);
  ONDOL_CHECK(out.n_rows == q.n_rows && out.n_cols == q.n_cols);
  for (const AttentionSequence& sequence : sequences) {
    ONDOL_CHECK(sequence.first_row >= 0 && sequence.n_rows >= 0 && sequence.n_past >= 0);
    ONDOL_CHECK(std::int64_t{sequence.first_row} + sequence.n_rows <= q.n_rows);
    ONDOL_CHECK(std::int64_t{sequence.n_past} + sequence.n_rows <=
                std::ssize(sequence.pages) * shape.page_tokens);
  }
  if (q.n_elements() == 0) return;
  const AttentionJob job{static_cast<const CpuKvCache*>(&cache),
                         layer,
                         sequences,
                         params,
                         floats(q),
                         floats(out),
                         q.n_cols,
                         n_heads / shape.n_kv_heads};
  plan_attention(job, sequences);
  const bool small = sequences.size() == 1 && sequences[0].n_rows == 1 && sequences[0].n_past < 64;
  threads_.parallel_for(std::ssize(tasks_), small ? std::ssize(tasks_) : 1,
                        [&](std::int64_t begin, std::int64_t end, int thread) {
                          for (std::int64_t i = begin; i < end; ++i) {
                            run_attention(job, tasks_[static_cast<std::size_t>(i)], thread);
                          }
                        });
  for (const AttentionTask& task : tasks_) {
    if (task.n_states > 1) merge_attention(job, task);
  }
}

}  // namespace ondol::device::cpu
