#include "app/chat_session.h"

#include <fmt/format.h>

#include "app/model_text.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kBatchTokens = 512;

std::string piece_of(const text::Tokenizer& tokenizer, std::optional<text::TokenId> id) {
  return id ? std::string(tokenizer.piece(*id)) : "";
}

}  // namespace

Result<ChatSession> ChatSession::create(const ChatOptions& options) {
  ONDOL_TRY(LoadedModel loaded, load_model(options.model, TokenizerUse::kNeeded, kBatchTokens));
  const std::string where = loaded.file->path().string();
  ONDOL_TRY(std::string source, chat_template_source(*loaded.file));
  if (source.empty()) {
    return fail(
        ErrorCode::kUnsupported, where, "chat template",
        "this model has none, it is no chat model; `ondol complete` continues texts with it");
  }
  ONDOL_TRY(text::ChatTemplate parsed, text::ChatTemplate::parse(std::move(source), where));
  ONDOL_TRY(const auto recommended, recommended_sampling(*loaded.file));
  ONDOL_TRY(engine::SamplingParams sampling, sampling_params(options.sampling, recommended));
  ONDOL_TRY(auto stops, stop_tokens(*loaded.file, *loaded.tokenizer, loaded.info().n_vocab));
  ONDOL_TRY_VOID(start_engine(loaded, options.model));
  ChatSession session(options, std::move(loaded), std::move(parsed));
  session.sampling_ = std::move(sampling);
  session.stop_tokens_ = std::move(stops);
  return session;
}

Result<std::vector<std::int32_t>> ChatSession::prompt_ids(const Conversation& conversation) const {
  const text::Tokenizer& tokenizer = *loaded_.tokenizer;
  text::ChatTemplateOptions options;
  options.bos_token = piece_of(tokenizer, tokenizer.bos());
  options.eos_token = piece_of(tokenizer, tokenizer.eos());
  ONDOL_TRY(const std::string prompt, template_.render(conversation.to_json(), options));
  // The template has written BOS and turn marks itself.
  return tokenizer.encode(prompt, {.add_special = false, .parse_special = true});
}

Result<ChatSession::Reply> ChatSession::reply(const Conversation& conversation,
                                              const std::function<void(std::string_view)>& on_text,
                                              const std::function<bool()>& interrupted) {
  engine::GenerationRequest request;
  ONDOL_TRY(request.prompt, prompt_ids(conversation));
  const auto n_prompt = static_cast<std::int64_t>(request.prompt.size());
  if (n_prompt >= loaded_.n_context) {
    return fail(ErrorCode::kLimit, "chat", "context",
                "the conversation leaves no room for an answer; " + advice(),
                fmt::format("{} tokens", n_prompt), fmt::format("{}", loaded_.n_context));
  }
  const std::int64_t room = loaded_.n_context - n_prompt;
  request.max_tokens = options_.max_tokens > 0 ? options_.max_tokens : room;
  request.sampling = sampling_;
  request.stop_tokens = stop_tokens_;
  request.speculate = speculate_;
  GenerateOptions options{options_.sampling.stops, on_text, interrupted};
  Reply out;
  ONDOL_TRY(out.answer, generate(*loaded_.engine, std::move(request), loaded_.tokenizer, options));
  out.context_full = out.answer.finish_reason == "length" &&
                     n_prompt + out.answer.timings.n_decoded >= loaded_.n_context;
  return out;
}

std::string ChatSession::advice() const {
  std::string out = "/clear begins anew, /save FILE keeps it";
  const std::int64_t trained = loaded_.info().max_context;
  if (loaded_.n_context < trained) out += fmt::format(", --ctx up to {} holds more", trained);
  return out;
}

std::string ChatSession::description() const {
  return fmt::format("{} on {}, {} tokens of context", options_.model.model,
                     loaded_.device->description(), loaded_.n_context);
}

}  // namespace ondol::app
