// What Ollama's requests have in common: the model, the options, the form of the answer.
//
// Options that ask how the work is done, not what comes out (num_thread, num_gpu, ...),
// are the operator's to choose and are ignored, as is keep_alive: models stay until others
// need their memory. What would change the answer is done, or refused by name.
//
// Owner: one request. Threads: plain values.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "api/call.h"
#include "api/chat_request.h"

namespace ondol::api::ollama {

struct CommonFields {
  GenerationFields generation;
  std::int64_t max_tokens = kMaxTokensLimit;
  std::int64_t num_ctx = 0;  // tokens that the context has to hold
  std::optional<bool> think;
  std::int32_t n_top_logprobs = -1;  // as GenerationPlan
  bool wants_unload = false;         // keep_alive is 0
};

/// Mistakes are left in the fields' refusal.
CommonFields read_common(Fields& fields);

/// `options` of requests that write no text: known names only, nothing is done with them.
void read_unused_options(Fields& fields);
/// True: the model is to go at once.
bool read_keep_alive(Fields& fields);

/// `model`, or its older name `name`. Required.
std::string read_model(Fields& fields);

/// The id of a name: "llama" and "llama:latest" are one model.
std::string model_id(const Call& call, const std::string& name);

/// `format`, as the response_format of a chat completion; null: none.
boost::json::value read_format(Fields& fields);

/// The chat completion that a request is in other words. `fields` are those of one: its
/// messages, tools and response_format. Errors: 400 in the words of this wire.
OrRefusal<ChatRequest> chat_request_of(const CommonFields& common, boost::json::object fields);
/// A refusal about the chat completion, in the words of this wire.
Refusal in_own_words(Refusal refusal);

/// Errors: 400 when the served context is smaller than num_ctx, or the model cannot think.
OrRefusal<void> check_model(const CommonFields& common, const ServedModel& model);

/// 400: an empty request with keep_alive 0 asks for what the server decides itself.
Refusal no_unloading();

}  // namespace ondol::api::ollama
