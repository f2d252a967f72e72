// Log-probabilities of one row of logits.
//
// Threads: pure functions. All take the index of the largest logit, from find_best(),
// which also says whether the row is sound.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/filters.h"
#include "engine/request.h"

namespace ondol::engine {

/// The index of the largest logit, the lower one among equals. Errors: kInternal when a
/// logit is NaN or +infinity, kInvalidArgument when all are -infinity.
Result<std::int32_t> find_best(std::span<const float> logits);

/// log(sum(exp(logits))). `best` is the index of the largest.
double log_sum_exp(std::span<const float> logits, std::int32_t best);

/// The n likeliest tokens, best first. `log_total` is log_sum_exp().
std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, std::int32_t n,
                                       double log_total, std::vector<Candidate>& candidates,
                                       FilterScratch& scratch);

}  // namespace ondol::engine
