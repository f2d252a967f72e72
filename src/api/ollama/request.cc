#include "api/ollama/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>

#include "api/api.h"
#include "text/stop_matcher.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kDefaultPenaltyWindow = 64;  // Ollama's repeat_last_n
constexpr std::int64_t kMaxTopLogprobs = 20;

// Whether a Go duration ("5m", "1h30m", "-1s", "0") is zero; nullopt: it is none.
std::optional<bool> is_zero_duration(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return true;
  bool is_zero = true;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t n_number = std::min(text.find_first_not_of("0123456789."), text.size());
    const char* const begin = text.data();
    const char* const end = begin + n_number;
    double number = 0;
    const auto parsed = std::from_chars(begin, end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    is_zero = is_zero && number == 0;
    text.remove_prefix(n_number);
    const std::size_t n_unit = std::min(text.find_first_of("0123456789."), text.size());
    constexpr std::string_view kUnits[] = {"ns", "us", "µs", "ms", "s", "m", "h"};
    if (std::find(std::begin(kUnits), std::end(kUnits), text.substr(0, n_unit)) ==
        std::end(kUnits)) {
      return std::nullopt;
    }
    text.remove_prefix(n_unit);
  }
  return is_zero;
}

// How the work is done; and num_keep, which is for contexts that overflow: here they end.
void read_hints(Fields& options) {
  for (const std::string_view name : {"num_batch", "num_gpu", "main_gpu", "num_thread"}) {
    options.integer(name, -1, kMaxInt);
  }
  options.integer("num_keep", -1, kMaxInt);
  for (const std::string_view name : {"numa", "low_vram", "f16_kv", "use_mmap", "use_mlock"}) {
    options.flag(name);
  }
}

void refuse_true(Fields& options, std::string_view name, std::string_view why) {
  if (options.flag(name).value_or(false)) {
    options.refuse(options.path_of(name), fmt::format("{}: {}", options.path_of(name), why),
                   "unsupported_parameter");
  }
}

// A number that switches something on that is not here. Its value for off is fine.
void refuse_unless(Fields& options, std::string_view name, double off) {
  const auto value = options.number(name, {0, 1e9});
  if (!value || *value == off) return;
  options.refuse(options.path_of(name),
                 fmt::format("{}: only {} (off) is supported", options.path_of(name), off),
                 "unsupported_parameter");
}

void read_unsupported(Fields& options) {
  refuse_unless(options, "tfs_z", 1);
  refuse_unless(options, "mirostat", 0);
  options.number("mirostat_tau", {0, 1e9});  // parameters of mirostat
  options.number("mirostat_eta", {0, 1e9});
  if (!options.flag("penalize_newline").value_or(true)) {
    options.refuse(options.path_of("penalize_newline"),
                   "options.penalize_newline: penalties are for all tokens alike",
                   "unsupported_parameter");
  }
  for (const std::string_view name : {"logits_all", "vocab_only", "embedding_only"}) {
    refuse_true(options, name, "only false is supported");
  }
}

// repeat_last_n is the window of all three penalties on this wire, where 0 is off and -1 all.
// Ours see the whole answer, but for repeat_penalty; so a window is for that one.
void read_penalties(Fields& options, SamplingFields& out) {
  out.repetition_penalty = options.number("repeat_penalty", {1e-3, 100});
  out.frequency_penalty = options.number("frequency_penalty", {-2, 2});
  out.presence_penalty = options.number("presence_penalty", {-2, 2});
  const auto window = options.integer("repeat_last_n", -1, kMaxInt);
  if (out.repetition_penalty || window) {
    out.penalty_window = window.value_or(kDefaultPenaltyWindow);
  }
  if (window == 0) {
    out.repetition_penalty = 1;
    out.frequency_penalty = 0;
    out.presence_penalty = 0;
  }
}

SamplingFields read_sampling(Fields& options) {
  SamplingFields out;
  out.temperature = options.number("temperature", {0, 100});
  out.top_p = options.number("top_p", {1e-6, 1});
  out.min_p = options.number("min_p", {0, 0.999});
  out.typical_p = options.number("typical_p", {1e-6, 1});
  out.top_k = options.integer("top_k", -1, kMaxInt);
  out.seed = options.integer("seed", std::numeric_limits<std::int64_t>::min(),
                             std::numeric_limits<std::int64_t>::max());
  if (out.seed == -1) out.seed.reset();  // draw one
  read_penalties(options, out);
  return out;
}

void read_options(Fields& fields, CommonFields& out) {
  auto options = fields.object("options");
  if (!options) return;
  out.generation.sampling = read_sampling(*options);
  out.generation.stops = options->string_or_strings("stop", text::StopMatcher::kMaxStops);
  // Zero and below: until the model ends, or the context is full.
  const auto n_predict = options->integer("num_predict", -2, kMaxTokensLimit);
  if (n_predict && *n_predict > 0) out.max_tokens = *n_predict;
  out.num_ctx = options->integer("num_ctx", 1, kMaxInt).value_or(0);
  read_hints(*options);
  read_unsupported(*options);
  options->refuse_unknown();
}

