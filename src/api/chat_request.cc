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

void read_tools(Fields& fields, ChatPrompt& out) {
  const auto value_of = [&](std::string_view name) {
    const json::value* value = fields.find(name);
    return value != nullptr ? *value : json::value(nullptr);
  };
  const json::value choice = value_of("tool_choice");
  auto tools = text::parse_tools(value_of("tools"));
  if (!tools) return fields.refuse(Refusal(tools.error()));
  out.tools = *std::move(tools);
  auto parsed = text::parse_tool_choice(choice, out.tools);
  if (!parsed) return fields.refuse(Refusal(parsed.error()));
  out.tool_choice = *std::move(parsed);
  if (const auto parallel = fields.flag("parallel_tool_calls")) {
    out.tool_choice.parallel = out.tool_choice.parallel && *parallel;
  }
}

bool calls_allowed(const ChatPrompt& prompt) {
  return prompt.tool_choice.mode != text::ToolChoice::Mode::kNone && !prompt.tools.empty();
}

// Masks let an answer end by the end token only.
void check_combination(Fields& fields, const ChatRequest& out) {
  if (out.common.ignore_eos && (out.structured || calls_allowed(out.prompt))) {
    fields.refuse("ignore_eos", "ignore_eos: an answer with a structure has an end");
  }
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
  for (const std::string_view name : {"functions", "function_call"}) {
    fields.refuse_unsupported(name, "was replaced by tools and tool_choice");
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
  read_tools(fields, out.prompt);
  out.structured = read_structured_output(fields);
  check_combination(fields, out);
  read_unsupported(fields);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

OrRefusal<GenerationPlan> chat_plan(const ChatRequest& request,
                                    std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(RenderedChat chat, render_chat(*model, request.prompt));
  return chat_plan_of(request, std::move(chat), std::move(model));
}

OrRefusal<GenerationPlan> chat_plan_of(const ChatRequest& request, RenderedChat chat,
                                       std::shared_ptr<const ServedModel> model) {
  GenerationPlan plan = request.common.plan_for(std::move(model));
  const ServedModel& served = *plan.model;
  plan.max_tokens = request.max_tokens.value_or(kMaxTokensLimit);
  plan.n_top_logprobs = request.n_top_logprobs;
  plan.prompt_param = "messages";
  plan.prompts.push_back(std::move(chat.ids));
  if (calls_allowed(request.prompt)) {
    plan.parser = text::OutputParserOptions{
        served.chat_format,
        text::allowed_functions(request.prompt.tools, request.prompt.tool_choice),
        chat.in_reasoning, /*enforced=*/true};
    ONDOL_TRY(plan.make_mask,
              mask_of_calls(request.prompt, chat.in_reasoning, request.structured, served));
  } else if (request.structured) {
    // All of the answer is the structure: no reasoning before it, and nothing to parse.
    ONDOL_TRY(plan.make_mask, mask_of(*request.structured, served));
  } else if (served.chat_format.reasoning != nullptr) {
    plan.parser = text::OutputParserOptions{served.chat_format, {}, chat.in_reasoning, false};
  }
  ONDOL_TRY_VOID(check_plan(plan));
  return plan;
}

}  // namespace ondol::api
