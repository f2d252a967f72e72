#include "model/decoder.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace ondol::model {
namespace {

using device::Tensor;

/// Places tensors one behind the other, each on a cache line.
class Layout {
 public:
  explicit Layout(device::Buffer* buffer) : buffer_(buffer) {}

  Tensor add(std::int64_t n_rows, std::int64_t n_cols) {
    constexpr std::size_t kLineFloats = 16;
    const Tensor tensor = {buffer_, n_floats_, n_rows, n_cols};
    const auto n = static_cast<std::size_t>(n_rows * n_cols);
    n_floats_ += (n + kLineFloats - 1) / kLineFloats * kLineFloats;
    return tensor;
  }
  std::size_t n_bytes() const { return n_floats_ * sizeof(float); }

 private:
  device::Buffer* buffer_;
  std::size_t n_floats_ = 0;
};

struct Workspace {
  Activations activations;
  Tensor head_rows;
  Tensor logits;
  std::size_t n_bytes = 0;
};

/// Sizes cannot overflow: config.cc bounds every factor.
Workspace lay_out(const ModelInfo& info, std::int64_t n_tokens, device::Buffer* buffer) {
  Layout layout(buffer);
  Workspace out;
  Activations& a = out.activations;
  a.x = layout.add(n_tokens, info.d_model);
  a.h = layout.add(n_tokens, info.d_model);
  a.q = layout.add(n_tokens, info.n_heads * info.d_head);
  a.k = layout.add(n_tokens, info.n_kv_heads * info.d_head);
  a.v = layout.add(n_tokens, info.n_kv_heads * info.d_head);
  a.attention = layout.add(n_tokens, info.n_heads * info.d_head);
  a.gate = layout.add(n_tokens, info.d_ff);
  a.up = layout.add(n_tokens, info.d_ff);
  a.angles = layout.add(n_tokens, info.d_head);
  a.local_angles = layout.add(n_tokens, info.d_head);
  const std::int64_t n_logit_rows = std::min(n_tokens, Model::kMaxRowsAtOnce);
  out.head_rows = layout.add(n_logit_rows, info.d_model);
  out.logits = layout.add(n_logit_rows, info.n_vocab);
  out.n_bytes = layout.n_bytes();
  return out;
}

Activations rows_of(const Activations& a, std::int64_t first, std::int64_t n) {
  const auto rows = [&](const Tensor& tensor) { return tensor.slice(first, n); };
  return {rows(a.x),         rows(a.h),    rows(a.q),  rows(a.k),      rows(a.v),
          rows(a.attention), rows(a.gate), rows(a.up), rows(a.angles), rows(a.local_angles)};
}

}  // namespace

std::uint64_t Decoder::workspace_bytes_for(const ModelInfo& info, std::int64_t max_batch_tokens) {
  return lay_out(info, max_batch_tokens, nullptr).n_bytes;
}

Result<void> Decoder::attach(device::Device& device, WeightStore store,
                             std::int64_t max_batch_tokens) {
  device_ = &device;
  store_ = std::move(store);
  set_counts(store_);
  max_batch_tokens_ = max_batch_tokens;
  workspace_bytes_ = workspace_bytes_for(info_, max_batch_tokens);
  ONDOL_TRY(buffer_, device.alloc(workspace_bytes_));
  const Workspace workspace = lay_out(info_, max_batch_tokens, buffer_.get());
  all_ = workspace.activations;
  head_rows_ = workspace.head_rows;
  logits_ = workspace.logits;
  return {};
}

