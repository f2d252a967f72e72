// A text completion's request, read and checked.
// Owner: one request. Threads: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/generation_fields.h"
#include "api/structured_output.h"

namespace ondol::api {

/// A text, or the ids of its tokens.
using TextOrIds = std::variant<std::string, std::vector<std::int32_t>>;

/// A text, ids, or a list of either, as the fields `prompt` and `input` have it.
/// Mistakes are left in the fields' refusal.
std::vector<TextOrIds> read_texts(Fields& fields, std::string_view name, std::size_t max_items);

/// Ids as they are; texts encoded. Errors: those of the tokenizer.
OrRefusal<std::vector<std::vector<std::int32_t>>> ids_of(const std::vector<TextOrIds>& texts,
                                                         const ServedModel& model,
                                                         bool add_special);

struct CompletionRequest {
  GenerationFields common;
  std::vector<TextOrIds> prompts;
  std::int64_t max_tokens = 16;  // the OpenAI reference's default
  std::int32_t n_top_logprobs = -1;
  std::optional<StructuredOutput> structured;
  bool echo = false;
  bool add_special = true;  // BOS before a text, where the tokenizer does so
};

/// Errors: 400.
OrRefusal<CompletionRequest> read_completion_request(std::string_view body);
OrRefusal<GenerationPlan> completion_plan(const CompletionRequest& request,
                                          std::shared_ptr<const ServedModel> model);

/// A prompt as an answer repeats it.
struct EchoedPrompt {
  std::string text;
  std::int32_t first_token = 0;
  std::vector<std::size_t> offsets;  // [n_tokens] characters before each token
};
std::vector<EchoedPrompt> echoed_prompts(const CompletionRequest& request, const ServedModel& model,
                                         const std::vector<std::vector<std::int32_t>>& ids);

}  // namespace ondol::api
