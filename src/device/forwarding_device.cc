#include "device/forwarding_device.h"

#include "device/weight_cache.h"

namespace ondol::device {

std::string ForwardingDevice::description() const { return inner_.description(); }
bool ForwardingDevice::supports(Op op, DType dtype) const { return inner_.supports(op, dtype); }
Result<std::unique_ptr<Buffer>> ForwardingDevice::alloc(std::size_t size_bytes) {
  return inner_.alloc(size_bytes);
}
Result<std::unique_ptr<Weight>> ForwardingDevice::load_weight(
    const TensorView& tensor, WeightUse use, std::shared_ptr<const void> keep_alive) {
  return inner_.load_weight(tensor, use, std::move(keep_alive));
}
std::unique_ptr<WeightCache> ForwardingDevice::open_weight_cache(
    const WeightCacheOptions& options) {
  return inner_.open_weight_cache(options);
}
std::uint64_t ForwardingDevice::stored_bytes(const Weight& weight) const {
  return inner_.stored_bytes(weight);
}
Result<std::unique_ptr<KvCache>> ForwardingDevice::make_kv_cache(const KvCacheShape& shape) {
  return inner_.make_kv_cache(shape);
}
void ForwardingDevice::upload(const Tensor& to, std::span<const float> from) {
  inner_.upload(to, from);
}
void ForwardingDevice::download(const Tensor& from, std::span<float> to) {
  inner_.download(from, to);
}
std::span<const float> ForwardingDevice::host_view(const Tensor& from) {
  return inner_.host_view(from);
}
void ForwardingDevice::wait() { inner_.wait(); }
std::string ForwardingDevice::kv_page_format() const { return inner_.kv_page_format(); }
std::size_t ForwardingDevice::kv_page_bytes(const KvCache& cache) const {
  return inner_.kv_page_bytes(cache);
}
void ForwardingDevice::read_kv_page(const KvCache& cache, std::int64_t page,
                                    std::span<std::byte> to) {
  inner_.read_kv_page(cache, page, to);
}
void ForwardingDevice::write_kv_page(KvCache& cache, std::int64_t page,
                                     std::span<const std::byte> from) {
  inner_.write_kv_page(cache, page, from);
}
void ForwardingDevice::embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                             Tensor out) {
  inner_.embed(ids, table, scale, out);
}
void ForwardingDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  inner_.matmul(x, targets);
}
void ForwardingDevice::rms_norm(Tensor x, const Weight& weight, float eps, float offset,
                                Tensor out) {
  inner_.rms_norm(x, weight, eps, offset, out);
}
void ForwardingDevice::rope_angles(std::span<const std::int32_t> positions,
                                   std::span<const float> inv_freq, float magnitude,
                                   Tensor angles) {
  inner_.rope_angles(positions, inv_freq, magnitude, angles);
}
void ForwardingDevice::rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) {
  inner_.rope(x, d_head, angles, style);
}
void ForwardingDevice::kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                                 std::span<const std::int32_t> slots) {
  inner_.kv_append(cache, layer, k, v, slots);
}
void ForwardingDevice::attention(Tensor q, const KvCache& cache, std::int64_t layer,
                                 std::span<const AttentionSequence> sequences,
                                 const AttentionParams& params, Tensor out) {
  inner_.attention(q, cache, layer, sequences, params, out);
}
void ForwardingDevice::gated_act(Tensor gate, Tensor up, Activation act, Tensor out) {
  inner_.gated_act(gate, up, act, out);
}
void ForwardingDevice::add(Tensor x, Tensor y) { inner_.add(x, y); }
void ForwardingDevice::add_bias(Tensor x, const Weight& bias) { inner_.add_bias(x, bias); }
void ForwardingDevice::scale(Tensor x, float factor) { inner_.scale(x, factor); }
void ForwardingDevice::softcap(Tensor x, float cap) { inner_.softcap(x, cap); }
void ForwardingDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  inner_.gather_rows(x, rows, out);
}

}  // namespace ondol::device
