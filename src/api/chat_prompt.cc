#include "api/chat_prompt.h"

#include <optional>
#include <string_view>

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

OrRefusal<std::vector<std::int32_t>> chat_prompt_ids(const ServedModel& model,
                                                     const ChatPrompt& prompt) {
  if (!model.chat_template) {
    return tl::unexpected(bad_parameter(
        "model", "this model has no chat template; it continues texts at /v1/completions",
        "unsupported_value"));
  }
  text::ChatTemplateOptions options;
  options.bos_token = model.bos_token;
  options.eos_token = model.eos_token;
  options.extra = prompt.extra;
  const auto text = model.chat_template->render(prompt.messages, options);
  if (!text) {
    const bool is_ours =
        text.error().code == ErrorCode::kInvalidArgument || text.error().code == ErrorCode::kLimit;
    if (!is_ours) return tl::unexpected(Refusal(text.error()));
    return tl::unexpected(bad_parameter(
        "messages", "the model's chat template does not take them: " + text.error().detail));
  }
  if (auto ids = continued(*model.tokenizer, *text, prompt.known_ids)) return *std::move(ids);
  // The template has written BOS and turn marks itself.
  ONDOL_TRY(auto ids, model.tokenizer->encode(*text, {.add_special = false}));
  return ids;
}

}  // namespace ondol::api
