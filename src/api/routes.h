// The functions behind the routes; each answers its call, now or later.
// Threads: run in the HTTP server's handler threads; see call.h.
#pragma once

#include "api/call.h"

namespace ondol::api {

void get_health(Call call);
void get_ready(Call call);
void get_metrics(Call call);
void get_openapi(Call call);
void list_models(Call call);
void get_model(Call call);
void chat_completions(Call call);
void completions(Call call);
void create_response(Call call);
void get_response(Call call);
void delete_response(Call call);
void list_input_items(Call call);
void cancel_response(Call call);
void embeddings(Call call);
void tokenize(Call call);
void detokenize(Call call);

}  // namespace ondol::api
