// What a caller asks of the engine and what comes back: plain data. The engine
// knows token ids only; text, JSON and sockets belong to its callers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ondol::engine {

/// Restricts the next token; how a grammar reaches the engine. Owned by one
/// request, called on the engine thread only.
class TokenMask {
 public:
  virtual ~TokenMask() = default;
  /// Sets forbidden logits to -infinity. logits: [n_vocab]
  virtual void apply(std::span<float> logits) = 0;
  /// The token that was picked.
  virtual void accept(std::int32_t token) = 0;
};

/// Fields at their defaults do nothing; temperature 0 is greedy. Order of the
/// steps: mask, bias, penalties, top-k, typical, top-p, min-p, temperature, draw.
struct SamplingParams {
  float temperature = 1.0F;         // [0, 100]
  std::int32_t top_k = 0;           // 0: off
  float top_p = 1.0F;               // (0, 1], 1: off
  float min_p = 0.0F;               // [0, 1), 0: off
  float typical_p = 1.0F;           // (0, 1], 1: off
  float repetition_penalty = 1.0F;  // (0, 100], 1: off; divides or multiplies logits of seen tokens
  float frequency_penalty = 0.0F;   // [-2, 2], times the count in the output so far
  float presence_penalty = 0.0F;    // [-2, 2], once for each token in the output so far
  std::int32_t penalty_window = 0;  // last n tokens that repetition_penalty sees; 0: all
  std::vector<std::pair<std::int32_t, float>> logit_bias;  // added; [-100, 100]
  std::uint64_t seed = 0;  // the same seed and request give the same tokens
};

constexpr std::int32_t kMaxTopLogprobs = 1024;
constexpr std::int64_t kMaxPromptLogprobs = 1 << 20;  // tokens times (1 + n_top_logprobs)

struct GenerationRequest {
  std::vector<std::int32_t> prompt;  // not empty
  std::int64_t max_tokens = 256;     // new tokens at most; 0 computes the prompt only
  SamplingParams sampling;
  std::vector<std::int32_t> stop_tokens;  // end the answer, are not part of it
  std::int32_t n_top_logprobs = -1;       // -1: none, 0: of the chosen token only, else + top n
  std::int32_t priority = 0;              // higher goes first
  std::uint64_t tenant = 0;      // whose request it is; fair shares and shared pages are a tenant's
  bool use_prefix_cache = true;  // false: every prompt token is computed
  bool wants_embedding = false;  // with max_tokens 0: see Event::embedding
  bool wants_prompt_logprobs = false;  // see Event::Kind::kPrompt
  std::unique_ptr<TokenMask> mask;     // may be null
  bool speculate = true;               // with EngineOptions::speculation; never changes tokens
};

enum class FinishReason : std::uint8_t {
  kStop,       // a stop token
  kLength,     // max_tokens or the context's end
  kToolCall,   // set by callers that parse tool calls
  kCancelled,  // cancel() or the stream was dropped
  kError,
};

struct TokenLogprob {
  std::int32_t token = 0;
  float logprob = 0;  // of the distribution before temperature and filters
};

/// Where the time of a request went, milliseconds.
struct Timings {
  double queue_ms = 0;                // submit to first computed token
  double prefill_ms = 0;              // first computed token to first token out
  double decode_ms = 0;               // first token out to the last
  std::int64_t n_prompt = 0;          // prompt tokens
  std::int64_t n_cached = 0;          // of them, found in the cache
  std::int64_t n_decoded = 0;         // new tokens
  std::int64_t n_draft = 0;           // tokens guessed by speculation
  std::int64_t n_draft_accepted = 0;  // of them, those that the answer says
};

/// One kPrompt if it was asked for, zero or more tokens, then exactly one finish.
struct Event {
  enum class Kind : std::uint8_t { kPrompt, kToken, kFinish } kind = Kind::kToken;
  // kToken
  std::int32_t token = 0;
  float logprob = 0;
  std::vector<TokenLogprob> top;
  // kPrompt: what the model thought of the prompt, before any mask, bias or penalty.
  std::vector<TokenLogprob> prompt_logprobs;          // [n_prompt - 1], of prompt[i + 1]
  std::vector<std::vector<TokenLogprob>> prompt_top;  // the same, best first; if n_top_logprobs > 0
  // kFinish
  FinishReason reason = FinishReason::kStop;
  std::optional<Error> error;  // with kError
  Timings timings;
  std::vector<float> embedding;  // [d_model] if asked for: the mean over the prompt's tokens of
                                 // the hidden state after the final norm; not normalised
};

}  // namespace ondol::engine
