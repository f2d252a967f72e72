// Ollama's API (its docs/api.md) on this server's models: chat, generate, embeddings and
// what there is. Models are the operator's, so nothing is pulled, made or deleted here.
// Threads: run in the HTTP server's handler threads; see call.h.
#pragma once

#include "api/call.h"

namespace ondol::api::ollama {

void chat(Call call);
void generate(Call call);
void embed(Call call);
void embeddings(Call call);
void list_models(Call call);
void list_loaded(Call call);
void show_model(Call call);
void get_version(Call call);
void manage_models(Call call);

}  // namespace ondol::api::ollama