std::optional<bool> read_think(Fields& fields) {
  const json::value* value = fields.find("think");
  if (value == nullptr) return std::nullopt;
  if (const bool* flag = value->if_bool()) return *flag;
  fields.refuse("think",
                value->is_string() ? "think: levels are not supported, only true and false"
                                   : "think is neither true nor false",
                value->is_string() ? "unsupported_parameter" : "invalid_type");
  return std::nullopt;
}

void read_logprobs(Fields& fields, CommonFields& out) {
  const bool wanted = fields.flag("logprobs").value_or(false);
  const auto n_top = fields.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (n_top.value_or(0) > 0 && !wanted) {
    fields.refuse("top_logprobs", "top_logprobs is for requests with \"logprobs\": true");
  }
  if (wanted) out.n_top_logprobs = static_cast<std::int32_t>(n_top.value_or(0));
}

}  // namespace

CommonFields read_common(Fields& fields) {
  CommonFields out;
  out.generation.model = read_model(fields);
  out.generation.stream = fields.flag("stream").value_or(true);
  read_options(fields, out);
  out.think = read_think(fields);
  read_logprobs(fields, out);
  out.wants_unload = read_keep_alive(fields);
  return out;
}

void read_unused_options(Fields& fields) {
  CommonFields unused;
  read_options(fields, unused);
}

bool read_keep_alive(Fields& fields) {
  const json::value* value = fields.find("keep_alive");
  if (value == nullptr) return false;
  if (value->is_number()) {
    return fields.number_of(*value, "keep_alive", {-1e15, 1e15}) == 0.0;
  }
  const json::string* text = value->if_string();
  const auto is_zero = text != nullptr ? is_zero_duration(*text) : std::nullopt;
  if (!is_zero) {
    fields.refuse("keep_alive",
                  "keep_alive is neither a number of seconds nor a duration like \"5m\"",
                  text != nullptr ? "invalid_value" : "invalid_type");
  }
  return is_zero.value_or(false);
}

std::string read_model(Fields& fields) {
  const auto older = fields.string("name");
  const auto model = fields.string("model");
  if (!older) fields.require("model");
  return model ? *model : older.value_or("");
}

std::string model_id(const Call& call, const std::string& name) {
  constexpr std::string_view kLatest = ":latest";
  if (!name.ends_with(kLatest)) return name;
  const auto cards = call.api->models().list();
  const bool is_known = std::any_of(cards.begin(), cards.end(),
                                    [&](const ModelCard& card) { return card.id == name; });
  return is_known ? name : name.substr(0, name.size() - kLatest.size());
}

json::value read_format(Fields& fields) {
  const json::value* value = fields.find("format");
  if (value == nullptr) return nullptr;
  if (value->is_object()) {
    return json::object{
        {"type", "json_schema"},
        {"json_schema", json::object{{"name", "format"}, {"schema", *value}, {"strict", true}}}};
  }
  const auto word = fields.word("format", {"", "json"});
  if (word != "json") return nullptr;
  return json::object{{"type", "json_object"}};
}

OrRefusal<ChatRequest> chat_request_of(const CommonFields& common, json::object fields) {
  if (common.think) {
    fields["chat_template_kwargs"] = json::object{{"enable_thinking", *common.think}};
  }
  auto out = read_chat_request(fields);
  if (!out) return tl::unexpected(in_own_words(out.error()));
  out->common = common.generation;
  out->max_tokens = common.max_tokens;
  out->n_top_logprobs = common.n_top_logprobs;
  return out;
}

Refusal in_own_words(Refusal refusal) {
  const std::string param = refusal.param;
  if (param.starts_with("response_format")) return renamed(std::move(refusal), "format");
  return refusal;
}

OrRefusal<void> check_model(const CommonFields& common, const ServedModel& model) {
  if (common.think.value_or(false) && model.chat_format.reasoning == nullptr) {
    return tl::unexpected(
        unsupported_parameter("think", "think: this model does not think before it answers"));
  }
  const std::int64_t max_context = model.engine->options().max_context;
  if (common.num_ctx <= max_context) return {};
  return tl::unexpected(bad_parameter(
      "options.num_ctx", fmt::format("options.num_ctx is {}, but this model is served with {}",
                                     common.num_ctx, max_context)));
}

Refusal no_unloading() {
  return unsupported_parameter(
      "keep_alive",
      "keep_alive: models are not unloaded on request; one goes when its memory is needed");
}

}  // namespace ondol::api::ollama
