// The KV cache and causal attention with grouped heads (Vaswani et al. 2017,
// section 3.2.1; Ainslie et al. 2023 for the groups).
#include <algorithm>
#include <cmath>

#include "device/reference/reference_device.h"
#include "tensor/quantize.h"

namespace ondol::device::reference {
namespace {

/// What a cache of this dtype remembers of a row: the row through its encoder
/// and back.
void store(DType dtype, const float* row, std::int64_t n, std::vector<std::byte>& scratch,
           float* out) {
  const auto size = static_cast<std::size_t>(n);
  const auto n_bytes = row_bytes(dtype, size);
  ONDOL_CHECK(n_bytes.has_value());  // make_kv_cache saw to whole blocks
  scratch.resize(*n_bytes);
  quantize_row(dtype, row, scratch.data(), size);
  dequantize_row(dtype, scratch.data(), out, size);
}

/// One query head against the keys and values of positions [first, last].
class HeadAttention {
 public:
  HeadAttention(const FloatKvCache& cache, std::int64_t layer, std::span<const std::int32_t> pages,
                std::int64_t kv_head, const AttentionParams& params)
      : cache_(cache), layer_(layer), pages_(pages), kv_head_(kv_head), params_(params) {}

  void run(const float* q, std::int64_t first, std::int64_t last, float* out) {
    const std::int64_t d_head = cache_.shape().d_head;
    weights_.resize(static_cast<std::size_t>(last - first + 1));
    for (std::int64_t p = first; p <= last; ++p) {
      weight(p - first) = score(dot(q, cache_.key(layer_, slot(p)) + kv_head_ * d_head, d_head));
    }
    softmax();
    sums_.assign(static_cast<std::size_t>(d_head), 0.0);
    for (std::int64_t p = first; p <= last; ++p) {
      const float* value = cache_.value(layer_, slot(p)) + kv_head_ * d_head;
      const double w = weight(p - first);
      for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += w * value[i];
    }
    for (std::size_t i = 0; i < sums_.size(); ++i) out[i] = static_cast<float>(sums_[i]);
  }

 private:
  double& weight(std::int64_t i) { return weights_[static_cast<std::size_t>(i)]; }

  std::int64_t slot(std::int64_t position) const {
    const std::int64_t page_tokens = cache_.shape().page_tokens;
    const std::int64_t page = pages_[static_cast<std::size_t>(position / page_tokens)];
    ONDOL_CHECK(page >= 0 && page < cache_.shape().n_pages);
    return page * page_tokens + position % page_tokens;
  }

  double score(double q_dot_k) const {
    const double scaled = q_dot_k * params_.scale;
    if (params_.softcap == 0.0F) return scaled;
    return params_.softcap * std::tanh(scaled / params_.softcap);
  }

  void softmax() {
    const double max = *std::max_element(weights_.begin(), weights_.end());
    double sum = 0;
    for (double& w : weights_) sum += w = std::exp(w - max);
    for (double& w : weights_) w /= sum;
  }

  const FloatKvCache& cache_;
  std::int64_t layer_;
  std::span<const std::int32_t> pages_;
  std::int64_t kv_head_;
  const AttentionParams& params_;
  std::vector<double> weights_;  // [last - first + 1]
  std::vector<double> sums_;     // [d_head]
};

}  // namespace

void ReferenceDevice::kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                                std::span<const std::int32_t> slots) {
  auto& kv = static_cast<FloatKvCache&>(cache);
  const std::int64_t n = kv.row_size();
  ONDOL_CHECK(layer >= 0 && layer < cache.shape().n_layers);
  ONDOL_CHECK(k.n_rows == std::ssize(slots) && v.n_rows == k.n_rows);
  ONDOL_CHECK(k.n_cols == n && v.n_cols == n);
  const float* keys = floats(k);
  const float* values = floats(v);
  std::vector<std::byte> scratch;
  for (const std::int32_t slot : slots) {
    ONDOL_CHECK(slot >= 0 && slot < kv.n_slots());
    store(cache.shape().dtype, keys, n, scratch, kv.key(layer, slot));
    store(cache.shape().dtype, values, n, scratch, kv.value(layer, slot));
    keys += n;
    values += n;
  }
}

void ReferenceDevice::attention(Tensor q, const KvCache& cache, std::int64_t layer,
                                std::span<const AttentionSequence> sequences,
                                const AttentionParams& params, Tensor out) {
  const auto& kv = static_cast<const FloatKvCache&>(cache);
  const KvCacheShape& shape = cache.shape();
  const std::int64_t n_heads = q.n_cols / shape.d_head;
  ONDOL_CHECK(layer >= 0 && layer < shape.n_layers);
  ONDOL_CHECK(q.n_cols % shape.d_head == 0 && n_heads % shape.n_kv_heads == 0);
  ONDOL_CHECK(out.n_rows == q.n_rows && out.n_cols == q.n_cols);
  const float* queries = floats(q);
  float* results = floats(out);
  for (const AttentionSequence& sequence : sequences) {
    ONDOL_CHECK(sequence.first_row >= 0 && sequence.n_rows >= 0 && sequence.n_past >= 0);
    ONDOL_CHECK(sequence.first_row + sequence.n_rows <= q.n_rows);
    ONDOL_CHECK(sequence.n_past + sequence.n_rows <=
                std::ssize(sequence.pages) * shape.page_tokens);
    const auto heads = [&](std::int64_t first_head, std::int64_t last_head, int) {
      for (std::int64_t h = first_head; h < last_head; ++h) {
        HeadAttention head(kv, layer, sequence.pages, h / (n_heads / shape.n_kv_heads), params);
        for (std::int64_t i = 0; i < sequence.n_rows; ++i) {
          const std::int64_t position = sequence.n_past + i;
          const std::int64_t first =
              params.window > 0 ? std::max<std::int64_t>(0, position - params.window + 1) : 0;
          const std::int64_t at = (sequence.first_row + i) * q.n_cols + h * shape.d_head;
          head.run(queries + at, first, position, results + at);
        }
      }
    };
    threads_.parallel_for(n_heads, 1, heads);
  }
}

}  // namespace ondol::device::reference
