// The parameters that every generating route has in common, by the names of the
// OpenAI reference, and beyond it by those of vLLM and llama.cpp where they agree.
// They are read before the model is known, and applied when it is.
//
// Owner: one request. Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/fields.h"
#include "api/generation.h"

namespace ondol::api {

inline constexpr std::int64_t kMaxTokensLimit = std::int64_t{1} << 24;

struct SamplingFields {
  std::optional<double> temperature, top_p, min_p, typical_p;
  std::optional<double> repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<std::int64_t> top_k, penalty_window, seed;
  std::vector<std::pair<std::int32_t, float>> logit_bias;

  engine::SamplingParams over(engine::SamplingParams defaults) const;
};

struct GenerationFields {
  std::string model;  // empty: the default one
  SamplingFields sampling;
  std::vector<std::string> stops;
  std::vector<std::int32_t> stop_token_ids;
  bool ignore_eos = false;
  int n = 1;
  bool stream = false;
  bool include_usage = false;
  bool use_prefix_cache = true;

  /// All of the plan but prompts, max_tokens and logprobs.
  GenerationPlan plan_for(std::shared_ptr<const ServedModel> served) const;
};

/// Mistakes are left in the fields' refusal.
GenerationFields read_generation_fields(Fields& fields);

/// Tokens of a prompt in the fields `name`: an array of ids. REQUIRES: it is an array.
std::vector<std::int32_t> read_token_ids(Fields& fields, const boost::json::array& items,
                                         const std::string& path);

}  // namespace ondol::api
