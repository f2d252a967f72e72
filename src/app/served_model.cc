#include "app/served_model.h"

#include <spdlog/spdlog.h>

#include "app/model_text.h"

namespace ondol::app {
namespace {

std::string piece_of(const text::Tokenizer& tokenizer, std::optional<text::TokenId> id) {
  return id ? std::string(tokenizer.piece(*id)) : "";
}

Result<std::shared_ptr<const text::ChatTemplate>> load_template(const format::ModelFile& file) {
  ONDOL_TRY(std::string source, chat_template_source(file));
  if (source.empty()) return nullptr;
  ONDOL_TRY(text::ChatTemplate parsed,
            text::ChatTemplate::parse(std::move(source), file.path().string()));
  return std::make_shared<const text::ChatTemplate>(std::move(parsed));
}

}  // namespace

Result<std::shared_ptr<const api::ServedModel>> load_served_model(
    const ModelOptions& options, const engine::EngineOptions& engine, const api::ModelCard& card) {
  ONDOL_TRY(LoadedModel loaded,
            load_model(options, TokenizerUse::kNeeded, kServeBatchTokens, engine.max_context));
  auto owner = std::make_shared<LoadedModel>(std::move(loaded));
  auto served = std::make_shared<api::ServedModel>();
  served->card = card;
  served->card.is_loaded = true;
  served->tokenizer = owner->tokenizer;
  auto chat_template = load_template(*owner->file);
  if (chat_template) {
    served->chat_template = *std::move(chat_template);
  } else {
    spdlog::warn("{}: no chat: {}", card.id, chat_template.error().message());
  }
  served->bos_token = piece_of(*owner->tokenizer, owner->tokenizer->bos());
  served->eos_token = piece_of(*owner->tokenizer, owner->tokenizer->eos());
  ONDOL_TRY(served->stop_tokens,
            stop_tokens(*owner->file, *owner->tokenizer, owner->info().n_vocab));
  ONDOL_TRY(served->defaults, recommended_sampling(*owner->file));
  ONDOL_TRY_VOID(start_engine(*owner, engine));
  served->engine = owner->engine.get();
  served->owner = std::move(owner);
  return served;
}

}  // namespace ondol::app
