#include "api/completion_request.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "api/reply.h"
#include "base/utf8.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxTopLogprobs = 20;

TextOrIds read_text(Fields& fields, const json::value& value, const std::string& path) {
  if (const json::array* ids = value.if_array()) return read_token_ids(fields, *ids, path);
  return fields.string_of(value, path).value_or("");
}

void read_unsupported(Fields& fields, const CompletionRequest& out) {
  fields.refuse_unsupported("suffix", "insertion before a suffix is not supported");
  const auto best_of = fields.integer("best_of", 1, kMaxAnswers);
  if (best_of && *best_of != out.common.n) {
    fields.refuse("best_of", "best_of: only as many as n are made", "unsupported_parameter");
  }
}

EchoedPrompt echoed(const TextOrIds& given, const ServedModel& model,
                    const std::vector<std::int32_t>& ids, bool add_special) {
  const text::Tokenizer& tokenizer = *model.tokenizer;
  EchoedPrompt out;
  out.first_token = ids.front();
  text::DecodeState state = tokenizer.start_decode();
  std::string decoded;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.offsets.push_back(count_characters(decoded));
    // BOS before a text is the tokenizer's, not the client's.
    const bool is_added = i == 0 && add_special && std::holds_alternative<std::string>(given) &&
                          tokenizer.bos() == ids[i];
    if (!is_added) tokenizer.decode_next(ids[i], /*skip_special=*/false, state, decoded);
  }
  const std::string* text = std::get_if<std::string>(&given);
  out.text = text != nullptr ? *text : replace_invalid_utf8(decoded);
  return out;
}

}  // namespace

std::vector<TextOrIds> read_texts(Fields& fields, std::string_view name, std::size_t max_items) {
  fields.require(name);
  const json::value* value = fields.find(name);
  if (value == nullptr) return {};
  const std::string path = fields.path_of(name);
  const json::array* items = value->if_array();
  if (items == nullptr || items->empty() || items->front().is_number()) {
    if (items == nullptr && !value->is_string()) {
      fields.refuse(path, path + " is neither a text, nor token ids, nor a list of either",
                    "invalid_type");
      return {};
    }
    return {read_text(fields, *value, path)};
  }
  std::vector<TextOrIds> out;
  items = fields.array(name, max_items);
  for (std::size_t i = 0; items != nullptr && i < items->size() && !fields.refused(); ++i) {
    out.push_back(read_text(fields, (*items)[i], fmt::format("{}[{}]", path, i)));
  }
  return out;
}

OrRefusal<std::vector<std::vector<std::int32_t>>> ids_of(const std::vector<TextOrIds>& texts,
                                                         const ServedModel& model,
                                                         bool add_special) {
  std::vector<std::vector<std::int32_t>> out;
  for (const TextOrIds& each : texts) {
    if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&each)) {
      out.push_back(*ids);
      continue;
    }
    ONDOL_TRY(auto ids,
              model.tokenizer->encode(std::get<std::string>(each), {.add_special = add_special}));
    out.push_back(std::move(ids));
  }
  return out;
}

OrRefusal<CompletionRequest> read_completion_request(std::string_view body) {
  ONDOL_TRY(const json::object object, parse_object(body));
  std::optional<Refusal> refusal;
  Fields fields(object, "", refusal);
  CompletionRequest out;
  out.common = read_generation_fields(fields);
  out.prompts = read_texts(fields, "prompt", kMaxAnswers);
  out.max_tokens = fields.integer("max_tokens", 0, kMaxTokensLimit).value_or(out.max_tokens);
  out.n_top_logprobs =
      static_cast<std::int32_t>(fields.integer("logprobs", 0, kMaxTopLogprobs).value_or(-1));
  out.echo = fields.flag("echo").value_or(false);
  out.add_special = fields.flag("add_special_tokens").value_or(true);
  out.structured = read_structured_output(fields);
  if (out.structured && out.common.ignore_eos) {
    fields.refuse("ignore_eos", "ignore_eos: an answer with a structure has an end");
  }
  read_unsupported(fields, out);
  fields.refuse_unknown();
  if (refusal) return tl::unexpected(*std::move(refusal));
  return out;
}

OrRefusal<GenerationPlan> completion_plan(const CompletionRequest& request,
                                          std::shared_ptr<const ServedModel> model) {
  ONDOL_TRY(auto prompts, ids_of(request.prompts, *model, request.add_special));
  GenerationPlan plan = request.common.plan_for(std::move(model));
  if (request.structured) {
    ONDOL_TRY(plan.make_mask, mask_of(*request.structured, *plan.model));
  }
  plan.prompts = std::move(prompts);
  plan.prompt_param = "prompt";
  plan.max_tokens = request.max_tokens;
  plan.n_top_logprobs = request.n_top_logprobs;
  plan.wants_prompt_logprobs = request.echo && request.n_top_logprobs >= 0;
  ONDOL_TRY_VOID(check_plan(plan));
  return plan;
}

std::vector<EchoedPrompt> echoed_prompts(const CompletionRequest& request, const ServedModel& model,
                                         const std::vector<std::vector<std::int32_t>>& ids) {
  std::vector<EchoedPrompt> out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.push_back(echoed(request.prompts[i], model, ids[i], request.add_special));
  }
  return out;
}

}  // namespace ondol::api
