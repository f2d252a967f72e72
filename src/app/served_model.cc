#include "app/served_model.h"

#include <spdlog/spdlog.h>

#include "app/model_text.h"

namespace ondol::app {
namespace {

std::string piece_of(const text::Tokenizer& tokenizer, std::optional<text::TokenId> id) {
  return id ? std::string(tokenizer.piece(*id)) : "";
}

Result<void> load_chat(const format::ModelFile& file, api::ServedModel& served) {
  ONDOL_TRY(std::string source, chat_template_source(file));
  if (source.empty()) return {};
  served.chat_format = text::detect_chat_format(source, *served.tokenizer);
  ONDOL_TRY(text::ChatTemplate parsed,
            text::ChatTemplate::parse(std::move(source), file.path().string()));
  served.chat_template = std::make_shared<const text::ChatTemplate>(std::move(parsed));
  return {};
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
  served->grammar_vocabulary = text::GrammarVocabulary::build(owner->tokenizer);
  if (const auto chat = load_chat(*owner->file, *served); !chat) {
    spdlog::warn("{}: no chat: {}", card.id, chat.error().message());
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
