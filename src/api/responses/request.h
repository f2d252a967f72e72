// A request for a response (POST /v1/responses), read and checked, and the chat
// completion that it is in other words: what both APIs have in common (sampling, tools,
// formats, the chat template) is read and refused in one place, chat_request.h, and
// refusals are told in the client's words.
//
// Owner: one request. Threads: plain values.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/chat_request.h"
#include "api/store/response_store.h"

namespace ondol::api {

struct ResponseRequest {
  boost::json::array input;    // of read_input
  std::string instructions;    // empty: none
  std::string previous_id;     // empty: a new conversation
  std::optional<bool> store;   // absent: if the server keeps responses
  boost::json::object chat;    // fields of a chat completion, but for its messages
  boost::json::object echoed;  // parameters as the response repeats them
};

/// Errors: 400.
OrRefusal<ResponseRequest> read_response_request(std::string_view body);

/// `turns` are the responses before it, oldest first. Errors: 400.
OrRefusal<ChatRequest> chat_request_of(const ResponseRequest& request,
                                       const std::vector<StoredResponse>& turns);

/// The tokens of the last turn: of its prompt and its answer.
std::vector<std::int32_t> context_of(const std::vector<StoredResponse>& turns);

/// A refusal about the chat completion, with the names of the response's parameters.
/// `origins` are those of its messages (ChatMessages).
Refusal in_response_words(Refusal refusal, const std::vector<std::string>& origins);

}  // namespace ondol::api
