#include "app/served_model.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "app/console.h"
#include "app/model_text.h"
#include "engine/page_store.h"
#include "hub/store.h"

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

// A name for all that keys and values depend on: the weights, how they were loaded, and
// what computes them (results of instruction sets differ in their last bits).
Result<std::string> fingerprint_of(const LoadedModel& loaded, const ModelOptions& options) {
  ONDOL_TRY(const hub::PackedKey key, weights_key(*loaded.file, options.dtype));
  std::string out;
  for (const std::byte byte : key.digest) out += fmt::format("{:02x}", std::to_integer<int>(byte));
  if (options.device != "cpu") return out + " " + options.device;
  const std::string forced = options.isa.empty() ? environment("ONDOL_ISA") : options.isa;
  return out + " cpu " + (forced.empty() ? std::string(device::available_isas()[0]) : forced);
}

// Pages go to a folder of this model. A folder that cannot be had, since another server
// has it, say, is no reason not to serve.
Result<void> keep_pages_on_disk(engine::EngineOptions& engine, const LoadedModel& loaded,
                                const ModelOptions& options, const api::ModelCard& card) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  const auto fingerprint = fingerprint_of(loaded, options);
  std::string name = card.id;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == ':' || c == '@'; }, '_');
  const std::filesystem::path folder = store.root() / "prefix" / name;
  const auto refused = [&]() -> std::optional<Error> {
    if (!fingerprint) return fingerprint.error();
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    const auto trial = engine::PageStore::open({folder.string(), engine.spill_max_bytes, "", 1});
    return trial ? std::nullopt : std::optional(trial.error());
  }();
  if (refused) {
    spdlog::warn("{}: prompts are kept in memory only: {}", card.id, refused->message());
    return {};
  }
  engine.spill_path = folder.string();
  engine.fingerprint = *fingerprint;
  return {};
}

}  // namespace

Result<std::shared_ptr<const api::ServedModel>> load_served_model(const ModelOptions& options,
                                                                  engine::EngineOptions engine,
                                                                  const api::ModelCard& card) {
  ONDOL_TRY(LoadedModel loaded,
            load_model(options, TokenizerUse::kNeeded, kServeBatchTokens, engine.max_context));
  auto owner = std::make_shared<LoadedModel>(std::move(loaded));
  auto served = std::make_shared<api::ServedModel>();
  served->card = card;
  served->card.is_loaded = true;
  served->tokenizer = owner->tokenizer;
  served->grammar_vocabulary = text::GrammarVocabulary::build(owner->tokenizer);
  served->grammars = std::make_shared<text::GrammarCache>();
  if (const auto chat = load_chat(*owner->file, *served); !chat) {
    spdlog::warn("{}: no chat: {}", card.id, chat.error().message());
  }
  served->bos_token = piece_of(*owner->tokenizer, owner->tokenizer->bos());
  served->eos_token = piece_of(*owner->tokenizer, owner->tokenizer->eos());
  ONDOL_TRY(served->stop_tokens,
            stop_tokens(*owner->file, *owner->tokenizer, owner->info().n_vocab));
  ONDOL_TRY(served->defaults, recommended_sampling(*owner->file));
  if (engine.spill_max_bytes > 0) {
    ONDOL_TRY_VOID(keep_pages_on_disk(engine, *owner, options, card));
  }
  ONDOL_TRY_VOID(start_engine(*owner, std::move(engine), options));
  served->engine = owner->engine.get();
  served->owner = std::move(owner);
  return served;
}

}  // namespace ondol::app
