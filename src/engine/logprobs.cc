#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ondol::engine {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

}  // namespace

Result<std::int32_t> find_best(std::span<const float> logits) {
  std::size_t best = 0;
  bool is_sound = true;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    is_sound &= logits[i] <= kLargest;  // false for NaN too
    if (logits[i] > logits[best]) best = i;
  }
  if (!is_sound) {
    return fail(ErrorCode::kInternal, "sampler", "logits",
                "the model's output holds NaN or infinity");
  }
  if (logits[best] == kForbidden) {
    return fail(ErrorCode::kInvalidArgument, "sampler", "logits",
                "mask and bias leave no token to pick");
  }
  return static_cast<std::int32_t>(best);
}

double log_sum_exp(std::span<const float> logits, std::int32_t best) {
  const float max_logit = logits[static_cast<std::size_t>(best)];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - max_logit);
  return max_logit + std::log(sum);
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, std::int32_t n,
                                       double log_total, std::vector<Candidate>& candidates,
                                       FilterScratch& scratch) {
  std::vector<TokenLogprob> top;
  if (n <= 0) return top;
  collect_candidates(logits, n, candidates, scratch);
  for (const Candidate& c : candidates) {
    top.push_back({c.token, static_cast<float>(c.logit - log_total)});
  }
  std::sort(top.begin(), top.end(), [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.token < b.token;
  });
  return top;
}

}  // namespace ondol::engine
