// A model file as the API serves it: loaded, with its engine, tokenizer, chat
// template, end tokens and recommended sampling.
#pragma once

#include <cstdint>
#include <memory>

#include "api/served_model.h"
#include "app/load.h"

namespace ondol::app {

inline constexpr std::int64_t kServeBatchTokens = 512;

/// Errors: those of load_model, of the text side, and of Engine::start. A model without
/// a chat template, or with one that cannot be read, is served without. With
/// engine.spill_max_bytes, computed prompts are kept on disk in the store.
Result<std::shared_ptr<const api::ServedModel>> load_served_model(const ModelOptions& options,
                                                                  engine::EngineOptions engine,
                                                                  const api::ModelCard& card);

}  // namespace ondol::app
