// A device that hands every operation on to another one: what wrappers derive from, so
// that each says only what it does differently.
//
// Owner: the caller, who keeps the inner device alive. Threads: as Device.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"

namespace ondol::device {

class ForwardingDevice : public Device {
 public:
  explicit ForwardingDevice(Device& inner) : inner_(inner) {}

  std::string description() const override;
  bool supports(Op op, DType dtype) const override;
  Result<std::unique_ptr<Buffer>> alloc(std::size_t size_bytes) override;
  Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive) override;
  std::unique_ptr<WeightCache> open_weight_cache(const WeightCacheOptions& options) override;
  Result<std::unique_ptr<KvCache>> make_kv_cache(const KvCacheShape& shape) override;
  std::uint64_t stored_bytes(const Weight& weight) const override;
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

 protected:
  Device& inner() { return inner_; }

 private:
  Device& inner_;
};

}  // namespace ondol::device
