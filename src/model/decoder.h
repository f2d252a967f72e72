// What every decoder family does alike: the activation buffers, and the way from
// the last layer's rows to logits. A family derives from Decoder and writes
// run_layers().
//
// Memory: the buffers are sized for max_batch_tokens and made once. Logits are
// computed at most kMaxRowsAtOnce rows at a time on the device; a batch that wants
// more gets them gathered in host memory, which grows to the largest such batch
// (4 * n_vocab bytes a row) and is not part of workspace_bytes().
//
// Threads: as Model.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "device/device.h"
#include "model/model.h"
#include "model/rope_scaling.h"
#include "model/weight_loader.h"

namespace ondol::model {

/// Activations of one batch; all f32, one row a token.
struct Activations {
  device::Tensor x;             // [n_tokens, d_model] the residual stream
  device::Tensor h;             // [n_tokens, d_model] input and output of a block
  device::Tensor q;             // [n_tokens, n_heads * d_head]
  device::Tensor k;             // [n_tokens, n_kv_heads * d_head]
  device::Tensor v;             // [n_tokens, n_kv_heads * d_head]
  device::Tensor attention;     // [n_tokens, n_heads * d_head]
  device::Tensor gate;          // [n_tokens, d_ff]
  device::Tensor up;            // [n_tokens, d_ff]
  device::Tensor angles;        // [n_tokens, d_head] (cos, sin) pairs
  device::Tensor local_angles;  // [n_tokens, d_head] of sliding layers, if they differ
};

/// The end of a model: norm, product with the head, and what follows.
struct OutputHead {
  const device::Weight* norm = nullptr;    // [d_model]
  const device::Weight* weight = nullptr;  // [n_vocab, d_model]
  float norm_offset = 0;
  float scale = 1;    // logits are multiplied with it
  float softcap = 0;  // then softcap * tanh(logit / softcap); 0: off
};

class Decoder : public Model {
 public:
  const ModelInfo& info() const final { return info_; }
  std::span<const float> forward(const Batch& batch, device::KvCache& cache) final;
  std::span<const float> logits_of(std::span<const std::int32_t> rows) final;
  std::span<const float> hidden_of(std::span<const std::int32_t> rows) final;
  std::int64_t max_batch_tokens() const final { return max_batch_tokens_; }
  WeightCounts weight_counts() const final { return store_.counts; }
  std::uint64_t weight_bytes() const final { return store_.n_bytes; }
  std::uint64_t workspace_bytes() const final { return workspace_bytes_; }

  /// Gives the device, the weights (to keep) and room to work to a model made in
  /// mode kLoad. Errors: kOutOfMemory.
  Result<void> attach(device::Device& device, WeightStore store, std::int64_t max_batch_tokens);
  void set_counts(const WeightStore& counts) { info_.n_parameters = counts.n_parameters; }

  /// REQUIRES: max_batch_tokens in [1, kMaxBatchTokens].
  static std::uint64_t workspace_bytes_for(const ModelInfo& info, std::int64_t max_batch_tokens);
  static constexpr std::int64_t kMaxBatchTokens = 65536;

 protected:
  Decoder(ModelInfo info, float rms_eps) : info_(std::move(info)), rms_eps_(rms_eps) {}

  /// Embeds the batch and runs all layers, goes_on() before each: leaves the residual stream
  /// in a.x. False if it was given up.
  virtual bool run_layers(const Batch& batch, device::KvCache& cache, const Activations& a) = 0;
  /// Lets others have their turn, if the batch allows it.
  bool goes_on(const Batch& batch);

  device::Device& device() { return *device_; }
  float rms_eps() const { return rms_eps_; }
  void set_head(const OutputHead& head) { head_ = head; }

  /// out = x * weight^T + bias for each; at most kMaxTargets.
  struct Projection {
    Linear linear;
    device::Tensor out;
  };
  static constexpr std::size_t kMaxTargets = 3;
  void project(device::Tensor x, std::initializer_list<Projection> projections);
  void norm(device::Tensor x, const device::Weight* weight, float offset, device::Tensor out) {
    device_->rms_norm(x, *weight, rms_eps_, offset, out);
  }
  /// Cosines and sines of the batch's positions, in the first columns of `room`.
  device::Tensor compute_angles(const Batch& batch, const Rope& rope, device::Tensor room);
  /// The norm of each head: x is [n_tokens, n * d_head], in place.
  void norm_heads(device::Tensor x, const device::Weight* weight, float offset);

 private:
  device::Tensor compute_hidden(std::span<const std::int32_t> rows);
  device::Tensor compute_logits(std::span<const std::int32_t> rows);
  std::span<const float> on_host(device::Tensor from);

  ModelInfo info_;
  float rms_eps_;
  OutputHead head_;
  device::Device* device_ = nullptr;
  WeightStore store_;
  std::unique_ptr<device::Buffer> buffer_;
  std::uint64_t workspace_bytes_ = 0;
  std::int64_t max_batch_tokens_ = 0;
  Activations all_;           // of max_batch_tokens rows
  std::int64_t n_rows_ = 0;   // of forwards under way, each within the one before
  device::Tensor stream_;     // of the last forward: rows of all_.x
  device::Tensor head_rows_;  // [kMaxRowsAtOnce, d_model]
  device::Tensor logits_;     // [kMaxRowsAtOnce, n_vocab]
  std::vector<float> host_rows_;
};

}  // namespace ondol::model
