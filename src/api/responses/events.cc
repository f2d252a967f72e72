#include "api/responses/events.h"

#include <boost/json.hpp>
#include <utility>

#include "api/reply.h"

namespace ondol::api {

namespace json = boost::json;

void ResponseEvents::begin(const json::object& response) {
  has_begun_ = true;
  begin_events(*exchange_);
  send("response.created", {{"response", response}});
  send("response.in_progress", {{"response", response}});
}

void ResponseEvents::send(std::string_view type, json::object fields) {
  fields["type"] = type;
  fields["sequence_number"] = next_number_++;
  exchange_->write(http::sse_event(json::serialize(fields), type));
}

void ResponseEvents::end(const json::object& response) {
  if (!is_stream_) return exchange_->reply(json_response(response));
  const bool is_whole = response.at("status") == "completed";
  send(is_whole ? "response.completed" : "response.incomplete", {{"response", response}});
  exchange_->end();
}

void ResponseEvents::fail(const Refusal& refusal, json::object response) {
  if (!has_begun_) return exchange_->reply(error_response(refusal));
  response["status"] = "failed";
  response["completed_at"] = nullptr;
  // The reference's codes are a closed list; the message says what it was.
  response["error"] = json::object{{"code", "server_error"}, {"message", refusal.message}};
  send("response.failed", {{"response", std::move(response)}});
  exchange_->end();
}

}  // namespace ondol::api
