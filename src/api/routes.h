// The functions behind the routes; each answers its call, now or later.
// Threads: run in the HTTP server's handler threads; see call.h.
#pragma once

#include "api/call.h"

namespace ondol::api {

void get_health(const Call& call);
void get_ready(const Call& call);
void get_metrics(const Call& call);
void get_openapi(const Call& call);
void list_models(const Call& call);
void get_model(const Call& call);
void chat_completions(const Call& call);
void completions(const Call& call);
void create_response(const Call& call);
void get_response(const Call& call);
void delete_response(const Call& call);
void list_input_items(const Call& call);
void cancel_response(const Call& call);
void embeddings(const Call& call);
void tokenize(const Call& call);
void detokenize(const Call& call);

}  // namespace ondol::api
