// What models there are, in Ollama's words; and the routes that would change that.
#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <boost/json.hpp>

#include "api/api.h"
#include "api/fields.h"
#include "api/ollama/reply.h"
#include "api/ollama/request.h"
#include "api/ollama/routes.h"
#include "api/with_model.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

// Stands for the file: another as soon as the file is another. Hashing gigabytes to
// answer a list would be slow, so it is made of what the list knows.
std::string digest_of(const ModelCard& card) {
  const std::string text = fmt::format("{}\n{}\n{}", card.id, card.created, card.file_bytes);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

std::string modified_at(const ModelCard& card) {
  return timestamp(std::chrono::system_clock::from_time_t(static_cast<std::time_t>(card.created)));
}

// "134.5M", "8.0B"
std::string parameter_size(std::int64_t n_parameters) {
  const auto n = static_cast<double>(n_parameters);
  if (n >= 1e9) return fmt::format("{:.1f}B", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.1f}M", n / 1e6);
  return fmt::format("{:.1f}K", n / 1e3);
}

json::object details_json(const ModelCard& card) {
  return {{"parent_model", ""},
          {"family", card.family},
          {"families", json::array{json::value(card.family)}},
          {"parameter_size", parameter_size(card.n_parameters)},
          {"quantization_level", card.dtype}};
}

json::object card_json(const ModelCard& card) {
  return {{"name", card.id},
          {"model", card.id},
          {"digest", digest_of(card)},
          {"details", details_json(card)}};
}

// Of a model that is loaded only, its template.
std::shared_ptr<const ServedModel> loaded_model(const Call& call, const std::string& id) {
  for (const auto& model : call.api->models().loaded()) {
    if (model->card.id == id) return model;
  }
  return nullptr;
}

json::object show_json(const ModelCard& card, const ServedModel* model) {
  json::array capabilities = {"completion", "embedding"};
  json::object out = {{"modified_at", modified_at(card)}, {"details", details_json(card)}};
  if (model != nullptr && model->chat_template) {
    out["template"] = model->chat_template->source();
    capabilities.emplace_back("tools");
    if (model->chat_format.reasoning != nullptr) capabilities.emplace_back("thinking");
  }
  out["model_info"] = json::object{{"general.architecture", card.family},
                                   {"general.parameter_count", card.n_parameters},
                                   {card.family + ".context_length", card.max_context}};
  out["capabilities"] = std::move(capabilities);
  return out;
}

}  // namespace

void list_models(const Call& call) {
  json::array models;
  for (const ModelCard& card : call.api->models().list()) {
    json::object model = card_json(card);
    model["modified_at"] = modified_at(card);
    model["size"] = card.file_bytes;
    models.push_back(std::move(model));
  }
  call.exchange->reply(json_response(json::object{{"models", std::move(models)}}));
}

void list_loaded(const Call& call) {
  json::array models;
  for (const auto& served : call.api->models().loaded()) {
    json::object model = card_json(served->card);
    model["size"] = served->card.memory_bytes;
    model["size_vram"] = 0;  // all of it lies in the machine's own memory
    model["context_length"] = served->card.max_context;
    models.push_back(std::move(model));
  }
  call.exchange->reply(json_response(json::object{{"models", std::move(models)}}));
}

void show_model(const Call& call) {
  const auto object = parse_object(call.request().body);
  if (!object) return refuse(call, object.error());
  std::optional<Refusal> refusal;
  Fields fields(*object, "", refusal);
  const std::string id = model_id(call, read_model(fields));
  if (fields.flag("verbose").value_or(false)) {
    fields.refuse("verbose", "verbose: there is no more to show", "unsupported_parameter");
  }
  fields.refuse_unknown();
  if (refusal) return refuse(call, *refusal);
  for (const ModelCard& card : call.api->models().list()) {
    if (card.id != id) continue;
    return call.exchange->reply(json_response(show_json(card, loaded_model(call, id).get())));
  }
  refuse(call, not_found("there is no such model here", "model_not_found", "model"));
}

void get_version(const Call& call) {
  call.exchange->reply(json_response(json::object{{"version", call.api->options().version}}));
}

void manage_models(const Call& call) {
  Refusal refusal = unsupported_parameter(
      "",
      "this server does not change its models: the operator gives them to `ondol serve` and "
      "fetches them with `ondol pull`");
  refuse(call, refusal);
}

}  // namespace ondol::api::ollama
