// For tests: a served model on the fake model of the engine's tests (97 tokens, each a
// character), and a source of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/served_model.h"
#include "engine/testing/fake_model.h"

namespace ondol::api {

/// Characters of the fake vocabulary, from id 3 on: "▁" is a space. At kFakePoison, after
/// which the fake model breaks, stands the end token.
inline std::shared_ptr<const text::Tokenizer> fake_tokenizer() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "<pad>", "▁", "\n"};
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()-_/+*=<>[]{}|#";
  for (const char c : kLetters) {
    if (tokens.size() == engine::kFakePoison) tokens.emplace_back("</s>");
    if (tokens.size() < static_cast<std::size_t>(engine::kFakeVocab)) tokens.emplace_back(1, c);
  }
  while (tokens.size() < static_cast<std::size_t>(engine::kFakeVocab)) {
    tokens.push_back("~" + std::to_string(tokens.size()));
  }
  text::GgufVocab vocab;
  vocab.model = "llama";
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    vocab.tokens.emplace_back(tokens[i]);
    vocab.scores.push_back(-static_cast<float>(i));
    const bool is_control = (i > 0 && i < 3) || i == engine::kFakePoison;
    vocab.types.push_back(static_cast<std::int64_t>(i == 0       ? text::GgufTokenType::kUnknown
                                                    : is_control ? text::GgufTokenType::kControl
                                                                 : text::GgufTokenType::kNormal));
  }
  vocab.bos = 1;
  vocab.eos = engine::kFakePoison;
  vocab.unk = 0;
  vocab.add_bos = true;
  vocab.add_space_prefix = false;
  auto tokenizer = text::load_gguf_vocab(vocab, "fake");
  EXPECT_TRUE(tokenizer.has_value()) << (tokenizer ? "" : tokenizer.error().message());
  return *tokenizer;
}

struct FakeEngine {
  engine::FakeDevice device;
  std::unique_ptr<engine::Engine> engine;
};

inline std::shared_ptr<const ServedModel> fake_served_model(
    const engine::EngineOptions& options, std::function<void()> before_forward = {}) {
  auto owner = std::make_shared<FakeEngine>();
  auto model = std::make_unique<engine::FakeModel>(options.max_context, options.max_batch_tokens,
                                                   std::move(before_forward));
  auto started = engine::Engine::start(std::move(model), owner->device, options);
  EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message());
  owner->engine = *std::move(started);
  auto out = std::make_shared<ServedModel>();
  out->card.id = "fake";
  out->card.max_context = options.max_context;
  out->tokenizer = fake_tokenizer();
  out->grammar_vocabulary = text::GrammarVocabulary::build(out->tokenizer);
  out->grammars = std::make_shared<text::GrammarCache>();
  auto chat = text::ChatTemplate::parse(
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ", "fake");
  EXPECT_TRUE(chat.has_value());
  out->chat_template = std::make_shared<const text::ChatTemplate>(*std::move(chat));
  out->stop_tokens = {engine::kFakePoison};
  out->engine = owner->engine.get();
  out->owner = std::move(owner);
  return out;
}

inline engine::EngineOptions small_engine() {
  engine::EngineOptions options;
  options.max_context = 256;
  options.kv_tokens = 1024;
  options.page_tokens = 16;
  options.max_batch_tokens = 64;
  options.max_sequences = 8;
  options.max_waiting = 8;
  return options;
}

class FakeSource : public ModelSource {
 public:
  explicit FakeSource(std::shared_ptr<const ServedModel> model) : model_(std::move(model)) {}

  std::vector<ModelCard> list() const override { return {model_->card}; }
  std::vector<std::shared_ptr<const ServedModel>> loaded() const override { return {model_}; }
  void acquire(std::string_view id, OnModel on_model) override {
    if (error) return on_model(tl::unexpected(*error));
    if (!id.empty() && id != model_->card.id) {
      return on_model(fail(ErrorCode::kNotFound, "/secret/path", "model", "no such model"));
    }
    on_model(model_);
  }

  std::optional<Error> error;  // what acquire answers instead

 private:
  std::shared_ptr<const ServedModel> model_;
};

}  // namespace ondol::api
