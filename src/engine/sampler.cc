#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/logprobs.h"
#include "engine/random.h"

namespace ondol::engine {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

}  // namespace

Sampler::Sampler(SamplingParams params, std::span<const std::int32_t> prompt,
                 std::unique_ptr<TokenMask> mask, std::int32_t n_top_logprobs)
    : params_(std::move(params)), mask_(std::move(mask)), n_top_logprobs_(n_top_logprobs) {
  for (const std::int32_t token : prompt) see(token);
}

// Keeps what the repetition penalty sees up to date.
void Sampler::see(std::int32_t token) {
  if (params_.repetition_penalty == 1.0F) return;
  ++seen_[token];
  if (params_.penalty_window == 0) return;
  window_.push_back(token);
  if (window_.size() <= static_cast<std::size_t>(params_.penalty_window)) return;
  const auto oldest = seen_.find(window_.front());
  if (--oldest->second == 0) seen_.erase(oldest);
  window_.pop_front();
}

// The repetition penalty is that of CTRL (Keskar et al. 2019, section 4.1),
// mirrored for negative logits, so that more is always less likely.
void Sampler::penalize(std::span<float> logits) const {
  for (const auto& [token, count] : seen_) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = logit > 0 ? std::min(logit / params_.repetition_penalty, kLargest)
                      : logit * params_.repetition_penalty;
  }
  for (const auto& [token, count] : said_) {
    logits[static_cast<std::size_t>(token)] -=
        params_.frequency_penalty * static_cast<float>(count) + params_.presence_penalty;
  }
}

std::span<const float> Sampler::adjust(std::span<const float> logits, std::vector<float>& copy) {
  if (!mask_ && params_.logit_bias.empty() && seen_.empty() && said_.empty()) return logits;
  copy.assign(logits.begin(), logits.end());
  if (mask_) mask_->apply(copy);
  for (const auto& [token, bias] : params_.logit_bias) {
    copy[static_cast<std::size_t>(token)] += bias;
  }
  penalize(copy);
  return copy;
}

Result<Pick> Sampler::pick(std::span<const float> logits, SamplerScratch& scratch) {
  const std::span<const float> adjusted = adjust(logits, scratch.logits);
  ONDOL_TRY(const std::int32_t best, find_best(adjusted));
  Pick pick;
  if (n_top_logprobs_ >= 0) {
    const double log_total = log_sum_exp(adjusted, best);
    pick.top =
        top_logprobs(adjusted, n_top_logprobs_, log_total, scratch.candidates, scratch.filter);
    pick.token = params_.temperature == 0 ? best : draw(adjusted, scratch);
    pick.logprob = static_cast<float>(adjusted[static_cast<std::size_t>(pick.token)] - log_total);
  } else {
    pick.token = params_.temperature == 0 ? best : draw(adjusted, scratch);
  }
  ++n_drawn_;
  if (mask_) mask_->accept(pick.token);
  if (params_.frequency_penalty != 0 || params_.presence_penalty != 0) ++said_[pick.token];
  see(pick.token);
  return pick;
}

// REQUIRES: at least one logit is finite, none is NaN or +infinity.
std::int32_t Sampler::draw(std::span<const float> logits, SamplerScratch& scratch) const {
  std::vector<Candidate>& candidates = scratch.candidates;
  collect_candidates(logits, params_.top_k, candidates, scratch.filter);
  set_weights(candidates);
  if (params_.typical_p < 1) keep_typical(candidates, params_.typical_p, scratch.filter);
  if (params_.top_p < 1) keep_top_p(candidates, params_.top_p, scratch.filter);
  if (params_.min_p > 0) keep_min_p(candidates, params_.min_p);

  double max_logit = candidates.front().logit;
  for (const Candidate& c : candidates) max_logit = std::max<double>(max_logit, c.logit);
  double total = 0;
  for (Candidate& c : candidates) {
    if (params_.temperature != 1) c.weight = std::exp((c.logit - max_logit) / params_.temperature);
    total += c.weight;
  }
  // The draw walks the cumulative weights in the order of ids. Rounding may leave
  // it past the end: then the last token with any weight is the one.
  double rest = random_unit(params_.seed, n_drawn_) * total;
  std::int32_t token = candidates.front().token;
  for (const Candidate& c : candidates) {
    if (c.weight == 0) continue;
    token = c.token;
    rest -= c.weight;
    if (rest < 0) break;
  }
  return token;
}

}  // namespace ondol::engine
