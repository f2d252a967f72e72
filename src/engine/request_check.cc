#include "engine/request_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "base/checked.h"

namespace ondol::engine {
namespace {

constexpr std::string_view kRequest = "request";
constexpr std::string_view kEngine = "engine";

// A range with open or closed ends: "[0, 100]", "(0, 1]", "[0, 1)".
struct Range {
  float low;
  float high;
  bool has_low = true;
  bool has_high = true;

  bool holds(float value) const {  // false for NaN
    return (has_low ? value >= low : value > low) && (has_high ? value <= high : value < high);
  }
  std::string text() const {
    return fmt::format("{}{}, {}{}", has_low ? '[' : '(', low, high, has_high ? ']' : ')');
  }
};

Result<void> check_float(std::string_view field, float value, Range range) {
  if (range.holds(value)) return {};
  return fail(ErrorCode::kInvalidArgument, kRequest, field, "outside its range",
              fmt::format("{}", value), range.text());
}

Result<void> check_int(std::string_view where, std::string_view field, std::int64_t value,
                       std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return {};
  return fail(ErrorCode::kInvalidArgument, where, field, "outside its range", std::to_string(value),
              value < low ? fmt::format(">= {}", low) : fmt::format("<= {}", high));
}

Result<void> check_token(std::string_view field, std::int32_t token, std::int64_t n_vocab) {
  if (token >= 0 && token < n_vocab) return {};
  return fail(ErrorCode::kInvalidArgument, kRequest, field, "a token id outside the vocabulary",
              std::to_string(token), fmt::format("[0, {}]", n_vocab - 1));
}

Result<void> check_sampling(const SamplingParams& params, std::int64_t n_vocab) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
  ONDOL_TRY_VOID(check_float("temperature", params.temperature, {0, 100}));
  ONDOL_TRY_VOID(check_int(kRequest, "top_k", params.top_k, 0, kAny));
  ONDOL_TRY_VOID(check_float("top_p", params.top_p, {0, 1, false, true}));
  ONDOL_TRY_VOID(check_float("min_p", params.min_p, {0, 1, true, false}));
  ONDOL_TRY_VOID(check_float("typical_p", params.typical_p, {0, 1, false, true}));
  ONDOL_TRY_VOID(check_float("repetition_penalty", params.repetition_penalty, {0, 100, false}));
  ONDOL_TRY_VOID(check_float("frequency_penalty", params.frequency_penalty, {-2, 2}));
  ONDOL_TRY_VOID(check_float("presence_penalty", params.presence_penalty, {-2, 2}));
  ONDOL_TRY_VOID(check_int(kRequest, "penalty_window", params.penalty_window, 0, kAny));
  ONDOL_TRY_VOID(check_int(kRequest, "logit_bias",
                           static_cast<std::int64_t>(params.logit_bias.size()), 0, n_vocab));
  for (const auto& [token, bias] : params.logit_bias) {
    ONDOL_TRY_VOID(check_token("logit_bias", token, n_vocab));
    ONDOL_TRY_VOID(check_float("logit_bias", bias, {-100, 100}));
  }
  return {};
}

// What a request wants to know of its prompt.
Result<void> check_observation(const GenerationRequest& request) {
  if (request.wants_embedding) {
    ONDOL_TRY_VOID(check_int(kRequest, "max_tokens", request.max_tokens, 0, 0));
  }
  if (!request.wants_prompt_logprobs) return {};
  const auto n_prompt = static_cast<std::int64_t>(request.prompt.size());
  const std::int64_t n_each = 1 + std::max(request.n_top_logprobs, 0);
  if (n_prompt * n_each <= kMaxPromptLogprobs) return {};
  return fail(ErrorCode::kInvalidArgument, kRequest, "wants_prompt_logprobs",
              "too many log-probabilities for one answer", n_prompt * n_each, kMaxPromptLogprobs);
}

}  // namespace

Result<void> check_request(const GenerationRequest& request, std::int64_t n_vocab,
                           std::int64_t max_context) {
  if (request.prompt.empty()) {
    return fail(ErrorCode::kInvalidArgument, kRequest, "prompt", "no tokens", "0", ">= 1");
  }
  const auto n_needed = static_cast<std::int64_t>(request.prompt.size()) + 1;
  if (n_needed > max_context) {
    return fail(ErrorCode::kLimit, kRequest, "prompt",
                "the prompt and one token more exceed the context", n_needed, max_context);
  }
  for (const std::int32_t token : request.prompt) {
    ONDOL_TRY_VOID(check_token("prompt", token, n_vocab));
  }
  ONDOL_TRY_VOID(check_int(kRequest, "max_tokens", request.max_tokens, 0,
                           std::numeric_limits<std::int64_t>::max()));
  ONDOL_TRY_VOID(check_int(kRequest, "stop_tokens",
                           static_cast<std::int64_t>(request.stop_tokens.size()), 0, n_vocab));
  for (const std::int32_t token : request.stop_tokens) {
    ONDOL_TRY_VOID(check_token("stop_tokens", token, n_vocab));
  }
  ONDOL_TRY_VOID(
      check_int(kRequest, "n_top_logprobs", request.n_top_logprobs, -1, kMaxTopLogprobs));
  ONDOL_TRY_VOID(check_observation(request));
  return check_sampling(request.sampling, n_vocab);
}

