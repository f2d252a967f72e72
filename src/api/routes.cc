#include "api/routes.h"

#include <array>

#include "api/anthropic/routes.h"
#include "api/client/client_api.h"
#include "api/ollama/routes.h"
#include "api/router.h"

namespace ondol::api {
namespace {

constexpr std::string_view kConversation = "/v1/ondol/conversations/{conversation_id}";

constexpr std::array kRoutes = {
    Route{"GET", "/health", Door::kPublic, &get_health},
    Route{"GET", "/ready", Door::kPublic, &get_ready},
    Route{"GET", "/metrics", Door::kKey, &get_metrics},
    Route{"GET", "/openapi.json", Door::kKey, &get_openapi},
    Route{"GET", "/v1/models", Door::kKey, &list_models},
    Route{"GET", "/v1/models/{id}", Door::kKey, &get_model},
    Route{"POST", "/v1/chat/completions", Door::kKey, &chat_completions},
    Route{"POST", "/v1/completions", Door::kKey, &completions},
    Route{"POST", "/v1/responses", Door::kKey, &create_response},
    Route{"GET", "/v1/responses/{response_id}", Door::kKey, &get_response},
    Route{"DELETE", "/v1/responses/{response_id}", Door::kKey, &delete_response},
    Route{"GET", "/v1/responses/{response_id}/input_items", Door::kKey, &list_input_items},
    Route{"POST", "/v1/responses/{response_id}/cancel", Door::kKey, &cancel_response},
    Route{"POST", "/v1/embeddings", Door::kKey, &embeddings},
    Route{"GET", "/v1/ondol/conversations", Door::kKey, &client::list_conversations},
    Route{"GET", kConversation, Door::kKey, &client::get_conversation},
    Route{"PUT", kConversation, Door::kKey, &client::put_conversation},
    Route{"DELETE", kConversation, Door::kKey, &client::delete_conversation},
    Route{"POST", "/v1/ondol/pairings", Door::kPublic, &client::start_pairing},
    Route{"GET", "/v1/ondol/pairings/{poll_token}", Door::kPublic, &client::collect_pairing},
    Route{"POST", "/v1/ondol/pairings/{code}/approve", Door::kKey, &client::approve_pairing},
    Route{"GET", "/v1/ondol/devices", Door::kKey, &client::list_devices},
    Route{"DELETE", "/v1/ondol/devices/{device_id}", Door::kKey, &client::delete_device},
    Route{"POST", "/tokenize", Door::kKey, &tokenize},
    Route{"POST", "/detokenize", Door::kKey, &detokenize},
    Route{"POST", "/v1/messages", Door::kKey, &anthropic::messages},
    Route{"POST", "/v1/messages/count_tokens", Door::kKey, &anthropic::count_tokens},
    Route{"POST", "/api/chat", Door::kKey, &ollama::chat},
    Route{"POST", "/api/generate", Door::kKey, &ollama::generate},
    Route{"POST", "/api/embed", Door::kKey, &ollama::embed},
    Route{"POST", "/api/embeddings", Door::kKey, &ollama::embeddings},
    Route{"GET", "/api/tags", Door::kKey, &ollama::list_models},
    Route{"GET", "/api/ps", Door::kKey, &ollama::list_loaded},
    Route{"POST", "/api/show", Door::kKey, &ollama::show_model},
    Route{"GET", "/api/version", Door::kKey, &ollama::get_version},
    Route{"POST", "/api/pull", Door::kKey, &ollama::manage_models},
    Route{"POST", "/api/push", Door::kKey, &ollama::manage_models},
    Route{"POST", "/api/create", Door::kKey, &ollama::manage_models},
    Route{"POST", "/api/copy", Door::kKey, &ollama::manage_models},
    Route{"DELETE", "/api/delete", Door::kKey, &ollama::manage_models},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace ondol::api
