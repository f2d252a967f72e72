#include "device/timing_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace ondol::device {
namespace {

/// Tokens that the rows of a sequence see, in sum; and how many different ones.
struct Seen {
  double by_rows = 0;
  double tokens = 0;
};

Seen seen(const AttentionSequence& sequence, std::int32_t window) {
  Seen out;
  for (std::int32_t i = 0; i < sequence.n_rows; ++i) {
    const std::int32_t all = sequence.n_past + i + 1;
    out.by_rows += window > 0 ? std::min(all, window) : all;
  }
  const std::int32_t all = sequence.n_past + sequence.n_rows;
  // The first row looks furthest back.
  out.tokens = window > 0 ? std::min(all, window - 1 + sequence.n_rows) : all;
  return out;
}

}  // namespace

template <class Call>
void TimingDevice::time(const Kind& kind, Need need, const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  inner().wait();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  OperationTime& all = times_[kind];
  ++all.n_calls;
  all.seconds += took.count();
  all.ops += need.ops;
  all.bytes += need.bytes;
}

std::string TimingDevice::name_of(const Kind& kind) {
  if (kind.n_rows == 0) return std::string(kind.operation);
  return fmt::format("{} {} {}x{}, {} row{}", kind.operation, ondol::name(kind.dtype), kind.n_out,
                     kind.n_in, kind.n_rows, kind.n_rows == 1 ? "" : "s");
}

std::vector<OperationTime> TimingDevice::take() {
  std::vector<OperationTime> out;
  for (auto& [kind, time] : times_) {
    time.name = name_of(kind);
    out.push_back(std::move(time));
  }
  times_.clear();
  std::ranges::sort(out, std::ranges::greater(), &OperationTime::seconds);
  return out;
}

void TimingDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  Kind kind{"matmul", DType::kF32, 0, x.n_cols, x.n_rows};
  Need need;
  for (const MatmulTarget& target : targets) {
    kind.dtype = target.weight->dtype();  // of several, the last one's
    kind.n_out += target.weight->n_rows();
    need.bytes += static_cast<double>(inner().stored_bytes(*target.weight));
  }
  need.ops = 2 * static_cast<double>(kind.n_out * kind.n_in * kind.n_rows);
  time(kind, need, [&] { inner().matmul(x, targets); });
}

void TimingDevice::attention(Tensor q, const KvCache& cache, std::int64_t layer,
                             std::span<const AttentionSequence> sequences,
                             const AttentionParams& params, Tensor out) {
  const KvCacheShape& shape = cache.shape();
  const auto row = static_cast<double>(
      row_bytes(shape.dtype, static_cast<std::uint64_t>(shape.n_kv_heads * shape.d_head))
          .value_or(0));
  Need need;
  for (const AttentionSequence& sequence : sequences) {
    const Seen tokens = seen(sequence, params.window);
    // Scores and sums of values: two multiply-adds an element of q.
    need.ops += 4 * tokens.by_rows * static_cast<double>(q.n_cols);
    need.bytes += 2 * tokens.tokens * row;  // keys and values
  }
  time({"attention"}, need, [&] { inner().attention(q, cache, layer, sequences, params, out); });
}

// --- the others are small: their operations are not counted ---------------------------

void TimingDevice::embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                         Tensor out) {
  time({"embed"}, {}, [&] { inner().embed(ids, table, scale, out); });
}
void TimingDevice::rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) {
  const auto bytes = static_cast<double>(inner().stored_bytes(weight));
  time({"rms_norm"}, {.bytes = bytes}, [&] { inner().rms_norm(x, weight, eps, offset, out); });
}
void TimingDevice::rope_angles(std::span<const std::int32_t> positions,
                               std::span<const float> inv_freq, float magnitude, Tensor angles) {
  time({"rope_angles"}, {}, [&] { inner().rope_angles(positions, inv_freq, magnitude, angles); });
}
void TimingDevice::rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) {
  time({"rope"}, {}, [&] { inner().rope(x, d_head, angles, style); });
}
void TimingDevice::kv_append(KvCache& cache, std::int64_t layer, Tensor k, Tensor v,
                             std::span<const std::int32_t> slots) {
  time({"kv_append"}, {}, [&] { inner().kv_append(cache, layer, k, v, slots); });
}
void TimingDevice::gated_act(Tensor gate, Tensor up, Activation act, Tensor out) {
  time({"gated_act"}, {}, [&] { inner().gated_act(gate, up, act, out); });
}
void TimingDevice::add(Tensor x, Tensor y) {
  time({"add"}, {}, [&] { inner().add(x, y); });
}
void TimingDevice::add_bias(Tensor x, const Weight& bias) {
  const auto bytes = static_cast<double>(inner().stored_bytes(bias));
  time({"add_bias"}, {.bytes = bytes}, [&] { inner().add_bias(x, bias); });
}
void TimingDevice::scale(Tensor x, float factor) {
  time({"scale"}, {}, [&] { inner().scale(x, factor); });
}
void TimingDevice::softcap(Tensor x, float cap) {
  time({"softcap"}, {}, [&] { inner().softcap(x, cap); });
}
void TimingDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  time({"gather_rows"}, {}, [&] { inner().gather_rows(x, rows, out); });
}

}  // namespace ondol::device
