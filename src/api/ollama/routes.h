// Ollama's API (its docs/api.md) on this server's models: chat, generate, embeddings and
// what there is. Models are the operator's, so nothing is pulled, made or deleted here.
// Threads: run in the HTTP server's handler threads; see call.h.
#pragma once

#include "api/call.h"

namespace ondol::api::ollama {

void chat(const Call& call);
void generate(const Call& call);
void embed(const Call& call);
void embeddings(const Call& call);
void list_models(const Call& call);
void list_loaded(const Call& call);
void show_model(const Call& call);
void get_version(const Call& call);
void manage_models(const Call& call);

}  // namespace ondol::api::ollama
