#include "api/anthropic/messages_request.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>

#include "api/anthropic/conversation.h"
#include "api/anthropic/tools.h"
#include "text/stop_matcher.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMinThinkingTokens = 1024;  // as the Messages API has it

void read_sampling(Fields& fields, SamplingFields& out) {
  out.temperature = fields.number("temperature", {0, 1});
  out.top_p = fields.number("top_p", {1e-6, 1});
  out.top_k = fields.integer("top_k", 0, std::numeric_limits<std::int32_t>::max());
}

// How long a model thinks is its own business: max_tokens bounds thought and answer together.
// Without the field it does not think, where its template has a switch for that.
void read_thinking(Fields& fields, ChatRequest& out) {
  bool thinks = false;
  if (auto thinking = fields.object("thinking")) {
    thinking->require("type");
    const auto type = thinking->word("type", {"enabled", "disabled", "adaptive"});
    thinks = type != "disabled";
    if (type == "enabled") {
      thinking->require("budget_tokens");
      thinking->integer("budget_tokens", kMinThinkingTokens, kMaxTokensLimit);
    }
    if (thinks) thinking->word("display", {"summarized"});
    thinking->refuse_unknown();
  }
  out.prompt.extra["enable_thinking"] = thinks;
}

void read_output_config(Fields& fields, ChatRequest& out) {
  auto config = fields.object("output_config");
  if (!config) return;
  config->word("effort", {"high"});  // the default: there is no other
  if (auto format = config->object("format")) {
    format->require("type");
    format->word("type", {"json_schema"});
    format->require("schema");
    if (const auto schema = format->object("schema")) {
      out.format = text::Structure::json_schema(json::serialize(schema->json()));
      out.format_param = "output_config.format.schema";
    }
    format->refuse_unknown();
  }
  config->refuse_unknown();
}

// For the operator's records, or hints that change no answer.
void read_notes(Fields& fields) {
  if (auto metadata = fields.object("metadata")) {
    metadata->string("user_id");
    metadata->refuse_unknown();
  }
  fields.word("service_tier", {"auto", "standard_only"});
  fields.word("speed", {"standard"});
  fields.ignore("cache_control");
}

void read_unsupported(Fields& fields) {
  fields.refuse_unsupported("container", "containers are not supported");
  fields.refuse_unsupported("mcp_servers", "MCP servers are not supported");
  fields.refuse_unsupported("context_management", "managing the context is not supported");
  fields.refuse_unsupported("diagnostics", "diagnostics are not supported");
  fields.refuse_unsupported("inference_geo", "this server is in one place");
}

// Takes the assistant's last message, if the conversation ends with one, as the beginning of
// the answer.
void take_prefill(Fields& fields, MessagesRequest& out) {
  json::array& messages = out.chat.prompt.messages;
  if (fields.refused() || messages.empty()) return;
  json::object& last = messages.back().as_object();
  if (last["role"] != "assistant") return;
  const std::string path = "messages";
  if (last.contains("tool_calls")) {
    return fields.refuse(path, "messages ends with a tool_use: its tool_result is missing");
  }
  if (out.chat.format || out.chat.tool_choice.mode != text::ToolChoice::Mode::kNone) {
    return fields.refuse(
        path, "messages ends with the assistant's: an answer with tools or a format cannot be begun",
        "unsupported_value");
  }
  out.prefill = last["content"].as_string();
  if (!out.prefill.empty() && std::string_view(" \t\r\n").contains(out.prefill.back())) {
    return fields.refuse(path, "messages: the assistant's last message ends with white space");
  }
  messages.pop_back();
}

}  // namespace

OrRefusal<MessagesRequest> read_messages_request(std::string_view body, Purpose purpose) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  MessagesRequest out;
  ChatRequest& chat = out.chat;
  chat.common.model = fields.string("model").value_or("");
  chat.prompt.messages = read_conversation(fields);
  read_tools(fields, chat);
  read_thinking(fields, chat);
  read_output_config(fields, chat);
  read_notes(fields);
  read_unsupported(fields);
  if (purpose == Purpose::kAnswer) {
    fields.require("max_tokens");
    chat.max_tokens = fields.integer("max_tokens", 1, kMaxTokensLimit);
    chat.common.stops = fields.string_or_strings("stop_sequences", text::StopMatcher::kMaxStops);
    chat.common.stream = fields.flag("stream").value_or(false);
    read_sampling(fields, chat.common.sampling);
  }
  take_prefill(fields, out);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

OrRefusal<GenerationPlan> messages_plan(const MessagesRequest& request,
                                        std::shared_ptr<const ServedModel> model) {
  if (request.prefill.empty()) return chat_plan(request.chat, std::move(model));
  ONDOL_TRY(std::string text, chat_prompt_text(*model, request.chat.prompt));
  ONDOL_TRY(auto ids, model->tokenizer->encode(text + request.prefill, {.add_special = false}));
  return plan_of_ids(request.chat, std::move(ids), std::move(model));
}

}  // namespace ondol::api::anthropic
