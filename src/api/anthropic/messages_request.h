// A request of POST /v1/messages or /v1/messages/count_tokens, read and checked: a chat
// completion's request in the end.
// Owner: one request. Threads: plain value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace ondol::api::anthropic {

enum class Purpose : std::uint8_t { kAnswer, kCount };

struct MessagesRequest {
  ChatRequest chat;
  bool must_think = false;  // thinking.type is "enabled"
  /// The text of the last message if that was the assistant's: the answer goes on from it.
  std::string prefill;
};

/// Errors: 400.
OrRefusal<MessagesRequest> read_messages_request(std::string_view body, Purpose purpose);

/// What the model is to see. Errors: 400.
OrRefusal<RenderedChat> render_messages(const MessagesRequest& request, const ServedModel& model);
/// Errors: 400.
OrRefusal<GenerationPlan> messages_plan(const MessagesRequest& request,
                                        std::shared_ptr<const ServedModel> model);

}  // namespace ondol::api::anthropic
