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
// True: the model has to be one that can.
bool read_thinking(Fields& fields, json::object& chat) {
  bool thinks = false;
  bool must_think = false;
  if (auto thinking = fields.object("thinking")) {
    thinking->require("type");
    const auto type = thinking->word("type", {"enabled", "disabled", "adaptive"});
    thinks = type != "disabled";
    must_think = type == "enabled";
    if (must_think) {
      thinking->require("budget_tokens");
      thinking->integer("budget_tokens", kMinThinkingTokens, kMaxTokensLimit);
    }
    if (thinks) thinking->word("display", {"summarized"});
    thinking->refuse_unknown();
  }
  chat["chat_template_kwargs"] = json::object{{"enable_thinking", thinks}};
  return must_think;
}

void read_output_config(Fields& fields, json::object& chat) {
  auto config = fields.object("output_config");
  if (!config) return;
  config->word("effort", {"high"});  // the default: there is no other
  if (auto format = config->object("format")) {
    format->require("type");
    format->word("type", {"json_schema"});
    format->require("schema");
    if (const auto schema = format->object("schema")) {
      chat["response_format"] = json::object{
          {"type", "json_schema"},
          {"json_schema",
           json::object{{"name", "format"}, {"schema", schema->json()}, {"strict", true}}}};
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
std::string take_prefill(Fields& fields, json::object& chat) {
  json::array& messages = chat["messages"].as_array();
  if (fields.refused() || messages.size() < 2) return "";
  const json::object last = messages.back().as_object();
  if (last.at("role") != "assistant") return "";
  std::string text(last.at("content").as_string());
  if (last.contains("tool_calls")) {
    fields.refuse("messages", "messages ends with a tool_use: its tool_result is missing");
  } else if (chat.contains("tools") || chat.contains("response_format")) {
    fields.refuse("messages",
                  "messages ends with the assistant's: with tools or a format, an answer cannot "
                  "be begun for it",
                  "unsupported_value");
  } else if (text.empty() || std::string_view(" \t\r\n").find(text.back()) != std::string::npos) {
    fields.refuse("messages",
                  "messages ends with the assistant's, which is empty or ends with white space");
  }
  messages.pop_back();
  return text;
}

// What the chat completion is asked by other names here.
Refusal in_own_words(Refusal refusal) {
  std::string path = refusal.param;
  const auto replace = [&](std::string_view from, std::string_view to) {
    const auto at = path.find(from);
    if (at != std::string::npos) path.replace(at, from.size(), to);
  };
  if (path == "stop") {  // the name alone: the message speaks of stop strings
    if (refusal.message.starts_with(path)) refusal.message.insert(path.size(), "_sequences");
    refusal.param = "stop_sequences";
    return refusal;
  }
  if (path.starts_with("response_format")) {
    path = "output_config.format.schema";
  } else if (path.starts_with("tools[")) {
    replace(".function.parameters", ".input_schema");
    replace(".function", "");
  } else if (path.starts_with("messages[")) {
    path = "messages";  // ours are others
  }
  return renamed(std::move(refusal), path);
}

}  // namespace

OrRefusal<MessagesRequest> read_messages_request(std::string_view body, Purpose purpose) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  GenerationFields common;
  common.model = fields.string("model").value_or("");
  json::object chat = {{"messages", read_conversation(fields)}};
  read_tools(fields, chat);
  MessagesRequest out;
  out.must_think = read_thinking(fields, chat);
  read_output_config(fields, chat);
  read_notes(fields);
  read_unsupported(fields);
  std::optional<std::int64_t> max_tokens;
  if (purpose == Purpose::kAnswer) {
    fields.require("max_tokens");
    max_tokens = fields.integer("max_tokens", 1, kMaxTokensLimit);
    common.stops = fields.string_or_strings("stop_sequences", text::StopMatcher::kMaxStops);
    common.stream = fields.flag("stream").value_or(false);
    read_sampling(fields, common.sampling);
  }
  out.prefill = take_prefill(fields, chat);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  auto read = read_chat_request(chat);
  if (!read) return tl::unexpected(in_own_words(read.error()));
  out.chat = *std::move(read);
  out.chat.common = std::move(common);
  out.chat.max_tokens = max_tokens;
  return out;
}

OrRefusal<RenderedChat> render_messages(const MessagesRequest& request, const ServedModel& model) {
  if (request.must_think && model.chat_format.reasoning == nullptr) {
    return tl::unexpected(
        unsupported_parameter("thinking", "thinking: this model does not think before it answers"));
  }
  auto text = chat_text(model, request.chat.prompt);
  if (!text) return tl::unexpected(in_own_words(text.error()));
  return tokenize_chat(model, *text + request.prefill);
}

OrRefusal<GenerationPlan> messages_plan(const MessagesRequest& request,
                                        std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(RenderedChat chat, render_messages(request, *model));
  auto plan = chat_plan_of(request.chat, std::move(chat), std::move(model));
  if (!plan) return tl::unexpected(in_own_words(plan.error()));
  return plan;
}

}  // namespace ondol::api::anthropic
