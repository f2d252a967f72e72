#include "app/sampling_options.h"

#include <charconv>
#include <cmath>
#include <random>

namespace ondol::app {
namespace {

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

Result<std::pair<std::int32_t, float>> parse_bias(const std::string& text) {
  const auto equals = text.find('=');
  std::int32_t id = 0;
  float bias = 0;
  const bool good =
      equals != std::string::npos && parse_number(std::string_view(text).substr(0, equals), id) &&
      parse_number(std::string_view(text).substr(equals + 1), bias) && std::isfinite(bias);
  if (!good) {
    return fail(ErrorCode::kInvalidArgument, "--logit-bias", "", "is not of the form ID=BIAS",
                text);
  }
  return std::pair(id, bias);
}

template <class T>
void set_if(const std::optional<T>& given, T& out) {
  if (given) out = *given;
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
  const std::string group =
      "Sampling (defaults: what the model recommends, else temperature 0.3, "
      "top-p 0.9, min-p 0.05)";
  const auto add = [&](const char* name, auto& target, const char* text, double low, double high) {
    command.add_option(name, target, text)->check(CLI::Range(low, high))->group(group);
  };
  add("--temp,--temperature", options.temperature, "0 takes the most probable token", 0, 100);
  add("--top-k", options.top_k, "Only the k most probable tokens; 0 is off", 0, 2147483647);
  add("--top-p", options.top_p, "Smallest set of tokens with this probability; 1 is off", 1e-6, 1);
  add("--min-p", options.min_p, "At least this share of the best token's probability", 0, 0.999);
  add("--typical", options.typical_p, "Locally typical sampling; 1 is off", 1e-6, 1);
  add("--repeat-penalty", options.repetition_penalty, "Weakens tokens already seen; 1 is off", 1e-3,
      100);
  add("--frequency-penalty", options.frequency_penalty, "For each time a token was written", -2, 2);
  add("--presence-penalty", options.presence_penalty, "For a token that was written at all", -2, 2);
  command.add_option("--logit-bias", options.logit_bias, "ID=BIAS, may be repeated")->group(group);
  command.add_option("--seed", options.seed, "The same seed gives the same text; drawn if absent")
      ->group(group);
  command.add_option("--stop", options.stops, "Text that ends the answer, may be repeated")
      ->group(group);
}

Result<engine::SamplingParams> sampling_params(const SamplingOptions& options,
                                               engine::SamplingParams recommended) {
  engine::SamplingParams out = std::move(recommended);
  set_if(options.temperature, out.temperature);
  set_if(options.top_k, out.top_k);
  set_if(options.top_p, out.top_p);
  set_if(options.min_p, out.min_p);
  set_if(options.typical_p, out.typical_p);
  set_if(options.repetition_penalty, out.repetition_penalty);
  set_if(options.frequency_penalty, out.frequency_penalty);
  set_if(options.presence_penalty, out.presence_penalty);
  for (const std::string& text : options.logit_bias) {
    ONDOL_TRY(const auto bias, parse_bias(text));
    out.logit_bias.push_back(bias);
  }
  // 53 bits: a seed that JSON readers with doubles give back unchanged.
  std::random_device entropy;
  const std::uint64_t drawn = (std::uint64_t{entropy()} << 21) ^ entropy();
  out.seed = options.seed.value_or(drawn & ((std::uint64_t{1} << 53) - 1));
  return out;
}

}  // namespace ondol::app
