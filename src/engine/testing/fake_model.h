// For tests: a model whose next token depends on every token of its sequence as
// read back from the pages, and on their positions. Wrong pages, slots, positions
// or rows change what it says, so equal answers prove the bookkeeping.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/random.h"
#include "model/model.h"

namespace ondol::engine {

constexpr std::int32_t kFakeVocab = 97;
constexpr std::int32_t kFakePoison = 13;  // logits after this token are NaN

/// The logits after `tokens`: a hash of all of them spread over [-4, 4).
inline std::vector<float> fake_logits(std::span<const std::int32_t> tokens) {
  std::uint64_t hash = 1;
  for (const std::int32_t token : tokens) {
    hash = mix64(hash * kGoldenGamma + static_cast<std::uint64_t>(token) + 1);
  }
  std::vector<float> logits(kFakeVocab);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(8 * random_unit(hash, i) - 4);
  }
  if (!tokens.empty() && tokens.back() == kFakePoison) {
    logits[5] = std::numeric_limits<float>::quiet_NaN();
  }
  return logits;
}

/// The hidden state after `tokens`, of two features (of many, for the rest are zero).
inline std::vector<float> fake_hidden(std::span<const std::int32_t> tokens, std::size_t d_model) {
  std::vector<float> hidden(d_model);
  hidden[0] = static_cast<float>(tokens.size());
  hidden[1] = fake_logits(tokens)[0];
  return hidden;
}

class FakeCache : public device::KvCache {
 public:
  struct Slot {
    std::int32_t token = -1;
    std::int32_t position = -1;
  };
  explicit FakeCache(const device::KvCacheShape& shape)
      : KvCache(shape), slots(static_cast<std::size_t>(shape.n_pages * shape.page_tokens)) {}
  std::vector<Slot> slots;
};

/// Makes caches; computes nothing.
class FakeDevice : public device::Device {
 public:
  std::string description() const override { return "fake"; }
  bool supports(device::Op op, DType dtype) const override {
    return op == device::Op::kKvCache && dtype != DType::kQ4_K;
  }
  Result<std::unique_ptr<device::Buffer>> alloc(std::size_t) override { return refuse(); }
  Result<std::unique_ptr<device::Weight>> load_weight(const TensorView&, device::WeightUse,
                                                      std::shared_ptr<const void>) override {
    return refuse();
  }
  Result<std::unique_ptr<device::KvCache>> make_kv_cache(
      const device::KvCacheShape& shape) override {
    return std::make_unique<FakeCache>(shape);
  }
  void upload(const device::Tensor&, std::span<const float>) override { bug(); }
  void download(const device::Tensor&, std::span<float>) override { bug(); }
  std::span<const float> host_view(const device::Tensor&) override { return {}; }
  void wait() override {}
  std::string kv_page_format() const override { return "fake"; }
  std::size_t kv_page_bytes(const device::KvCache& cache) const override {
    return static_cast<std::size_t>(cache.shape().page_tokens) * sizeof(FakeCache::Slot);
  }
  void read_kv_page(const device::KvCache& cache, std::int64_t page,
                    std::span<std::byte> to) override {
    const auto& slots = dynamic_cast<const FakeCache&>(cache).slots;
    std::memcpy(to.data(), &slots.at(static_cast<std::size_t>(page * cache.shape().page_tokens)),
                to.size());
  }
  void write_kv_page(device::KvCache& cache, std::int64_t page,
                     std::span<const std::byte> from) override {
    auto& slots = dynamic_cast<FakeCache&>(cache).slots;
    std::memcpy(&slots.at(static_cast<std::size_t>(page * cache.shape().page_tokens)), from.data(),
                from.size());
  }
  void embed(std::span<const std::int32_t>, const device::Weight&, float, device::Tensor) override {
    bug();
  }
  void matmul(device::Tensor, std::span<const device::MatmulTarget>) override { bug(); }
  void rms_norm(device::Tensor, const device::Weight&, float, float, device::Tensor) override {
    bug();
  }
  void rope_angles(std::span<const std::int32_t>, std::span<const float>, float,
                   device::Tensor) override {
    bug();
  }
  void rope(device::Tensor, std::int64_t, device::Tensor, device::RopeStyle) override { bug(); }
  void kv_append(device::KvCache&, std::int64_t, device::Tensor, device::Tensor,
                 std::span<const std::int32_t>) override {
    bug();
  }
  void attention(device::Tensor, const device::KvCache&, std::int64_t,
                 std::span<const device::AttentionSequence>, const device::AttentionParams&,
                 device::Tensor) override {
    bug();
  }
  void gated_act(device::Tensor, device::Tensor, device::Activation, device::Tensor) override {
    bug();
  }
  void add(device::Tensor, device::Tensor) override { bug(); }
  void add_bias(device::Tensor, const device::Weight&) override { bug(); }
  void scale(device::Tensor, float) override { bug(); }
  void softcap(device::Tensor, float) override { bug(); }
  void gather_rows(device::Tensor, std::span<const std::int32_t>, device::Tensor) override {
    bug();
  }

 private:
  static void bug() { FAIL() << "the engine computes nothing by itself"; }
  static tl::unexpected<Error> refuse() {
    return fail(ErrorCode::kUnsupported, "fake", "", "makes caches only");
  }
};

