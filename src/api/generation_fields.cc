#include "api/generation_fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <limits>
#include <random>

#include "text/stop_matcher.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxMetadata = 16;  // pairs, as the OpenAI reference has it

std::vector<std::pair<std::int32_t, float>> read_logit_bias(Fields& fields) {
  std::vector<std::pair<std::int32_t, float>> out;
  const auto biases = fields.object("logit_bias");
  if (!biases) return out;
  for (const auto& [key, value] : biases->json()) {
    const std::string_view name = key;
    std::int32_t id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || id < 0) {
      fields.refuse("logit_bias", "logit_bias has a name that is no token id");
      return out;
    }
    const auto bias = fields.number_of(value, fmt::format("logit_bias.{}", id), {-100, 100});
    if (!bias) return out;
    out.emplace_back(id, static_cast<float>(*bias));
  }
  return out;
}

SamplingFields read_sampling(Fields& fields) {
  SamplingFields out;
  out.temperature = fields.number("temperature", {0, 2});
  out.top_p = fields.number("top_p", {1e-6, 1});
  out.min_p = fields.number("min_p", {0, 0.999});
  out.typical_p = fields.number("typical_p", {1e-6, 1});
  out.repetition_penalty = fields.number("repetition_penalty", {1e-3, 100});
  out.frequency_penalty = fields.number("frequency_penalty", {-2, 2});
  out.presence_penalty = fields.number("presence_penalty", {-2, 2});
  out.top_k = fields.integer("top_k", -1, kMaxId);
  out.penalty_window = fields.integer("repeat_last_n", -1, kMaxId);
  out.seed = fields.integer("seed", std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max());
  out.logit_bias = read_logit_bias(fields);
  return out;
}

void read_stream_options(Fields& fields, GenerationFields& out) {
  auto options = fields.object("stream_options");
  if (!options) return;
  if (!out.stream) {
    fields.refuse("stream_options", "stream_options is for requests with \"stream\": true");
  }
  out.include_usage = options->flag("include_usage").value_or(false);
  options->ignore("include_obfuscation");  // padding against a listener; TLS is another matter
  options->refuse_unknown();
}

void read_stop_token_ids(Fields& fields, GenerationFields& out) {
  const json::array* ids = fields.array("stop_token_ids", text::StopMatcher::kMaxStops);
  if (ids != nullptr) out.stop_token_ids = read_token_ids(fields, *ids, "stop_token_ids");
}

// What is for the operator's records or a hint of billing, and changes no answer.
void read_notes(Fields& fields) {
  fields.string("user");
  fields.string("safety_identifier");
  fields.string("prompt_cache_key");
  fields.word("prompt_cache_retention", {"in_memory", "in-memory", "24h"});
  fields.word("service_tier", {"auto", "default"});
  auto metadata = fields.object("metadata");
  if (!metadata) return;
  if (metadata->json().size() > kMaxMetadata) {
    fields.refuse("metadata", fmt::format("metadata has more than {} pairs", kMaxMetadata));
  }
  for (const auto& [key, value] : metadata->json()) {
    if (!fields.refused()) metadata->string_of(value, metadata->path_of("value"));
  }
}

template <class T, class Out>
void set_if(const std::optional<T>& given, Out& out) {
  if (given) out = static_cast<Out>(*given);
}

// 53 bits: a seed that readers of JSON with doubles give back unchanged.
std::uint64_t draw_seed() {
  std::random_device entropy;
  return ((std::uint64_t{entropy()} << 21) ^ entropy()) & ((std::uint64_t{1} << 53) - 1);
}

}  // namespace

engine::SamplingParams SamplingFields::over(engine::SamplingParams defaults) const {
  engine::SamplingParams out = std::move(defaults);
  set_if(temperature, out.temperature);
  set_if(top_p, out.top_p);
  set_if(min_p, out.min_p);
  set_if(typical_p, out.typical_p);
  set_if(repetition_penalty, out.repetition_penalty);
  set_if(frequency_penalty, out.frequency_penalty);
  set_if(presence_penalty, out.presence_penalty);
  // -1 is "all" in vLLM and llama.cpp, where the engine says 0.
  if (top_k) out.top_k = static_cast<std::int32_t>(std::max<std::int64_t>(*top_k, 0));
  if (penalty_window) {
    out.penalty_window = static_cast<std::int32_t>(std::max<std::int64_t>(*penalty_window, 0));
  }
  out.logit_bias = logit_bias;
  out.seed = seed ? static_cast<std::uint64_t>(*seed) : draw_seed();
  return out;
}

std::vector<std::int32_t> read_token_ids(Fields& fields, const json::array& items,
                                         const std::string& path) {
  std::vector<std::int32_t> out;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const json::value& item = items[i];
    const std::int64_t* id = item.if_int64();
    if (id == nullptr || *id < 0 || *id > kMaxId) {  // the common case needs no path
      fields.integer_of(item, fmt::format("{}[{}]", path, i), 0, kMaxId);
      if (fields.refused()) return {};
    }
    out.push_back(static_cast<std::int32_t>(item.to_number<double>()));
  }
  return out;
}

GenerationFields read_generation_fields(Fields& fields) {
  GenerationFields out;
  out.model = fields.string("model").value_or("");
  out.sampling = read_sampling(fields);
  out.stops = fields.string_or_strings("stop", text::StopMatcher::kMaxStops);
  read_stop_token_ids(fields, out);
  out.ignore_eos = fields.flag("ignore_eos").value_or(false);
  out.n = static_cast<int>(fields.integer("n", 1, kMaxAnswers).value_or(1));
  out.stream = fields.flag("stream").value_or(false);
  out.use_prefix_cache = fields.flag("cache_prompt").value_or(true);
  read_stream_options(fields, out);
  read_notes(fields);
  return out;
}

GenerationPlan GenerationFields::plan_for(std::shared_ptr<const ServedModel> served) const {
  GenerationPlan plan;
  plan.n = n;
  plan.sampling = sampling.over(served->defaults);
  plan.stop_tokens = stop_token_ids;
  if (!ignore_eos) {
    plan.stop_tokens.insert(plan.stop_tokens.end(), served->stop_tokens.begin(),
                            served->stop_tokens.end());
  }
  plan.stops = stops;
  plan.use_prefix_cache = use_prefix_cache;
  plan.model = std::move(served);
  return plan;
}

}  // namespace ondol::api
