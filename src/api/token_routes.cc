// POST /tokenize and /detokenize, in vLLM's form.
#include <boost/json.hpp>
#include <optional>

#include "api/chat_prompt.h"
#include "api/generation_fields.h"
#include "api/messages.h"
#include "api/routes.h"
#include "api/with_model.h"
#include "base/utf8.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxIds = std::size_t{1} << 22;  // of one request

struct TokenizeRequest {
  std::string model;
  std::optional<std::string> prompt;  // else the chat
  ChatPrompt chat;
  bool add_special = true;
  bool wants_text = false;
};

OrRefusal<TokenizeRequest> read_tokenize(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  TokenizeRequest out;
  out.model = fields.string("model").value_or("");
  out.prompt = fields.string("prompt");
  const bool is_chat = !out.prompt || fields.find("messages") != nullptr;
  if (is_chat) out.chat.messages = read_messages(fields);
  if (is_chat && out.prompt) fields.refuse("messages", "messages: there is a prompt already");
  if (const auto extra = fields.object("chat_template_kwargs")) out.chat.extra = extra->json();
  out.add_special = fields.flag("add_special_tokens").value_or(true);
  out.wants_text = fields.flag("return_token_strs").value_or(false);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

json::object tokens_json(const ServedModel& model, const std::vector<std::int32_t>& ids,
                         bool wants_text) {
  json::object out{{"count", ids.size()},
                   {"max_model_len", model.card.max_context},
                   {"tokens", json::array(ids.begin(), ids.end())}};
  if (!wants_text) return out;
  json::array& texts = out["token_strs"].emplace_array();
  for (const std::int32_t id : ids) texts.push_back(json::value(model.tokenizer->piece(id)));
  return out;
}

}  // namespace

void tokenize(const Call& call) {
  const auto request = read_tokenize(call.request().body);
  if (!request) return refuse(call, request.error());
  with_model(call, request->model,
             [call, request = *request](
                 const std::shared_ptr<const ServedModel>& model) -> OrRefusal<void> {
               std::vector<std::int32_t> ids;
               if (request.prompt) {
                 ONDOL_TRY(ids, model->tokenizer->encode(*request.prompt,
                                                         {.add_special = request.add_special}));
               } else {
                 ONDOL_TRY(RenderedChat chat, render_chat(*model, request.chat));
                 ids = std::move(chat.ids);
               }
               call.exchange->reply(json_response(tokens_json(*model, ids, request.wants_text)));
               return {};
             });
}

void detokenize(const Call& call) {
  const auto object = parse_object(call.request().body);
  if (!object) return refuse(call, object.error());
  std::optional<Refusal> refusal;
  Fields fields(*object, "", refusal);
  const std::string model_id = fields.string("model").value_or("");
  fields.require("tokens");
  std::vector<std::int32_t> ids;
  if (const json::array* items = fields.array("tokens", kMaxIds)) {
    ids = read_token_ids(fields, *items, "tokens");
  }
  fields.refuse_unknown();
  if (refusal) return refuse(call, *refusal);
  with_model(
      call, model_id,
      [call,
       ids = std::move(ids)](const std::shared_ptr<const ServedModel>& model) -> OrRefusal<void> {
        for (const std::int32_t id : ids) {
          if (static_cast<std::size_t>(id) < model->tokenizer->n_vocab()) continue;
          return tl::unexpected(bad_parameter("tokens", "a token id outside the vocabulary"));
        }
        const std::string text = model->tokenizer->decode(ids, /*skip_special=*/false);
        call.exchange->reply(json_response(json::object{{"prompt", replace_invalid_utf8(text)}}));
        return {};
      });
}

}  // namespace ondol::api
