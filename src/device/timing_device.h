// A device that watches the clock: it passes every operation on, waits for it, and adds
// up what each kind took and what it could not do without. Says where the time of a pass
// goes; models cannot tell the difference.
//
// Waiting after each operation costs nothing on a device that computes in the call, as
// cpu/ does; on others it would take their overlap away.
// Owner: the caller, who keeps the inner device alive. Threads: as Device.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "device/forwarding_device.h"

namespace ondol::device {

/// All calls of one kind: products with weights of one shape, dtype and number of rows, or
/// an operation by its name.
struct OperationTime {
  std::string name;  // "matmul q4_0 10240x2048, 1 row", "attention"
  std::int64_t n_calls = 0;
  double seconds = 0;
  double ops = 0;    // two a multiply-add; of products and attention only
  double bytes = 0;  // of weights, keys and values that are read
};

class TimingDevice final : public ForwardingDevice {
 public:
  using ForwardingDevice::ForwardingDevice;

  /// What was timed since the last take(), what took longest first.
  std::vector<OperationTime> take();

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
  struct Kind {
    std::string_view operation;
    // Of products; 0 otherwise.
    DType dtype = DType::kF32;
    std::int64_t n_out = 0, n_in = 0, n_rows = 0;
    auto operator<=>(const Kind&) const = default;
  };
  struct Need {
    double ops = 0, bytes = 0;
  };

  template <class Call>
  void time(const Kind& kind, Need need, const Call& call);
  static std::string name_of(const Kind& kind);

  std::map<Kind, OperationTime> times_;  // names are made by take()
};

}  // namespace ondol::device
