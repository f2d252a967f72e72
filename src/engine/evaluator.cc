#include "engine/evaluator.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/checked.h"
#include "engine/request_check.h"

namespace ondol::engine {
namespace {

constexpr std::int64_t kPageTokens = 32;
constexpr std::string_view kEvaluator = "evaluator";

Result<void> check_range(std::string_view field, std::int64_t value, std::int64_t high) {
  if (value >= 1 && value <= high) return {};
  return fail(ErrorCode::kInvalidArgument, kEvaluator, field, "outside its range",
              std::to_string(value), "[1, " + std::to_string(high) + "]");
}

}  // namespace

Result<std::unique_ptr<Evaluator>> Evaluator::create(model::Model& model, device::Device& device,
                                                     std::int64_t n_context,
                                                     std::int64_t chunk_tokens, DType kv_dtype) {
  const model::ModelInfo& info = model.info();
  constexpr std::int64_t kMaxSlots = std::numeric_limits<std::int32_t>::max() - kPageTokens;
  ONDOL_TRY_VOID(check_range("n_context", n_context, std::min(info.max_context, kMaxSlots)));
  ONDOL_TRY_VOID(check_range("chunk_tokens", chunk_tokens, model.max_batch_tokens()));
  ONDOL_TRY(auto cache,
            make_kv_cache(device, {info.n_layers, ceil_div(n_context, kPageTokens), kPageTokens,
                                   info.n_kv_heads, info.d_head, kv_dtype}));
  return std::unique_ptr<Evaluator>(
      new Evaluator(model, device, std::move(cache), n_context, chunk_tokens));
}

Evaluator::Evaluator(model::Model& model, device::Device& device,
                     std::unique_ptr<device::KvCache> cache, std::int64_t n_context,
                     std::int64_t chunk_tokens)
    : model_(model),
      device_(device),
      cache_(std::move(cache)),
      n_context_(n_context),
      chunk_tokens_(chunk_tokens) {}

Result<void> Evaluator::run(std::span<const std::int32_t> tokens, std::int64_t first,
                            const std::function<void(std::int64_t, std::span<const float>)>& sink) {
  const auto n_tokens = static_cast<std::int64_t>(tokens.size());
  const std::int64_t n_vocab = model_.info().n_vocab;
  if (n_tokens > n_context_) {
    return fail(ErrorCode::kLimit, kEvaluator, "tokens", "more tokens than the context", n_tokens,
                n_context_);
  }
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < n_vocab) continue;
    return fail(ErrorCode::kInvalidArgument, kEvaluator, "tokens",
                "a token id outside the vocabulary", std::to_string(token),
                "[0, " + std::to_string(n_vocab - 1) + "]");
  }

  // One sequence alone: its pages lie in order, so slot and position are one.
  std::vector<std::int32_t> slots(tokens.size());
  std::iota(slots.begin(), slots.end(), 0);
  std::vector<std::int32_t> pages(static_cast<std::size_t>(ceil_div(n_tokens, kPageTokens)));
  std::iota(pages.begin(), pages.end(), 0);
  first = std::max<std::int64_t>(first, 0);
  std::vector<std::int32_t> logit_rows;
  for (std::int64_t begin = 0; begin < n_tokens; begin += chunk_tokens_) {
    const std::int64_t n_rows = std::min(chunk_tokens_, n_tokens - begin);
    const auto rows = [&](const auto& values) {
      return std::span(values).subspan(static_cast<std::size_t>(begin),
                                       static_cast<std::size_t>(n_rows));
    };
    const device::AttentionSequence sequence = {0, static_cast<std::int32_t>(n_rows),
                                                static_cast<std::int32_t>(begin), pages};
    logit_rows.clear();
    for (std::int64_t row = std::max<std::int64_t>(first - begin, 0); row < n_rows; ++row) {
      logit_rows.push_back(static_cast<std::int32_t>(row));
    }
    const std::span<const float> logits = model_.forward(
        {rows(tokens), rows(slots), rows(slots), std::span(&sequence, 1), logit_rows}, *cache_);
    // Without logits to wait for, the device may still compute; a step ends when it has.
    if (logit_rows.empty()) device_.wait();
    const auto width = static_cast<std::size_t>(n_vocab);
    ONDOL_CHECK(logits.size() == logit_rows.size() * width);
    for (std::size_t i = 0; i < logit_rows.size(); ++i) {
      sink(begin + logit_rows[i], logits.subspan(i * width, width));
    }
  }
  return {};
}

}  // namespace ondol::engine
