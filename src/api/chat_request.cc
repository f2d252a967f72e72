#include "api/chat_request.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "api/messages.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxTopLogprobs = 20;  // as the OpenAI reference has it

void read_max_tokens(Fields& fields, ChatRequest& out) {
  // Two names of one thing; the first is the younger.
  out.max_tokens = fields.integer("max_completion_tokens", 1, kMaxTokensLimit);
  const auto old_name = fields.integer("max_tokens", 1, kMaxTokensLimit);
  if (out.max_tokens && old_name && *out.max_tokens != *old_name) {
    fields.refuse("max_tokens", "max_tokens and max_completion_tokens say different things");
  }
  if (!out.max_tokens) out.max_tokens = old_name;
}

void read_logprobs(Fields& fields, ChatRequest& out) {
  const bool wanted = fields.flag("logprobs").value_or(false);
  const auto n_top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (n_top && !wanted) {
    fields.refuse("top_logprobs", "top_logprobs is for requests with \"logprobs\": true");
  }
  if (wanted) out.n_top_logprobs = static_cast<std::int32_t>(n_top.value_or(0));
}

void read_response_format(Fields& fields) {
  auto format = fields.object("response_format");
  if (!format) return;
  format->require("type");
  format->word("type", {"text"});
  format->refuse_unknown();
}

// Known to the OpenAI reference. A value that asks for what is done anyway is fine.
void read_unsupported(Fields& fields) {
  if (fields.flag("store").value_or(false)) {
    fields.refuse("store", "store: chat completions are not stored", "unsupported_parameter");
  }
  if (const json::array* modalities = fields.array("modalities", 8)) {
    if (*modalities != json::array{"text"}) {
      fields.refuse("modalities", "modalities: only [\"text\"] is supported",
                    "unsupported_parameter");
    }
  }
  fields.word("verbosity", {"medium"});
  for (const std::string_view name :
       {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}) {
    fields.refuse_unsupported(name, "tool calls are not supported");
  }
  fields.refuse_unsupported("reasoning_effort",
                            "not supported; chat_template_kwargs reaches the model's own switch");
  fields.refuse_unsupported("audio", "audio is not supported");
  fields.refuse_unsupported("prediction", "predicted outputs are not supported");
  fields.refuse_unsupported("web_search_options", "web search is not supported");
}

}  // namespace

OrRefusal<ChatRequest> read_chat_request(const json::object& object) {
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  ChatRequest out;
  out.common = read_generation_fields(fields);
  out.prompt.messages = read_messages(fields);
  if (const auto extra = fields.object("chat_template_kwargs")) out.prompt.extra = extra->json();
  read_max_tokens(fields, out);
  read_logprobs(fields, out);
  read_response_format(fields);
  read_unsupported(fields);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

OrRefusal<GenerationPlan> chat_plan(const ChatRequest& request,
                                    std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(auto ids, chat_prompt_ids(*model, request.prompt));
  GenerationPlan plan = request.common.plan_for(std::move(model));
  plan.max_tokens = request.max_tokens.value_or(kMaxTokensLimit);
  plan.n_top_logprobs = request.n_top_logprobs;
  plan.prompt_param = "messages";
  plan.prompts.push_back(std::move(ids));
  ONDOL_TRY_VOID(check_plan(plan));
  return plan;
}

}  // namespace ondol::api
