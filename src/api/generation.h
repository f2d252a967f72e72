// From a checked request to its answers: what every wire (chat, completions,
// embeddings, ...) does alike. A plan's answers are submitted to the engine, their
// tokens become text (StreamingDetokenizer, StopMatcher, OutputParser), and a sink
// of the wire is told.
//
// Threads: everything runs on the exchange's strand; the engine only posts to it.
// Nothing waits: while the peer reads slowly (Exchange::queued_bytes) no event is
// taken, and when it is gone the requests are cancelled at once.
// Owner: the exchange's on_gone callback, until the end; see the .cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.h"
#include "api/errors.h"
#include "api/served_model.h"
#include "engine/request.h"
#include "text/tools/output_parser.h"

namespace ondol::api {

/// Answers to one call at most: prompts times n.
inline constexpr std::int64_t kMaxAnswers = 128;

struct GenerationPlan {
  std::shared_ptr<const ServedModel> model;
  std::vector<std::vector<std::int32_t>> prompts;
  std::string_view prompt_param;  // "messages": where the client gave them; a literal
  int n = 1;                      // answers to each prompt; answer i belongs to prompts[i / n]
  std::int64_t max_tokens = 0;
  engine::SamplingParams sampling;  // answer i of a prompt has seed + i
  std::vector<std::int32_t> stop_tokens;
  std::vector<std::string> stops;
  std::int32_t n_top_logprobs = -1;  // as GenerationRequest
  bool wants_prompt_logprobs = false;
  bool wants_embedding = false;
  bool use_prefix_cache = true;
  /// One for each answer; may be empty.
  std::function<std::unique_ptr<engine::TokenMask>()> make_mask;
  /// How the text becomes content, reasoning and tool calls; absent: all is content.
  std::optional<text::OutputParserOptions> parser;

  std::size_t n_answers() const { return prompts.size() * static_cast<std::size_t>(n); }
};

struct AnswerToken {
  std::int32_t id = 0;
  float logprob = 0;
  std::vector<engine::TokenLogprob> top;
  std::size_t offset = 0;  // bytes of the answer's text before it
};

struct AnswerDelta {
  std::vector<text::OutputPiece> pieces;
  std::vector<AnswerToken> tokens;  // whose text has been shown; with n_top_logprobs >= 0 only
};

struct PromptLogprobs {
  std::vector<engine::TokenLogprob> tokens;            // [n_prompt - 1], as Event::prompt_logprobs
  std::vector<std::vector<engine::TokenLogprob>> top;  // the same, or empty
};

struct AnswerEnd {
  std::string_view reason;                // "stop", "length", "tool_calls"
  std::optional<std::size_t> stop_index;  // of plan.stops, if one ended it
  engine::Timings timings;
  std::vector<std::int32_t> tokens;  // all, shown or not
  std::int64_t n_reasoning = 0;      // of them, those that ended within reasoning
  std::vector<float> embedding;
};

struct Usage {
  std::int64_t n_prompt = 0;  // each prompt counts once
  std::int64_t n_cached = 0;
  std::int64_t n_completion = 0;
};

/// A wire's side. begin, then for each answer deltas and one answer_end, then end;
/// or, at any point, fail. Nothing is called after end, fail or the peer's leaving.
class GenerationSink {
 public:
  virtual ~GenerationSink() = default;
  /// The engine has taken the first requests: a stream may send its status.
  virtual void begin() = 0;
  // NOLINTNEXTLINE(performance-unnecessary-value-param): those who override it keep them
  virtual void prompt_logprobs(std::size_t /*answer*/, PromptLogprobs /*logprobs*/) {}
  virtual void delta(std::size_t answer, AnswerDelta delta) = 0;
  virtual void answer_end(std::size_t answer, AnswerEnd end) = 0;
  virtual void end(const Usage& usage) = 0;
  virtual void fail(const Refusal& refusal) = 0;
};

/// Errors of the plan itself, before anything is submitted: 400
/// context_length_exceeded with both counts, stop strings, too many answers.
OrRefusal<void> check_plan(const GenerationPlan& plan);

/// Starts; never blocks. REQUIRES: check_plan was good.
void start_generation(const Call& call, GenerationPlan plan, std::unique_ptr<GenerationSink> sink);

}  // namespace ondol::api
