// POST /api/chat.
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "api/api.h"
#include "api/ollama/messages.h"
#include "api/ollama/reply.h"
#include "api/ollama/request.h"
#include "api/ollama/routes.h"
#include "api/with_model.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

struct OllamaChat {
  CommonFields common;
  std::optional<ChatRequest> chat;  // absent: the model is loaded, no more
};

OrRefusal<OllamaChat> read_request(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  OllamaChat out;
  out.common = read_common(fields);
  json::object chat;
  json::array messages = read_messages(fields);
  const bool is_load = messages.empty();
  chat["messages"] = std::move(messages);
  if (json::value format = read_format(fields); !format.is_null()) {
    chat["response_format"] = std::move(format);
  }
  if (const json::value* tools = fields.find("tools")) chat["tools"] = *tools;
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  if (is_load) return out;
  ONDOL_TRY(out.chat, chat_request_of(out.common, std::move(chat)));
  return out;
}

OrRefusal<void> answer(const Call& call, const OllamaChat& request,
                       std::shared_ptr<const ServedModel> model) {
  AnswerHead head = answer_head(Form::kChat, call, request.common, model);
  ONDOL_TRY_VOID(check_model(request.common, *model));
  if (!request.chat) {
    call.exchange->reply(json_response(load_reply(head)));
    return {};
  }
  auto plan = chat_plan(*request.chat, std::move(model));
  if (!plan) return tl::unexpected(in_own_words(plan.error()));
  start_generation(call, *std::move(plan), make_answer(std::move(head), call.exchange));
  return {};
}

}  // namespace

void chat(const Call& call) {
  auto request = read_request(call.request().body);
  if (!request) return refuse(call, request.error());
  if (!request->chat && request->common.wants_unload) return refuse(call, no_unloading());
  const std::string id = model_id(call, request->common.generation.model);
  with_model(call, id,
             [call, request = *std::move(request)](std::shared_ptr<const ServedModel> model) {
               return answer(call, request, std::move(model));
             });
}

}  // namespace ondol::api::ollama
