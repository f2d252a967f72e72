// The oracle: every operation in the plainest way that is still exact enough to
// hold other devices against, and fast enough to measure a small model's
// perplexity.
//
// Numbers: weights are decoded to f32 at load, whatever that costs in memory.
// The KV cache holds f32 that went through the cache's dtype. Long sums are
// either double, or (matrix products and q.k, for speed) many short f32 sums
// that are added up in double: see dot(). Each operation rounds to f32 once,
// when it stores.
//
// One file per group of operations, all members of this class. Everything is
// done when a call returns, so wait() has nothing to wait for. Threads: calls
// come from one; matmul and attention share out their outputs, each computed
// whole by one thread, so results do not depend on how many there are.
#pragma once

#include <vector>

#include "base/check.h"
#include "base/thread_pool.h"
#include "device/device.h"

namespace ondol::device::reference {

class FloatBuffer final : public Buffer {
 public:
  explicit FloatBuffer(std::vector<float> data)
      : Buffer(data.size() * sizeof(float)), data_(std::move(data)) {}
  float* data() { return data_.data(); }

 private:
  std::vector<float> data_;
};

class FloatWeight final : public Weight {
 public:
  FloatWeight(DType dtype, std::int64_t n_rows, std::int64_t n_cols, std::vector<float> data)
      : Weight(dtype, n_rows, n_cols), data_(std::move(data)) {}
  const float* row(std::int64_t r) const { return data_.data() + r * n_cols(); }

 private:
  std::vector<float> data_;  // [n_rows, n_cols]
};

class FloatKvCache final : public KvCache {
 public:
  FloatKvCache(const KvCacheShape& shape, std::vector<float> keys, std::vector<float> values)
      : KvCache(shape), keys_(std::move(keys)), values_(std::move(values)) {}

  std::int64_t row_size() const { return shape().n_kv_heads * shape().d_head; }
  std::int64_t n_slots() const { return shape().n_pages * shape().page_tokens; }
  // [n_kv_heads, d_head] of one token
  float* key(std::int64_t layer, std::int64_t slot) { return keys_.data() + at(layer, slot); }
  float* value(std::int64_t layer, std::int64_t slot) { return values_.data() + at(layer, slot); }
  const float* key(std::int64_t layer, std::int64_t slot) const {
    return keys_.data() + at(layer, slot);
  }
  const float* value(std::int64_t layer, std::int64_t slot) const {
    return values_.data() + at(layer, slot);
  }

 private:
  std::int64_t at(std::int64_t layer, std::int64_t slot) const {
    return (layer * n_slots() + slot) * row_size();
  }
  std::vector<float> keys_;    // [n_layers, n_slots, n_kv_heads * d_head]
  std::vector<float> values_;  // the same
};

/// The floats of a tensor. REQUIRES: it lies within its buffer.
inline float* floats(const Tensor& t) {
  ONDOL_CHECK(t.buffer != nullptr && t.n_rows >= 0 && t.n_cols >= 0);
  const std::size_t capacity = t.buffer->size_bytes() / sizeof(float);
  ONDOL_CHECK(t.offset <= capacity &&
              static_cast<std::size_t>(t.n_elements()) <= capacity - t.offset);
  return static_cast<FloatBuffer*>(t.buffer)->data() + t.offset;
}

inline const FloatWeight& as_floats(const Weight& weight) {
  return static_cast<const FloatWeight&>(weight);
}

/// Sum of a[i] * b[i]. Sixteen interleaved f32 sums (which a compiler turns into
/// vectors), added up in double: for n in the thousands each holds so few terms
/// that the error stays near 1e-6 of |a||b|.
float dot(const float* a, const float* b, std::int64_t n);

class ReferenceDevice final : public Device {
 public:
  /// REQUIRES: n_threads >= 1.
  explicit ReferenceDevice(int n_threads) : threads_(n_threads) {}

  std::string description() const override;
  bool supports(Op op, DType dtype) const override;

  // memory.cc
  Result<std::unique_ptr<Buffer>> alloc(std::size_t size_bytes) override;
  Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  void upload(const Tensor& to, std::span<const float> from) override;
  void download(const Tensor& from, std::span<float> to) override;
  std::span<const float> host_view(const Tensor& from) override;
  void wait() override {}
  std::string kv_page_format() const override;
  std::size_t kv_page_bytes(const KvCache& cache) const override;
  void read_kv_page(const KvCache& cache, std::int64_t page, std::span<std::byte> to) override;
  void write_kv_page(KvCache& cache, std::int64_t page, std::span<const std::byte> from) override;

  // matmul.cc
  void embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
             Tensor out) override;
  void matmul(Tensor x, std::span<const MatmulTarget> targets) override;

  // rope.cc
  void rope_angles(std::span<const std::int32_t> positions, std::span<const float> inv_freq,
                   float magnitude, Tensor angles) override;
  void rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) override;

  // attention.cc
  void kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                 std::span<const std::int32_t> slots) override;
  void attention(Tensor q, const KvCache& cache, std::int64_t layer,
                 std::span<const AttentionSequence> sequences, const AttentionParams& params,
                 Tensor out) override;

  // rows.cc
  void rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) override;
  void gated_act(Tensor gate, Tensor up, Activation act, Tensor out) override;
  void add(Tensor x, Tensor y) override;
  void add_bias(Tensor x, const Weight& bias) override;
  void scale(Tensor x, float factor) override;
  void softcap(Tensor x, float cap) override;
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override;

 private:
  ThreadPool threads_;
};

}  // namespace ondol::device::reference