Result<EngineOptions> complete_options(const EngineOptions& options, const model::Model& model) {
  const model::ModelInfo& info = model.info();
  constexpr std::int64_t kMany = 1 << 20;
  constexpr std::size_t kMaxFingerprint = 4096;
  constexpr std::int64_t kMaxSlots = std::numeric_limits<std::int32_t>::max();
  EngineOptions out = options;
  ONDOL_TRY_VOID(check_int(kEngine, "kv_tokens", out.kv_tokens, 0, kMaxSlots));
  ONDOL_TRY_VOID(check_int(kEngine, "page_tokens", out.page_tokens, 1, 4096));
  ONDOL_TRY_VOID(check_int(kEngine, "max_sequences", out.max_sequences, 1, kMany));
  ONDOL_TRY_VOID(check_int(kEngine, "max_waiting", out.max_waiting, 1, kMany));
  if (!(out.max_step_ms >= 0)) {  // false for NaN
    return fail(ErrorCode::kInvalidArgument, kEngine, "max_step_ms", "outside its range",
                fmt::format("{}", out.max_step_ms), ">= 0");
  }
  ONDOL_TRY_VOID(
      check_int(kEngine, "max_batch_tokens", out.max_batch_tokens, 1, model.max_batch_tokens()));
  if (out.max_batch_tokens < out.max_sequences) {
    return fail(ErrorCode::kInvalidArgument, kEngine, "max_sequences",
                "a step has less than one token for each running sequence", out.max_sequences,
                out.max_batch_tokens);
  }
  if (!out.spill_path.empty()) {
    if (out.fingerprint.empty() || out.fingerprint.size() > kMaxFingerprint) {
      return fail(ErrorCode::kInvalidArgument, kEngine, "fingerprint",
                  "pages on disk must name the model they are of",
                  std::to_string(out.fingerprint.size()), fmt::format("[1, {}]", kMaxFingerprint));
    }
    if (out.spill_max_bytes == 0) {
      return fail(ErrorCode::kInvalidArgument, kEngine, "spill_max_bytes", "no room for any page",
                  "0", ">= 1");
    }
  }
  if (out.max_context == 0) {
    out.max_context = info.max_context;
    if (out.kv_tokens > 0) out.max_context = std::min(out.max_context, out.kv_tokens);
  }
  ONDOL_TRY_VOID(
      check_int(kEngine, "max_context", out.max_context, 2, std::min(info.max_context, kMaxSlots)));
  if (out.kv_tokens == 0) out.kv_tokens = out.max_context;
  if (out.kv_tokens < out.max_context) {
    return fail(ErrorCode::kInvalidArgument, kEngine, "kv_tokens",
                "less than one sequence of max_context tokens", out.kv_tokens, out.max_context);
  }
  out.kv_tokens = ceil_div(out.kv_tokens, out.page_tokens) * out.page_tokens;
  ONDOL_TRY_VOID(check_int(kEngine, "kv_tokens", out.kv_tokens, 1, kMaxSlots));
  return out;
}

Result<std::uint64_t> kv_cache_bytes(const device::KvCacheShape& shape) {
  const auto head_bytes = row_bytes(shape.dtype, static_cast<std::uint64_t>(shape.d_head));
  if (!head_bytes) {
    return fail(ErrorCode::kUnsupported, kEngine, "kv_dtype",
                "the head is no whole number of blocks of this type", std::to_string(shape.d_head),
                std::string(name(shape.dtype)));
  }
  std::optional<std::uint64_t> bytes = 2 * *head_bytes;  // keys and values
  for (const std::int64_t n :
       {shape.n_layers, shape.n_kv_heads, shape.page_tokens, shape.n_pages}) {
    if (bytes) bytes = checked_mul(*bytes, static_cast<std::uint64_t>(n));
  }
  if (!bytes) {
    return fail(ErrorCode::kOutOfMemory, kEngine, "kv_tokens", "the cache fits no machine",
                std::to_string(shape.n_pages * shape.page_tokens), {});
  }
  return *bytes;
}

Result<std::unique_ptr<device::KvCache>> make_kv_cache(device::Device& device,
                                                       const device::KvCacheShape& shape) {
  if (!device.supports(device::Op::kKvCache, shape.dtype)) {
    return fail(ErrorCode::kUnsupported, kEngine, "kv_dtype",
                "this device keeps no cache of this type", std::string(name(shape.dtype)), {});
  }
  ONDOL_TRY_VOID(kv_cache_bytes(shape));
  return device.make_kv_cache(shape);
}

}  // namespace ondol::engine
