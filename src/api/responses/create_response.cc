// POST /v1/responses: whole or as a stream of events, stored before it is said to be
// complete.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/reply.h"
#include "api/responses/events.h"
#include "api/responses/output.h"
#include "api/responses/request.h"
#include "api/responses/stored.h"
#include "api/routes.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

// What the response object and the stored row are made of, but for the answer.
struct ResponseHead {
  std::shared_ptr<const ServedModel> model;
  std::string id = new_id("resp_");
  std::int64_t created = unix_time();
  std::uint64_t tenant = 0;
  std::string previous_id;
  json::object echoed;
  json::array input;
  std::vector<std::int32_t> previous_ids;  // the context of the previous response
  std::vector<std::int32_t> prompt_ids;
  bool wants_logprobs = false;
  ResponseStore* store = nullptr;  // null: this one is not stored
};

// As it was written: a float's own digits are not those of its double.
double decimal(float value) { return std::stod(fmt::format("{}", value)); }

json::object usage_of(const Usage& usage, std::int64_t n_reasoning) {
  return {{"input_tokens", usage.n_prompt},
          {"input_tokens_details", json::object{{"cached_tokens", usage.n_cached}}},
          {"output_tokens", usage.n_completion},
          {"output_tokens_details", json::object{{"reasoning_tokens", n_reasoning}}},
          {"total_tokens", usage.n_prompt + usage.n_completion}};
}

class ResponseSink : public GenerationSink {
 public:
  ResponseSink(ResponseHead head, std::shared_ptr<ResponseEvents> events)
      : head_(std::move(head)), events_(std::move(events)), output_(emit_to(events_)) {}

  void begin() override {
    if (events_->is_stream()) events_->begin(response("in_progress"));
  }

  void delta(std::size_t /*answer*/, AnswerDelta delta) override {
    json::array logprobs;
    if (head_.wants_logprobs) append_logprobs(*head_.model->tokenizer, delta.tokens, logprobs);
    output_.add(delta.pieces, std::move(logprobs));
  }

  void answer_end(std::size_t /*answer*/, AnswerEnd end) override { answer_ = std::move(end); }

  void end(const Usage& usage) override {
    const bool is_whole = answer_.reason != "length";
    const std::string_view status = is_whole ? "completed" : "incomplete";
    output_.finish(status);
    json::object out = response(status);
    if (is_whole) {
      out["completed_at"] = unix_time();
    } else {
      out["incomplete_details"] = json::object{{"reason", "max_output_tokens"}};
    }
    out["usage"] = usage_of(usage, answer_.n_reasoning);
    if (head_.store == nullptr) return events_->end(out);
    store(std::move(out));
  }

  void fail(const Refusal& refusal) override {
    if (!output_.items().empty()) output_.finish("incomplete");
    events_->fail(refusal, response("in_progress"));
  }

 private:
  static ResponseOutput::Emit emit_to(const std::shared_ptr<ResponseEvents>& events) {
    if (!events->is_stream()) return {};
    return [events](std::string_view type, json::object fields) {
      events->send(type, std::move(fields));
    };
  }

  json::object response(std::string_view status) const {
    json::object out{
        {"id", head_.id},   {"object", "response"},          {"created_at", head_.created},
        {"status", status}, {"model", head_.model->card.id}, {"output", output_.items()},
        {"error", nullptr}, {"incomplete_details", nullptr}, {"completed_at", nullptr},
        {"usage", nullptr}};
    out.insert(head_.echoed.begin(), head_.echoed.end());
    return out;
  }

  StoredResponse row(const json::object& response) {
    StoredResponse out;
    out.id = head_.id;
    out.tenant = head_.tenant;
    out.previous_id = head_.previous_id;
    out.body = json::serialize(response);
    out.input = json::serialize(head_.input);
    out.tail = std::move(head_.prompt_ids);
    out.tail.insert(out.tail.end(), answer_.tokens.begin(), answer_.tokens.end());
    const auto [before, mine] = std::mismatch(head_.previous_ids.begin(), head_.previous_ids.end(),
                                              out.tail.begin(), out.tail.end());
    out.n_shared = before - head_.previous_ids.begin();
    out.tail.erase(out.tail.begin(), mine);
    return out;
  }

  // The last event, or the reply, waits until the response is on the disk.
  void store(json::object response) {
    StoredResponse stored = row(response);
    head_.store->put(std::move(stored), [events = events_, response = std::move(response)](
                                            Result<void> done) mutable {
      events->post([events, response = std::move(response), done = std::move(done)]() mutable {
        if (done) return events->end(response);
        events->fail(refusal_of_store(done.error()), std::move(response));
      });
    });
  }

  ResponseHead head_;
  std::shared_ptr<ResponseEvents> events_;
  ResponseOutput output_;
  AnswerEnd answer_;
};

// Whether the response is to be kept, and what it goes on from.
OrRefusal<std::vector<StoredResponse>> earlier_turns(const Call& call,
                                                     const ResponseRequest& request) {
  ResponseStore* const store = call.api->options().store;
  if (store == nullptr && request.store.value_or(false)) {
    return tl::unexpected(unsupported_parameter("store", "store: this server keeps no responses"));
  }
  if (request.previous_id.empty()) return std::vector<StoredResponse>();
  auto turns = store == nullptr ? Result<std::vector<StoredResponse>>()
                                : store->conversation(call.caller->tenant(), request.previous_id);
  if (!turns) return tl::unexpected(refusal_of_store(turns.error()));
  if (turns->empty()) {
    return tl::unexpected(not_found("there is no such response here, or one before it is gone",
                                    "previous_response_not_found", "previous_response_id"));
  }
  return *std::move(turns);
}

ResponseHead head_of(const Call& call, ResponseRequest& request, const GenerationPlan& plan) {
  ResponseHead head;
  head.model = plan.model;
  head.tenant = call.caller->tenant();
  head.previous_id = std::move(request.previous_id);
  head.input = std::move(request.input);
  head.echoed = std::move(request.echoed);
  head.wants_logprobs = plan.n_top_logprobs >= 0;
  if (request.store.value_or(true)) head.store = call.api->options().store;
  if (head.store != nullptr) head.prompt_ids = plan.prompts.front();
  head.echoed["temperature"] = decimal(plan.sampling.temperature);
  head.echoed["top_p"] = decimal(plan.sampling.top_p);
  head.echoed["store"] = head.store != nullptr;
  return head;
}

}  // namespace

void create_response(const Call& call) {
  auto request = read_response_request(call.request().body);
  if (!request) return refuse(call, request.error());
  const auto turns = earlier_turns(call, *request);
  if (!turns) return refuse(call, turns.error());
  auto chat = chat_request_of(*request, *turns);
  if (!chat) return refuse(call, chat.error());
  const std::string model_id = chat->common.model;
  with_model(call, model_id,
             [call, request = *std::move(request), chat = *std::move(chat)](
                 std::shared_ptr<const ServedModel> model) mutable -> OrRefusal<void> {
               auto plan = chat_plan(chat, std::move(model));
               if (!plan) return tl::unexpected(in_response_words(plan.error(), {}));
               auto events = std::make_shared<ResponseEvents>(call.exchange, chat.common.stream);
               ResponseHead head = head_of(call, request, *plan);
               if (head.store != nullptr) head.previous_ids = std::move(chat.prompt.known_ids);
               start_generation(call, *std::move(plan),
                                std::make_unique<ResponseSink>(std::move(head), std::move(events)));
               return {};
             });
}

}  // namespace ondol::api
