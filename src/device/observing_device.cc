#include "device/observing_device.h"

namespace ondol::device {

void ObservingDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  std::span<const float> values = inner_.host_view(x);
  if (values.empty()) {
    host_.resize(static_cast<std::size_t>(x.n_elements()));
    inner_.download(x, host_);
    values = host_;
  }
  const auto n_cols = static_cast<std::size_t>(x.n_cols);
  squares_.assign(n_cols, 0.0);
  for (std::size_t row = 0; row < static_cast<std::size_t>(x.n_rows); ++row) {
    const float* inputs = values.data() + row * n_cols;
    for (std::size_t i = 0; i < n_cols; ++i) {
      squares_[i] += static_cast<double>(inputs[i]) * static_cast<double>(inputs[i]);
    }
  }
  for (const MatmulTarget& target : targets) {
    Observed& observed = observed_[sources_.at(target.weight)];
    observed.sums.resize(n_cols);
    for (std::size_t i = 0; i < n_cols; ++i) observed.sums[i] += squares_[i];
    observed.n_inputs += static_cast<std::uint64_t>(x.n_rows);
  }
  inner_.matmul(x, targets);
}

Result<std::unique_ptr<Weight>> ObservingDevice::load_weight(
    const TensorView& tensor, WeightUse use, std::shared_ptr<const void> keep_alive) {
  ONDOL_TRY(auto weight, inner_.load_weight(tensor, use, std::move(keep_alive)));
  sources_[weight.get()] = tensor.bytes.data();
  return weight;
}

// --- the rest passes through ---------------------------------------------------

std::string ObservingDevice::description() const { return inner_.description(); }
bool ObservingDevice::supports(Op op, DType dtype) const { return inner_.supports(op, dtype); }
Result<std::unique_ptr<Buffer>> ObservingDevice::alloc(std::size_t size_bytes) {
  return inner_.alloc(size_bytes);
}
Result<std::unique_ptr<KvCache>> ObservingDevice::make_kv_cache(const KvCacheShape& shape) {
  return inner_.make_kv_cache(shape);
}
void ObservingDevice::upload(const Tensor& to, std::span<const float> from) {
  inner_.upload(to, from);
}
void ObservingDevice::download(const Tensor& from, std::span<float> to) {
  inner_.download(from, to);
}
std::span<const float> ObservingDevice::host_view(const Tensor& from) {
  return inner_.host_view(from);
}
void ObservingDevice::wait() { inner_.wait(); }
std::string ObservingDevice::kv_page_format() const { return inner_.kv_page_format(); }
std::size_t ObservingDevice::kv_page_bytes(const KvCache& cache) const {
  return inner_.kv_page_bytes(cache);
}
void ObservingDevice::read_kv_page(const KvCache& cache, std::int64_t page,
                                   std::span<std::byte> to) {
  inner_.read_kv_page(cache, page, to);
}
void ObservingDevice::write_kv_page(KvCache& cache, std::int64_t page,
                                    std::span<const std::byte> from) {
  inner_.write_kv_page(cache, page, from);
}
void ObservingDevice::embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                            Tensor out) {
  inner_.embed(ids, table, scale, out);
}
void ObservingDevice::rms_norm(Tensor x, const Weight& weight, float eps, float offset,
                               Tensor out) {
  inner_.rms_norm(x, weight, eps, offset, out);
}
void ObservingDevice::rope_angles(std::span<const std::int32_t> positions,
                                  std::span<const float> inv_freq, float magnitude, Tensor angles) {
  inner_.rope_angles(positions, inv_freq, magnitude, angles);
}
void ObservingDevice::rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) {
  inner_.rope(x, d_head, angles, style);
}
void ObservingDevice::kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                                std::span<const std::int32_t> slots) {
  inner_.kv_append(cache, layer, k, v, slots);
}
void ObservingDevice::attention(Tensor q, const KvCache& cache, std::int64_t layer,
                                std::span<const AttentionSequence> sequences,
                                const AttentionParams& params, Tensor out) {
  inner_.attention(q, cache, layer, sequences, params, out);
}
void ObservingDevice::gated_act(Tensor gate, Tensor up, Activation act, Tensor out) {
  inner_.gated_act(gate, up, act, out);
}
void ObservingDevice::add(Tensor x, Tensor y) { inner_.add(x, y); }
void ObservingDevice::add_bias(Tensor x, const Weight& bias) { inner_.add_bias(x, bias); }
void ObservingDevice::scale(Tensor x, float factor) { inner_.scale(x, factor); }
void ObservingDevice::softcap(Tensor x, float cap) { inner_.softcap(x, cap); }
void ObservingDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  inner_.gather_rows(x, rows, out);
}

}  // namespace ondol::device
