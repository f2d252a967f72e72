#include "engine/pacer.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace ondol::engine {
namespace {

// Fewer than this a step, and rounding wastes a good part of the time there is.
constexpr double kFewTokens = 2;

std::int64_t whole(double n) {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int64_t>(std::clamp(n, 1.0, kMost));
}

}  // namespace

Pacer::Pacer(double deep_tokens, double max_step_ms, Layers layers)
    : deep_tokens_(deep_tokens), max_step_ms_(max_step_ms), layers_(layers) {}

double Pacer::deep_tokens_of(const model::Model& model) {
  constexpr double kAttentionPenalty = 3;
  constexpr double kLeast = 256;
  const model::ModelInfo& info = model.info();
  const double products = 2 * static_cast<double>(model.weight_counts().layer_elements);
  const double attention = 4 * static_cast<double>(info.n_heads * info.d_head * info.n_layers);
  return std::max(kLeast, products / (kAttentionPenalty * std::max(attention, 1.0)));
}

double Pacer::cost_of(std::int64_t depth, std::int64_t n_tokens) const {
  const auto n = static_cast<double>(n_tokens);
  return n * (1 + (static_cast<double>(depth) + n / 2) / deep_tokens_);
}

bool Pacer::must_probe(std::int64_t n_answers) const {
  return answers_ms_ == 0 || n_since_probe_ >= kProbeEvery ||
         4 * std::abs(n_answers - n_answers_) > n_answers_;
}

double Pacer::tokens_in(double ms, std::int64_t depth) const {
  constexpr double kFirstGuess = 16;
  return unit_ms_ == 0 ? kFirstGuess : ms / (unit_ms_ * cost_of(depth, 1));
}

double Pacer::room_ms() const {
  const double room_ms = (kSlowdown * kAim - 1) * answers_ms_;
  return max_step_ms_ > 0 ? std::min(room_ms, max_step_ms_) : room_ms;
}

PromptBudget Pacer::budget(std::int64_t n_answers, std::int64_t depth) {
  PromptBudget budget;
  if (n_answers == 0) return budget;
  if (must_probe(n_answers)) return {0, 0};
  if (max_step_ms_ > 0) budget.in_all = whole(tokens_in(max_step_ms_ - answers_ms_, 0));
  const double fit = tokens_in(room_ms(), depth);
  budget.sets_long_aside = layers_.max_tokens > 0 && fit < kFewTokens;
  if (budget.sets_long_aside) {
    const std::int64_t of_a_layer = whole(fit * static_cast<double>(layers_.n_layers));
    budget.of_long = std::min(of_a_layer, layers_.max_tokens);
    budget.in_all = std::max(budget.in_all, budget.of_long);
  } else {
    budget.of_long = std::min(whole(fit), budget.in_all);
  }
  budget.of_long = std::min(budget.of_long, 2 * last_of_long_ + 1);
  last_of_long_ = budget.of_long;
  return budget;
}

void Pacer::learn(std::int64_t n_answers, double prompt_cost, double step_ms) {
  if (prompt_cost == 0) {
    const bool is_same = n_answers == n_answers_ && answers_ms_ > 0;
    answers_ms_ = is_same ? 0.7 * answers_ms_ + 0.3 * step_ms : step_ms;
    n_answers_ = n_answers;
    n_since_probe_ = 0;
    return;
  }
  constexpr double kLeast = 1e-6;
  if (n_answers > 0) ++n_since_probe_;
  const double others_ms = n_answers > 0 ? answers_ms_ : 0;
  const double unit_ms = std::max(kLeast, (step_ms - others_ms) / prompt_cost);
  const double weight = unit_ms > unit_ms_ ? 0.5 : 0.2;
  unit_ms_ = unit_ms_ == 0 ? unit_ms : (1 - weight) * unit_ms_ + weight * unit_ms;
}

}  // namespace ondol::engine
