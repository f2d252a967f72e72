// For tests: a fake model that tends to go round in a circle of kCircle tokens, so
// that what it says can be guessed. It still depends on all tokens and pages.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "engine/testing/fake_model.h"

namespace ondol::engine {

constexpr std::int32_t kCircle = 11;  // of them none is kFakePoison

class RepeatingModel : public FakeModel {
 public:
  /// The greater `pull`, the seldomer it leaves the circle (the other logits lie in [-4, 4)).
  RepeatingModel(float pull, std::int64_t max_context, std::int64_t max_batch_tokens,
                 std::function<void()> before_forward = {})
      : FakeModel(max_context, max_batch_tokens, std::move(before_forward)), pull_(pull) {}

  std::span<const float> forward(const model::Batch& batch, device::KvCache& cache) override {
    const std::span<const float> logits = FakeModel::forward(batch, cache);
    pulled_.assign(logits.begin(), logits.end());
    std::size_t begin = 0;
    for (const std::int32_t row : batch.logit_rows) {
      const std::int32_t token = batch.tokens[static_cast<std::size_t>(row)];
      pulled_[begin + static_cast<std::size_t>((token + 1) % kCircle)] += pull_;
      begin += kFakeVocab;
    }
    return pulled_;
  }

 private:
  float pull_;
  std::vector<float> pulled_;  // [n_logit_rows, n_vocab]
};

}  // namespace ondol::engine
