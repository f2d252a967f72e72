#include "api/chat_prompt.h"

#include "text/tools/prompt.h"

namespace ondol::api {

OrRefusal<std::string> chat_text(const ServedModel& model, const ChatPrompt& prompt) {
  if (!model.chat_template) {
    return tl::unexpected(bad_parameter(
        "model", "this model has no chat template; it continues texts at /v1/completions",
        "unsupported_value"));
  }
  ONDOL_TRY(const text::PromptInput input, text::prompt_input(model.chat_format, prompt.messages,
                                                              prompt.tools, prompt.tool_choice));
  text::ChatTemplateOptions options;
  options.tools = input.tools;
  options.bos_token = model.bos_token;
  options.eos_token = model.eos_token;
  options.extra = prompt.extra;
  auto rendered = model.chat_template->render(input.messages, options);
  if (!rendered) {
    const bool is_ours = rendered.error().code == ErrorCode::kInvalidArgument ||
                         rendered.error().code == ErrorCode::kLimit;
    if (!is_ours) return tl::unexpected(Refusal(rendered.error()));
    return tl::unexpected(bad_parameter(
        "messages", "the model's chat template does not take them: " + rendered.error().detail));
  }
  return *std::move(rendered);
}

OrRefusal<RenderedChat> tokenize_chat(const ServedModel& model, std::string_view text) {
  // The template has written BOS and turn marks itself.
  RenderedChat out;
  ONDOL_TRY(out.ids, model.tokenizer->encode(text, {.add_special = false}));
  out.in_reasoning = text::opens_reasoning(model.chat_format, text);
  return out;
}

OrRefusal<RenderedChat> render_chat(const ServedModel& model, const ChatPrompt& prompt) {
  ONDOL_TRY(const std::string text, chat_text(model, prompt));
  return tokenize_chat(model, text);
}

}  // namespace ondol::api
