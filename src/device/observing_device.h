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

#include "device/forwarding_device.h"

namespace ondol::device {

class ObservingDevice final : public ForwardingDevice {
 public:
  struct Observed {
    std::vector<double> sums;  // [n_cols] of squared inputs
    std::uint64_t n_inputs = 0;
  };

  using ForwardingDevice::ForwardingDevice;

  /// What matmul has seen, by the first byte of the tensor that the weight was
  /// loaded from; only of weights that took part.
  const std::unordered_map<const std::byte*, Observed>& observed() const { return observed_; }

  Result<std::unique_ptr<Weight>> load_weight(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive) override;
  /// None: weights out of a file would not say which tensor they are.
  std::unique_ptr<WeightCache> open_weight_cache(const WeightCacheOptions& options) override;
  void matmul(Tensor x, std::span<const MatmulTarget> targets) override;

 private:
  std::unordered_map<const Weight*, const std::byte*> sources_;
  std::unordered_map<const std::byte*, Observed> observed_;
  std::vector<float> host_;      // inputs, where the device has no view of them
  std::vector<double> squares_;  // of one input matrix, column by column
};

}  // namespace ondol::device