class FakeModel : public model::Model {
 public:
  /// `before_forward` may be empty; it runs on the engine thread.
  FakeModel(std::int64_t max_context, std::int64_t max_batch_tokens,
            std::function<void()> before_forward = {})
      : max_batch_tokens_(max_batch_tokens), before_forward_(std::move(before_forward)) {
    info_.family = "fake";
    info_.n_vocab = kFakeVocab;
    info_.n_layers = info_.n_heads = info_.n_kv_heads = 1;
    info_.d_model = info_.d_head = info_.d_ff = 32;
    info_.max_context = max_context;
  }

  /// Runs on the engine thread in each of n_layers, with the number of the batch's tokens.
  void set_layers(std::int64_t n_layers, std::function<void(std::int64_t)> in_layer) {
    info_.n_layers = n_layers;
    in_layer_ = std::move(in_layer);
  }

  /// Forwards that began between the layers of another. Any thread.
  std::int64_t n_within() const { return n_within_; }

  const model::ModelInfo& info() const override { return info_; }
  std::int64_t max_batch_tokens() const override { return max_batch_tokens_; }
  model::WeightCounts weight_counts() const override { return {}; }
  std::uint64_t weight_bytes() const override { return 0; }
  std::uint64_t workspace_bytes() const override { return 0; }

  std::span<const float> forward(const model::Batch& batch, device::KvCache& cache) override {
    if (before_forward_) before_forward_();
    cache_ = &dynamic_cast<FakeCache&>(cache);
    const std::size_t n_tokens = batch.tokens.size();
    EXPECT_LE(n_under_way_ + static_cast<std::int64_t>(n_tokens), max_batch_tokens_);
    EXPECT_EQ(batch.positions.size(), n_tokens);
    EXPECT_EQ(batch.slots.size(), n_tokens);
    for (std::size_t i = 0; i < n_tokens; ++i) {
      cache_->slots.at(static_cast<std::size_t>(batch.slots[i])) = {batch.tokens[i],
                                                                    batch.positions[i]};
    }
    if (!run_layers(batch)) return {};
    rows_.clear();
    tables_.clear();
    for (const device::AttentionSequence& sequence : batch.sequences) {
      EXPECT_EQ(static_cast<std::size_t>(sequence.first_row), rows_.size());
      tables_.emplace_back(sequence.pages.begin(), sequence.pages.end());
      for (std::int32_t i = 0; i < sequence.n_rows; ++i) {
        EXPECT_EQ(batch.positions[rows_.size()], sequence.n_past + i);
        rows_.push_back({tables_.size() - 1, sequence.n_past + i});
      }
    }
    EXPECT_EQ(rows_.size(), n_tokens);
    return take_logits(batch.logit_rows);
  }

  std::span<const float> logits_of(std::span<const std::int32_t> rows) override {
    EXPECT_LE(rows.size(), static_cast<std::size_t>(kMaxRowsAtOnce));
    return take_logits(rows);
  }
  std::span<const float> hidden_of(std::span<const std::int32_t> rows) override {
    EXPECT_LE(rows.size(), static_cast<std::size_t>(kMaxRowsAtOnce));
    out_.clear();
    for (const std::int32_t row : rows) {
      append(fake_hidden(tokens_seen_by(row), static_cast<std::size_t>(info_.d_model)));
    }
    return out_;
  }

 private:
  struct Row {
    std::size_t sequence;
    std::int32_t position;
  };

  bool run_layers(const model::Batch& batch) {
    if (!in_layer_) return true;
    const auto n_tokens = static_cast<std::int64_t>(batch.tokens.size());
    if (n_under_way_ > 0) ++n_within_;
    n_under_way_ += n_tokens;
    bool goes_on = true;
    for (std::int64_t i = 0; i < info_.n_layers && goes_on; ++i) {
      if (batch.between_layers != nullptr) goes_on = (*batch.between_layers)();
      if (goes_on) in_layer_(n_tokens);
    }
    n_under_way_ -= n_tokens;
    return goes_on;
  }

  std::span<const float> take_logits(std::span<const std::int32_t> rows) {
    out_.clear();
    for (const std::int32_t row : rows) append(fake_logits(tokens_seen_by(row)));
    return out_;
  }
  // All tokens up to the row's own, as the pages hold them.
  std::vector<std::int32_t> tokens_seen_by(std::int32_t row) const {
    const auto [sequence, position] = rows_.at(static_cast<std::size_t>(row));
    const auto page_tokens = static_cast<std::size_t>(cache_->shape().page_tokens);
    std::vector<std::int32_t> seen;
    for (std::int32_t t = 0; t <= position; ++t) {
      const auto index = static_cast<std::size_t>(t);
      const auto page = static_cast<std::size_t>(tables_[sequence].at(index / page_tokens));
      const FakeCache::Slot& slot = cache_->slots.at(page * page_tokens + index % page_tokens);
      EXPECT_EQ(slot.position, t);
      seen.push_back(slot.token);
    }
    return seen;
  }
  void append(const std::vector<float>& values) {
    out_.insert(out_.end(), values.begin(), values.end());
  }

  model::ModelInfo info_;
  std::int64_t max_batch_tokens_;
  std::function<void()> before_forward_;
  std::function<void(std::int64_t)> in_layer_;
  std::atomic<std::int64_t> n_within_ = 0;
  std::int64_t n_under_way_ = 0;  // tokens of forwards, each within the one before
  FakeCache* cache_ = nullptr;
  std::vector<Row> rows_;                          // of the last batch
  std::vector<std::vector<std::int32_t>> tables_;  // [n_sequences] pages
  std::vector<float> out_;
};

}  // namespace ondol::engine