std::span<const float> Decoder::forward(const Batch& batch, device::KvCache& cache) {
  const auto n_tokens = static_cast<std::int64_t>(batch.tokens.size());
  ONDOL_CHECK(n_tokens > 0 && n_tokens <= max_batch_tokens_ - n_rows_);
  ONDOL_CHECK(batch.positions.size() == batch.tokens.size());
  ONDOL_CHECK(batch.slots.size() == batch.tokens.size());

  const Activations a = rows_of(all_, n_rows_, n_tokens);
  n_rows_ += n_tokens;
  const bool is_done = run_layers(batch, cache, a);
  n_rows_ -= n_tokens;
  if (!is_done) return {};
  stream_ = a.x;
  const std::span<const std::int32_t> rows = batch.logit_rows;
  if (rows.empty()) {
    device_->wait();
    return {};
  }
  if (std::cmp_less_equal(rows.size(), logits_.n_rows)) return logits_of(rows);
  const auto n_vocab = static_cast<std::size_t>(info_.n_vocab);
  host_rows_.resize(std::max(host_rows_.size(), rows.size() * n_vocab));
  const auto n_chunk = static_cast<std::size_t>(logits_.n_rows);
  for (std::size_t first = 0; first < rows.size(); first += n_chunk) {
    const auto chunk = rows.subspan(first, std::min(n_chunk, rows.size() - first));
    device_->download(compute_logits(chunk),
                      std::span(host_rows_).subspan(first * n_vocab, chunk.size() * n_vocab));
  }
  return std::span(host_rows_).first(rows.size() * n_vocab);
}

std::span<const float> Decoder::logits_of(std::span<const std::int32_t> rows) {
  return on_host(compute_logits(rows));
}

std::span<const float> Decoder::hidden_of(std::span<const std::int32_t> rows) {
  return on_host(compute_hidden(rows));
}

Tensor Decoder::compute_hidden(std::span<const std::int32_t> rows) {
  ONDOL_CHECK(std::cmp_less_equal(rows.size(), head_rows_.n_rows));
  const Tensor h = head_rows_.head(static_cast<std::int64_t>(rows.size()));
  device_->gather_rows(stream_, rows, h);
  norm(h, head_.norm, head_.norm_offset, h);
  return h;
}

Tensor Decoder::compute_logits(std::span<const std::int32_t> rows) {
  const Tensor h = compute_hidden(rows);
  const Tensor out = logits_.head(h.n_rows);
  project(h, {{{head_.weight, nullptr}, out}});
  if (head_.scale != 1) device_->scale(out, head_.scale);
  if (head_.softcap > 0) device_->softcap(out, head_.softcap);
  return out;
}

std::span<const float> Decoder::on_host(Tensor from) {
  device_->wait();
  if (const auto view = device_->host_view(from); !view.empty()) return view;
  const auto n = static_cast<std::size_t>(from.n_elements());
  host_rows_.resize(std::max(host_rows_.size(), n));
  device_->download(from, std::span(host_rows_).first(n));
  return std::span(host_rows_).first(n);
}

bool Decoder::goes_on(const Batch& batch) {
  if (batch.between_layers == nullptr) return true;
  device_->wait();  // what it measures is time on the device
  return (*batch.between_layers)();
}

void Decoder::project(Tensor x, std::initializer_list<Projection> projections) {
  ONDOL_CHECK(projections.size() <= kMaxTargets);
  std::array<device::MatmulTarget, kMaxTargets> targets{};
  std::size_t n = 0;
  for (const Projection& p : projections) targets[n++] = {p.linear.weight, p.out};
  device_->matmul(x, std::span(targets).first(n));
  for (const Projection& p : projections) {
    if (p.linear.bias != nullptr) device_->add_bias(p.out, *p.linear.bias);
  }
}

Tensor Decoder::compute_angles(const Batch& batch, const Rope& rope, Tensor room) {
  const auto n_pairs = static_cast<std::int64_t>(rope.inv_freq.size());
  const Tensor angles = {room.buffer, room.offset, room.n_rows, 2 * n_pairs};
  device_->rope_angles(batch.positions, rope.inv_freq, rope.magnitude, angles);
  return angles;
}

void Decoder::norm_heads(Tensor x, const device::Weight* weight, float offset) {
  const Tensor heads = x.reshape(x.n_elements() / info_.d_head, info_.d_head);
  norm(heads, weight, offset, heads);
}

}  // namespace ondol::model
