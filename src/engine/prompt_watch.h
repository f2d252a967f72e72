// What a request wants to know of its prompt beside the next token: the mean of
// the hidden states, or the log-probability of each token. It looks at the rows of
// each step that computes a part of the prompt.
//
// The order of the sums is that of the tokens, so chunks change nothing. A
// prompt that is computed anew (preemption) is not seen twice.
//
// Owner: one request. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "model/model.h"

namespace ondol::engine {

class PromptWatch {
 public:
  explicit PromptWatch(const GenerationRequest& request);

  /// The model's last forward computed n_rows tokens of the prompt from `position` on, in the
  /// rows of its batch from first_row on. Errors: kInternal for logits that are no numbers.
  Result<void> see(model::Model& model, std::span<const std::int32_t> prompt, std::int64_t position,
                   std::int32_t first_row, std::int64_t n_rows, SamplerScratch& scratch);

  bool wants_logprobs() const { return wants_logprobs_; }
  /// The kPrompt event. REQUIRES: all of the prompt was seen.
  Event take_logprobs();
  /// Event::embedding; empty if not asked for. REQUIRES: all of the prompt was seen.
  std::vector<float> embedding() const;

 private:
  void add_hidden(std::span<const float> rows, std::size_t n_rows);
  Result<void> add_logits(std::span<const float> logits, std::int32_t next,
                          SamplerScratch& scratch);

  bool wants_embedding_;
  bool wants_logprobs_;
  std::int32_t n_top_;
  std::int64_t n_seen_ = 0;         // tokens of the prompt
  std::vector<double> hidden_sum_;  // [d_model]
  Event event_;
};

}  // namespace ondol::engine
