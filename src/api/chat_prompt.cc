#include "api/chat_prompt.h"

namespace ondol::api {

OrRefusal<std::string> chat_prompt_text(const ServedModel& model, const ChatPrompt& prompt) {
  if (!model.chat_template) {
    return tl::unexpected(bad_parameter(
        "model", "this model has no chat template; it continues texts at /v1/completions",
        "unsupported_value"));
  }
  text::ChatTemplateOptions options;
  options.bos_token = model.bos_token;
  options.eos_token = model.eos_token;
  options.extra = prompt.extra;
  auto text = model.chat_template->render(prompt.messages, options);
  if (!text) {
    const bool is_ours =
        text.error().code == ErrorCode::kInvalidArgument || text.error().code == ErrorCode::kLimit;
    if (!is_ours) return tl::unexpected(Refusal(text.error()));
    return tl::unexpected(bad_parameter(
        "messages", "the model's chat template does not take them: " + text.error().detail));
  }
  return *std::move(text);
}

OrRefusal<std::vector<std::int32_t>> chat_prompt_ids(const ServedModel& model,
                                                     const ChatPrompt& prompt) {
  ONDOL_TRY(const std::string text, chat_prompt_text(model, prompt));
  // The template has written BOS and turn marks itself.
  ONDOL_TRY(auto ids, model.tokenizer->encode(text, {.add_special = false}));
  return ids;
}

}  // namespace ondol::api
