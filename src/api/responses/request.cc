#include "api/responses/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "api/fields.h"
#include "api/responses/items.h"
#include "api/responses/stored.h"
#include "api/responses/tool_fields.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxTopLogprobs = 20;  // as the OpenAI reference has it
constexpr std::size_t kMaxIncludes = 64;

// The same in both APIs, our additions included. chat_request.h checks them.
constexpr std::array<std::string_view, 22> kShared = {
    "model",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "repeat_last_n",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "seed",
    "stop",
    "stop_token_ids",
    "ignore_eos",
    "cache_prompt",
    "chat_template_kwargs",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
};

json::value given_or_null(const Fields& fields, std::string_view name) {
  const json::value* value = fields.json().if_contains(name);
  return value == nullptr ? json::value(nullptr) : *value;
}

void take(Fields& fields, std::string_view name, std::string_view chat_name, json::object& chat) {
  if (const json::value* value = fields.find(name)) chat[chat_name] = *value;
}

void read_include(Fields& fields, json::object& chat) {
  const json::array* includes = fields.array("include", kMaxIncludes);
  for (std::size_t i = 0; includes != nullptr && i < includes->size() && !fields.refused(); ++i) {
    const std::string path = fmt::format("include[{}]", i);
    const auto name = fields.string_of((*includes)[i], path);
    if (name == "message.output_text.logprobs") {
      chat["logprobs"] = true;
    } else if (name) {
      fields.refuse(path, path + ": only message.output_text.logprobs is supported",
                    "unsupported_value");
    }
  }
}

void read_logprobs(Fields& fields, json::object& chat) {
  read_include(fields, chat);
  const auto n_top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (n_top.value_or(0) > 0) chat["logprobs"] = true;
  if (n_top && chat.contains("logprobs")) chat["top_logprobs"] = *n_top;
}

void read_text(Fields& fields, ResponseRequest& out) {
  json::object echo{{"format", json::object{{"type", "text"}}}};
  if (auto text = fields.object("text")) {
    take(*text, "verbosity", "verbosity", out.chat);
    if (auto format = text->object("format")) {
      echo["format"] = format->json();
      json::value chat_format = chat_response_format(*format);
      if (!chat_format.is_null()) out.chat["response_format"] = std::move(chat_format);
    }
    text->refuse_unknown();
  }
  out.echoed["text"] = std::move(echo);
}

void read_reasoning(Fields& fields, ResponseRequest& out) {
  if (auto reasoning = fields.object("reasoning")) {
    take(*reasoning, "effort", "reasoning_effort", out.chat);
    reasoning->refuse_unsupported("summary", "reasoning is not summed up; it comes whole");
    reasoning->refuse_unsupported("generate_summary", "reasoning is not summed up");
    reasoning->refuse_unknown();
  }
  const json::value* effort = out.chat.if_contains("reasoning_effort");
  out.echoed["reasoning"] = json::object{
      {"effort", effort == nullptr ? json::value(nullptr) : *effort}, {"summary", nullptr}};
}

void read_stream_options(Fields& fields) {
  auto options = fields.object("stream_options");
  if (!options) return;
  options->ignore("include_obfuscation");  // padding against a listener; TLS is another matter
  options->refuse_unknown();
}

// Known to the OpenAI reference. A value that asks for what is done anyway is fine.
void read_unsupported(Fields& fields) {
  if (fields.flag("background").value_or(false)) {
    fields.refuse("background", "background: responses are made while the client waits",
                  "unsupported_parameter");
  }
  if (fields.word("truncation", {"auto", "disabled"}) == "auto") {
    fields.refuse("truncation",
                  "truncation: a conversation that does not fit is refused, never cut",
                  "unsupported_parameter");
  }
  fields.word("service_tier", {"auto", "default"});
  fields.integer("max_tool_calls", 1, kMaxTokensLimit);  // of built-in tools: there are none
  fields.refuse_unsupported("conversation", "conversations go on by previous_response_id");
  fields.refuse_unsupported("prompt", "prompt templates are not supported");
  fields.refuse_unsupported("context_management", "contexts are not compacted");
  fields.refuse_unsupported("moderation", "there is no moderation");
  fields.refuse_unsupported("background_options", "there are no background responses");
  fields.refuse_unsupported("prompt_cache_options", "the cache needs no options");
}

void echo_parameters(const Fields& fields, ResponseRequest& out) {
  json::object& echoed = out.echoed;
  echoed["background"] = false;
  echoed["truncation"] = "disabled";
  echoed["service_tier"] = "default";
  for (const std::string_view name :
       {"instructions", "max_output_tokens", "max_tool_calls", "previous_response_id", "user",
        "safety_identifier", "prompt_cache_key"}) {
    echoed[name] = given_or_null(fields, name);
  }
  const json::value metadata = given_or_null(fields, "metadata");
  echoed["metadata"] = metadata.is_null() ? json::value(json::object()) : metadata;
  const json::value* n_top = out.chat.if_contains("top_logprobs");
  echoed["top_logprobs"] = n_top == nullptr ? json::value(0) : *n_top;
}

}  // namespace

OrRefusal<ResponseRequest> read_response_request(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  ResponseRequest out;
  for (const std::string_view name : kShared) take(fields, name, name, out.chat);
  take(fields, "metadata", "metadata", out.chat);
  take(fields, "max_output_tokens", "max_completion_tokens", out.chat);
  out.instructions = fields.string("instructions").value_or("");
  out.previous_id = fields.string("previous_response_id").value_or("");
  out.store = fields.flag("store");
  out.input = read_input(fields);
  read_logprobs(fields, out.chat);
  read_text(fields, out);
  read_reasoning(fields, out);
  read_stream_options(fields);
  read_tool_fields(fields, out.chat, out.echoed);
  read_unsupported(fields);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  echo_parameters(fields, out);
  return out;
}

OrRefusal<ChatRequest> chat_request_of(const ResponseRequest& request,
                                       const std::vector<StoredResponse>& turns) {
  ChatMessages chat;
  // As the reference has it, those of earlier responses do not stay.
  if (!request.instructions.empty()) {
    chat.messages.push_back(json::object{{"role", "system"}, {"content", request.instructions}});
    chat.origins.emplace_back("instructions");
  }
  for (const StoredResponse& turn : turns) {
    const json::value input = parse_stored(turn.input);
    const json::value body = parse_stored(turn.body);
    chat.append(input.as_array(), "previous_response_id", false);
    chat.append(body.at("output").as_array(), "previous_response_id", false);
  }
  chat.append(request.input, "input", true);

  json::object fields = request.chat;
  fields["messages"] = std::move(chat.messages);
  auto out = read_chat_request(fields);
  if (!out) return tl::unexpected(in_response_words(out.error(), chat.origins));
  out->prompt.known_ids = context_of(turns);
  return out;
}

std::vector<std::int32_t> context_of(const std::vector<StoredResponse>& turns) {
  std::vector<std::int32_t> out;
  for (const StoredResponse& turn : turns) {
    const auto n_shared = std::min(out.size(), static_cast<std::size_t>(turn.n_shared));
    out.resize(n_shared);
    out.insert(out.end(), turn.tail.begin(), turn.tail.end());
  }
  return out;
}

}  // namespace ondol::api
