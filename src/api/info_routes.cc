// GET routes that say what the server is and how it fares.
#include <boost/json.hpp>

#include "api/api.h"
#include "api/openapi.h"
#include "api/routes.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

json::object card_json(const ModelCard& card) {
  return {{"id", card.id},
          {"object", "model"},
          {"created", card.created},
          {"owned_by", "ondol"},
          {"max_model_len", card.max_context},
          {"meta", json::object{{"family", card.family},
                                {"dtype", card.dtype},
                                {"n_parameters", card.n_parameters},
                                {"file_bytes", card.file_bytes},
                                {"memory_bytes", card.memory_bytes},
                                {"is_loaded", card.is_loaded}}}};
}

}  // namespace

void get_health(const Call& call) {
  call.exchange->reply(json_response(json::object{{"status", "ok"}}));
}

void get_ready(const Call& call) {
  if (call.api->is_draining()) {
    return refuse(call, unavailable("the server is shutting down", "shutting_down", 10));
  }
  if (call.api->models().loaded().empty()) {
    return refuse(call, unavailable("no model is loaded", "no_model", 1));
  }
  call.exchange->reply(json_response(json::object{{"status", "ready"}}));
}

void get_metrics(const Call& call) {
  call.exchange->reply({200,
                        {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                        call.api->metrics().expose()});
}

void get_openapi(const Call& call) {
  call.exchange->reply(
      {200, {{"Content-Type", "application/json"}}, std::string(openapi_document())});
}

void list_models(const Call& call) {
  json::array data;
  for (const ModelCard& card : call.api->models().list()) data.push_back(card_json(card));
  call.exchange->reply(json_response(json::object{{"object", "list"}, {"data", std::move(data)}}));
}

void get_model(const Call& call) {
  for (const ModelCard& card : call.api->models().list()) {
    if (card.id == call.rest) return call.exchange->reply(json_response(card_json(card)));
  }
  refuse(call, not_found("there is no such model here", "model_not_found", "model"));
}

}  // namespace ondol::api
