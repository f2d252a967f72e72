#include "api/routes.h"

#include <array>

#include "api/router.h"

namespace ondol::api {
namespace {

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
    Route{"POST", "/tokenize", Door::kKey, &tokenize},
    Route{"POST", "/detokenize", Door::kKey, &detokenize},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace ondol::api
