// Options of sampling and of when to stop, for complete and chat.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/request.h"

namespace ondol::app {

struct SamplingOptions {
  std::optional<float> temperature, top_p, min_p, typical_p;
  std::optional<float> repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<std::int32_t> top_k;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> logit_bias;  // "ID=BIAS"
  std::vector<std::string> stops;
};

void add_sampling_options(CLI::App& command, SamplingOptions& options);

/// What was given, over `recommended`. A missing seed is drawn from the system.
Result<engine::SamplingParams> sampling_params(const SamplingOptions& options,
                                               engine::SamplingParams recommended);

}  // namespace ondol::app
