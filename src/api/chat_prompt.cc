#include "api/chat_prompt.h"

#include <optional>
#include <string_view>

#include "text/tools/prompt.h"

namespace ondol::api {
namespace {

// nullopt: the text does not begin so, or a tokenizer that changes texts stands between.
std::optional<std::vector<std::int32_t>> continued(const text::Tokenizer& tokenizer,
                                                   std::string_view text,
                                                   std::vector<std::int32_t> ids) {
  if (ids.empty()) return std::nullopt;
  const std::string begin = tokenizer.decode(ids, /*skip_special=*/false);
  if (!text.starts_with(begin)) return std::nullopt;
  const auto rest = tokenizer.encode(text.substr(begin.size()), {.add_special = false});
  if (!rest) return std::nullopt;
  ids.insert(ids.end(), rest->begin(), rest->end());
  if (tokenizer.decode(ids, /*skip_special=*/false) != text) return std::nullopt;
  return ids;
}

}  // namespace

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

OrRefusal<RenderedChat> tokenize_chat(const ServedModel& model, std::string_view text,
                                      const std::vector<std::int32_t>& known_ids) {
  RenderedChat out;
  if (auto ids = continued(*model.tokenizer, text, known_ids)) {
    out.ids = *std::move(ids);
  } else {  // the template has written BOS and turn marks itself
    ONDOL_TRY(out.ids, model.tokenizer->encode(text, {.add_special = false}));
  }
  out.in_reasoning = text::opens_reasoning(model.chat_format, text);
  return out;
}

OrRefusal<RenderedChat> render_chat(const ServedModel& model, const ChatPrompt& prompt) {
  ONDOL_TRY(const std::string text, chat_text(model, prompt));
  return tokenize_chat(model, text, prompt.known_ids);
}

}  // namespace ondol::api
