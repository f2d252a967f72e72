#include "device/observing_device.h"

#include "device/weight_cache.h"

namespace ondol::device {

void ObservingDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  std::span<const float> values = inner().host_view(x);
  if (values.empty()) {
    host_.resize(static_cast<std::size_t>(x.n_elements()));
    inner().download(x, host_);
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
  inner().matmul(x, targets);
}

Result<std::unique_ptr<Weight>> ObservingDevice::load_weight(
    const TensorView& tensor, WeightUse use, std::shared_ptr<const void> keep_alive) {
  ONDOL_TRY(auto weight, inner().load_weight(tensor, use, std::move(keep_alive)));
  sources_[weight.get()] = tensor.bytes.data();
  return weight;
}

std::unique_ptr<WeightCache> ObservingDevice::open_weight_cache(const WeightCacheOptions&) {
  return nullptr;
}

}  // namespace ondol::device
