// A request of POST /v1/messages or /v1/messages/count_tokens, read and checked: a chat
// completion's request in the end.
// Owner: one request. Threads: plain value.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace ondol::api::anthropic {

enum class Purpose : std::uint8_t { kAnswer, kCount };

struct MessagesRequest {
  ChatRequest chat;
  /// The last message was the assistant's: the answer goes on from its text.
  std::string prefill;
};

/// Errors: 400.
OrRefusal<MessagesRequest> read_messages_request(std::string_view body, Purpose purpose);

/// Renders and tokenizes. Errors: 400.
OrRefusal<GenerationPlan> messages_plan(const MessagesRequest& request,
                                        std::shared_ptr<const ServedModel> model);

}  // namespace ondol::api::anthropic
