// A device that watches another one work: it passes every operation on and adds
// up the squares of what each weight matrix is multiplied with. For importance
// matrices; models cannot tell the difference.
//
// Owner: the caller, who keeps the inner device alive. Threads: as Device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "device/device.h"

namespace ondol::device {

class ObservingDevice final : public Device {
 public:
  struct Observed {
    std::vector<double> sums;  // [n_cols] of squared inputs
    std::uint64_t n_inputs = 0;
  };

  explicit ObservingDevice(Device& inner) : inner_(inner) {}

  /// What matmul has seen, by the first byte of the tensor that the weight was
  /// loaded from; only of weights that took part.
  const std::unordered_map<const std::byte*, Observed>& observed() const { return observed_; }

  std::string description() const override;
  bool supports(Op op, DType dtype) const override;
  Result<std::unique_ptr<Buffer>> alloc(std::size_t size_bytes) override;
  Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  void upload(const Tensor& to, std::span<const float> from) override;
  void download(const Tensor& from, std::span<float> to) override;
  std::span<const float> host_view(const Tensor& from) override;
  void wait() override;
  std::string kv_page_format() const override;
  std::size_t kv_page_bytes(const KvCache& cache) const override;
  void read_kv_page(const KvCache& cache, std::int64_t page, std::span<std::byte> to) override;
  void write_kv_page(KvCache& cache, std::int64_t page, std::span<const std::byte> from) override;
  void embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
             Tensor out) override;
  void matmul(Tensor x, std::span<const MatmulTarget> targets) override;
  void rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) override;
  void rope_angles(std::span<const std::int32_t> positions, std::span<const float> inv_freq,
                   float magnitude, Tensor angles) override;
  void rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) override;
  void kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                 std::span<const std::int32_t> slots) override;
  void attention(Tensor q, const KvCache& cache, std::int64_t layer,
                 std::span<const AttentionSequence> sequences, const AttentionParams& params,
                 Tensor out) override;
  void gated_act(Tensor gate, Tensor up, Activation act, Tensor out) override;
  void add(Tensor x, Tensor y) override;
  void add_bias(Tensor x, const Weight& bias) override;
  void scale(Tensor x, float factor) override;
  void softcap(Tensor x, float cap) override;
  void gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) override;

 private:
  Device& inner_;
  std::unordered_map<const Weight*, const std::byte*> sources_;
  std::unordered_map<const std::byte*, Observed> observed_;
  std::vector<float> host_;      // inputs, where the device has no view of them
  std::vector<double> squares_;  // of one input matrix, column by column
};

}  // namespace ondol::device
