// Picks the next token of one request from its logits. Everything that changes
// from token to token lives here: the penalties' counts, the mask, and how many
// numbers were drawn. The i-th token of a request takes the i-th random number
// of its seed and nothing else does, so that company in the batch and
// preemption change nothing.
//
// Log-probabilities are of the distribution after mask, bias and penalties and
// before filters and temperature. Temperature 0 takes the largest logit (the lower
// id among equals) whatever the filters say.
//
// Owner: one request. Threads: the engine thread only.
// Errors: kInternal when a logit of the model is NaN or +infinity,
// kInvalidArgument when mask, bias and penalties leave no token at all.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/filters.h"
#include "engine/request.h"

namespace ondol::engine {

struct Pick {
  std::int32_t token = 0;
  float logprob = 0;              // when n_top_logprobs >= 0
  std::vector<TokenLogprob> top;  // best first
};

/// Memory of one pick; one for all samplers of a thread.
struct SamplerScratch {
  std::vector<float> logits;  // [n_vocab]
  std::vector<Candidate> candidates;
  FilterScratch filter;
};

class Sampler {
 public:
  /// REQUIRES: params as check_request() accepts them.
  Sampler(SamplingParams params, std::span<const std::int32_t> prompt,
          std::unique_ptr<TokenMask> mask, std::int32_t n_top_logprobs);

  /// The next token; it counts as said. logits: [n_vocab]
  Result<Pick> pick(std::span<const float> logits, SamplerScratch& scratch);

 private:
  std::span<const float> adjust(std::span<const float> logits, std::vector<float>& copy);
  void penalize(std::span<float> logits) const;
  void see(std::int32_t token);
  std::int32_t draw(std::span<const float> logits, SamplerScratch& scratch) const;

  SamplingParams params_;
  std::unique_ptr<TokenMask> mask_;
  std::int32_t n_top_logprobs_;
  std::uint64_t n_drawn_ = 0;
  std::unordered_map<std::int32_t, std::int32_t> said_;  // counts in the output
  std::unordered_map<std::int32_t, std::int32_t> seen_;  // counts in the window
  std::deque<std::int32_t> window_;                      // kept when it has an end
};

}  // namespace ondol::engine
