// A chat completion's request, read and checked; of the model nothing is known yet.
// Owner: one request. Threads: plain value.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "api/chat_prompt.h"
#include "api/generation_fields.h"

namespace ondol::api {

struct ChatRequest {
  GenerationFields common;
  ChatPrompt prompt;
  std::optional<std::int64_t> max_tokens;  // absent: what the context leaves
  std::int32_t n_top_logprobs = -1;        // as GenerationPlan
};

/// Errors: 400.
OrRefusal<ChatRequest> read_chat_request(const boost::json::object& object);

/// Renders and tokenizes. Errors: 400.
OrRefusal<GenerationPlan> chat_plan(const ChatRequest& request,
                                    std::shared_ptr<const ServedModel> model);

}  // namespace ondol::api
