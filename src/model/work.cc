#include "model/work.h"

#include <algorithm>

namespace ondol::model {
namespace {

/// Sum over the new tokens of how many tokens each sees, itself included.
double seen_pairs(const Pass& pass, std::int64_t window) {
  const auto sum = [](std::int64_t first, std::int64_t last) {  // first + .. + last
    return last < first
               ? 0.0
               : static_cast<double>(first + last) / 2 * static_cast<double>(last - first + 1);
  };
  const std::int64_t first = pass.n_past + 1;
  const std::int64_t last = pass.n_past + pass.n_new;
  if (window == 0) return sum(first, last);
  const std::int64_t n_full = std::max<std::int64_t>(0, last - std::max(first - 1, window));
  return sum(first, std::min(last, window)) + static_cast<double>(n_full * window);
}

/// Tokens whose keys and values the new tokens read together.
std::int64_t seen_tokens(const Pass& pass, std::int64_t window) {
  const std::int64_t all = pass.n_past + pass.n_new;
  return window == 0 ? all : std::min(all, window + pass.n_new - 1);
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  matmul_ops += other.matmul_ops;
  attention_ops += other.attention_ops;
  weight_bytes += other.weight_bytes;
  kv_bytes += other.kv_bytes;
  return *this;
}

Work work_of(const ModelInfo& info, const WeightCounts& weights, DType kv_dtype, const Pass& pass) {
  Work work;
  const auto n_sequences = static_cast<double>(pass.n_sequences);
  const double n_rows = n_sequences * static_cast<double>(pass.n_new);
  const auto n_logit_rows = static_cast<double>(pass.n_logit_rows);
  work.matmul_ops = 2 * (static_cast<double>(weights.layer_elements) * n_rows +
                         static_cast<double>(weights.head_elements) * n_logit_rows);
  work.weight_bytes = static_cast<double>(weights.layer_bytes);
  if (pass.n_logit_rows > 0) work.weight_bytes += static_cast<double>(weights.head_bytes);

  const double kv_layer_bytes = static_cast<double>(info.kv_bytes_per_token(kv_dtype)) /
                                static_cast<double>(std::max<std::int64_t>(info.n_layers, 1));
  const auto d_heads = static_cast<double>(info.n_heads * info.d_head);
  for (std::int64_t i = 0; i < info.n_layers; ++i) {
    const std::int64_t window =
        info.windows.empty() ? 0 : info.windows[static_cast<std::size_t>(i)];
    work.attention_ops += n_sequences * 4 * d_heads * seen_pairs(pass, window);
    work.kv_bytes += n_sequences * kv_layer_bytes * static_cast<double>(seen_tokens(pass, window));
  }
  return work;
}

}  // namespace ondol::model
