// POST /v1/messages and /v1/messages/count_tokens.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "api/anthropic/messages_request.h"
#include "api/anthropic/reply.h"
#include "api/anthropic/routes.h"
#include "api/api.h"
#include "api/with_model.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

// Clients send the version of the API that they mean; curl users forget it. The younger one
// took temperature, top_p and top_k away and refuses more; what is left is the same, so that
// here, where models are sampled as the client likes, both are one.
constexpr std::array<std::string_view, 2> kVersions = {"2023-06-01", "2026-10-21"};

OrRefusal<MessagesRequest> read_request(const Call& call, Purpose purpose) {
  const auto version = call.request().header("anthropic-version");
  if (version && std::find(kVersions.begin(), kVersions.end(), *version) == kVersions.end()) {
    return tl::unexpected(bad_parameter(
        "anthropic-version",
        fmt::format("anthropic-version: this server knows {}", fmt::join(kVersions, " and "))));
  }
  return read_messages_request(call.request().body, purpose);
}

OrRefusal<void> answer(const Call& call, const MessagesRequest& request,
                       std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(GenerationPlan plan, messages_plan(request, std::move(model)));
  MessageHead head;
  head.model = plan.model->card.id;
  head.stops = plan.stops;
  head.max_tokens = plan.max_tokens;
  head.n_prompt = static_cast<std::int64_t>(plan.prompts.front().size());
  head.stream = request.chat.common.stream;
  start_generation(call, std::move(plan), make_answer(std::move(head), call.exchange));
  return {};
}

OrRefusal<void> count(const Call& call, const MessagesRequest& request,
                      const std::shared_ptr<const ServedModel>& model) {
  ONDOL_TRY(const RenderedChat chat, render_messages(request, *model));
  call.exchange->reply(json_response(json::object{{"input_tokens", chat.ids.size()}}));
  return {};
}

template <class Run>
void with_request(const Call& call, Purpose purpose, Run run) {
  auto request = read_request(call, purpose);
  if (!request) return refuse(call, request.error());
  const std::string id = request->chat.common.model;
  with_model(
      call, id,
      [call, run, request = *std::move(request)](const std::shared_ptr<const ServedModel>& model) {
        return run(call, request, model);
      });
}

}  // namespace

void messages(const Call& call) { with_request(call, Purpose::kAnswer, &answer); }
void count_tokens(const Call& call) { with_request(call, Purpose::kCount, &count); }

}  // namespace ondol::api::anthropic
