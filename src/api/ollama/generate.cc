// POST /api/generate: one prompt, put into the model's chat template unless `raw`.
//
// `context` is the conversation so far as token ids, as an earlier answer gave it. The
// prompt goes behind it as the template writes a further turn of the user, so that the
// model sees what it saw, and what it said, unchanged.
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "api/api.h"
#include "api/chat_prompt.h"
#include "api/ollama/messages.h"
#include "api/ollama/reply.h"
#include "api/ollama/request.h"
#include "api/ollama/routes.h"
#include "api/with_model.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxContext = std::size_t{1} << 24;

struct GenerateRequest {
  CommonFields common;
  ChatRequest chat;  // of system and prompt
  std::string prompt;
  bool has_system = false;
  bool raw = false;
  std::vector<std::int32_t> context;
};

void refuse_text(Fields& fields, std::string_view name, std::string_view why) {
  if (!fields.string(name).value_or("").empty()) fields.refuse_unsupported(name, why);
}

json::array messages_of(const std::string& system, const std::string& prompt) {
  json::array out;
  if (!system.empty()) out.push_back(json::object{{"role", "system"}, {"content", system}});
  out.push_back(json::object{{"role", "user"}, {"content", prompt}});
  return out;
}

OrRefusal<GenerateRequest> read_request(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  GenerateRequest out;
  out.common = read_common(fields);
  out.prompt = fields.string("prompt").value_or("");
  const std::string system = fields.string("system").value_or("");
  out.has_system = !system.empty();
  out.raw = fields.flag("raw").value_or(false);
  if (const json::array* ids = fields.array("context", kMaxContext)) {
    out.context = read_token_ids(fields, *ids, "context");
  }
  json::object chat = {{"messages", messages_of(system, out.prompt)}};
  if (json::value format = read_format(fields); !format.is_null()) {
    chat["response_format"] = std::move(format);
  }
  refuse_images(fields);
  refuse_text(fields, "suffix", "filling a gap is not supported");
  refuse_text(fields, "template", "the model's own template is used; raw switches it off");
  if (out.raw && (out.has_system || !out.context.empty())) {
    fields.refuse("raw", "raw: the prompt is taken as it is, without system and context");
  }
  if (out.has_system && !out.context.empty()) {
    fields.refuse("system", "system: the conversation in context has its beginning already");
  }
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  ONDOL_TRY(out.chat, chat_request_of(out.common, std::move(chat)));
  return out;
}

// What the template writes between a conversation's last answer and the next one.
OrRefusal<std::string> next_turn(const ServedModel& model, const ChatPrompt& prompt,
                                 const std::string& user) {
  constexpr std::string_view kAnswer = "0ndol-answer-0";  // survives trimming
  ChatPrompt turns = prompt;
  turns.messages = json::array{json::object{{"role", "user"}, {"content", "-"}},
                               json::object{{"role", "assistant"}, {"content", kAnswer}},
                               json::object{{"role", "user"}, {"content", user}}};
  ONDOL_TRY(const std::string text, chat_text(model, turns));
  const std::size_t at = text.find(kAnswer);
  if (at == std::string::npos) {
    return tl::unexpected(bad_parameter(
        "context", "context: this model's chat template does not show earlier answers"));
  }
  return text.substr(at + kAnswer.size());
}

// The prompt without the chat template: behind the context, if there is one.
OrRefusal<RenderedChat> plain_prompt(const GenerateRequest& request, const ServedModel& model) {
  if (request.has_system) {
    return tl::unexpected(bad_parameter("system", "system: this model has no chat template"));
  }
  RenderedChat out;
  ONDOL_TRY(out.ids,
            model.tokenizer->encode(request.prompt, {.add_special = request.context.empty()}));
  return out;
}

OrRefusal<RenderedChat> prompt_of(const GenerateRequest& request, const ServedModel& model) {
  if (!request.raw && model.chat_template && request.context.empty()) {
    return render_chat(model, request.chat.prompt);
  }
  RenderedChat out;
  if (request.raw || !model.chat_template) {
    ONDOL_TRY(out, plain_prompt(request, model));
  } else {
    ONDOL_TRY(const std::string text, next_turn(model, request.chat.prompt, request.prompt));
    ONDOL_TRY(out, tokenize_chat(model, text));
  }
  out.ids.insert(out.ids.begin(), request.context.begin(), request.context.end());
  return out;
}

OrRefusal<GenerationPlan> plan_of(const GenerateRequest& request,
                                  std::shared_ptr<const ServedModel> model) {
  const auto make = [&]() -> OrRefusal<GenerationPlan> {
    ONDOL_TRY(RenderedChat prompt, prompt_of(request, *model));
    ONDOL_TRY(GenerationPlan plan, chat_plan_of(request.chat, std::move(prompt), std::move(model)));
    if (request.raw) plan.parser.reset();  // nor is the answer taken apart
    return plan;
  };
  auto plan = make();
  if (plan) return plan;
  Refusal refusal = in_own_words(plan.error());
  if (refusal.param != "messages") return tl::unexpected(std::move(refusal));
  return tl::unexpected(renamed(std::move(refusal), "prompt"));
}

OrRefusal<void> answer(const Call& call, const GenerateRequest& request,
                       std::shared_ptr<const ServedModel> model) {
  AnswerHead head = answer_head(Form::kGenerate, call, request.common, model);
  ONDOL_TRY_VOID(check_model(request.common, *model));
  if (request.prompt.empty()) {
    call.exchange->reply(json_response(load_reply(head)));
    return {};
  }
  ONDOL_TRY(GenerationPlan plan, plan_of(request, std::move(model)));
  if (!request.raw) head.context = plan.prompts.front();
  start_generation(call, std::move(plan), make_answer(std::move(head), call.exchange));
  return {};
}

}  // namespace

void generate(const Call& call) {
  auto request = read_request(call.request().body);
  if (!request) return refuse(call, request.error());
  if (request->prompt.empty() && request->common.wants_unload) {
    return refuse(call, no_unloading());
  }
  const std::string id = model_id(call, request->common.generation.model);
  with_model(call, id,
             [call, request = *std::move(request)](std::shared_ptr<const ServedModel> model) {
               return answer(call, request, std::move(model));
             });
}

}  // namespace ondol::api::ollama
