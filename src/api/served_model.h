// A model as the routes see it, and where they get one. The application owns the
// models: it loads, keeps and evicts them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "text/chat_template.h"
#include "text/grammar/grammar_cache.h"
#include "text/grammar/vocabulary.h"
#include "text/tokenizer.h"
#include "text/tools/chat_format.h"

namespace ondol::api {

/// What is known of a model without loading it.
struct ModelCard {
  std::string id;                  // as clients name it
  std::int64_t created = 0;        // Unix time of its file
  std::uint64_t file_bytes = 0;    // on disk
  std::uint64_t memory_bytes = 0;  // what serving it takes, by its plan; 0: unknown
  std::int64_t max_context = 0;    // tokens of one sequence when served
  std::int64_t n_parameters = 0;
  std::string family;  // "llama"
  std::string dtype;   // "Q4_0": of most of its weights
  bool is_loaded = false;
};

/// A loaded model. Threads: immutable, but for the engine and the grammars, which take
/// requests from any thread.
struct ServedModel {
  ModelCard card;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat_template;            // null: it has none
  std::shared_ptr<const text::GrammarVocabulary> grammar_vocabulary;  // of the tokenizer
  std::shared_ptr<text::GrammarCache> grammars;                       // compiled for it
  text::ChatFormat chat_format;  // how it writes tool calls and marks reasoning
  std::string bos_token;         // as templates print them
  std::string eos_token;
  std::vector<std::int32_t> stop_tokens;  // end every answer
  engine::SamplingParams defaults;        // of generation_config.json, else ours
  engine::Engine* engine = nullptr;       // lives as long as this
  std::shared_ptr<const void> owner;      // keeps the above
};

class ModelSource {
 public:
  virtual ~ModelSource() = default;

  /// Every model that can be asked for, loaded or not. Any thread.
  virtual std::vector<ModelCard> list() const = 0;

  /// The models that are loaded now. Any thread.
  virtual std::vector<std::shared_ptr<const ServedModel>> loaded() const = 0;

  using OnModel = std::function<void(Result<std::shared_ptr<const ServedModel>>)>;
  /// Calls back once, now or from a loading thread, with the model; it stays
  /// loaded as long as the answer is held. An empty id is the default model.
  /// Errors: kNotFound; kOutOfMemory when its plan does not fit the budget even with
  /// all idle models gone; kLimit when those in use leave no room now; and those of loading.
  virtual void acquire(std::string_view id, OnModel on_model) = 0;
};

}  // namespace ondol::api
