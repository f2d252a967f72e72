#include "model/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/quantize.h"

namespace ondol::model {
namespace {

constexpr double kMaxTheta = 1e15;
constexpr double kMaxFactor = 1e6;
constexpr double kMaxPositions = 2147483647.0;

/// Reads the settings of one scaling; names differ by layout and generation.
class Settings {
 public:
  Settings(const Config& config, std::string scope) : config_(config), scope_(std::move(scope)) {}

  std::string name(std::string_view setting) const { return scope_ + std::string(setting); }
  bool has(std::string_view setting) const { return config_.metadata().has(name(setting)); }
  Result<double> required(std::string_view setting, double low, double high) const {
    return config_.metadata().number(name(setting), low, high);
  }
  Result<double> optional(std::string_view setting, double fallback, double low,
                          double high) const {
    return config_.metadata().number_or(name(setting), fallback, low, high);
  }
  Result<bool> flag(std::string_view setting, bool fallback) const {
    return config_.metadata().boolean_or(name(setting), fallback);
  }
  const Config& config() const { return config_; }

 private:
  const Config& config_;
  std::string scope_;
};

struct YarnSettings {
  double factor = 1;
  double original_context = 0;
  double beta_fast = 32;
  double beta_slow = 1;
  bool truncate = true;  // the borders of the ramp to whole pairs
};

/// Low frequencies are interpolated, high ones kept, with a ramp between them
/// from the pair that turns beta_fast times in the original context to the one
/// that turns beta_slow times.
void apply_yarn(const YarnSettings& yarn, double theta, std::vector<double>& frequencies) {
  const auto n_rotated = static_cast<double>(2 * frequencies.size());
  const auto pair_of_turns = [&](double turns) {
    return n_rotated * std::log(yarn.original_context / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  double low = pair_of_turns(yarn.beta_fast);
  double high = pair_of_turns(yarn.beta_slow);
  if (yarn.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, n_rotated - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= (1 - ramp) + ramp / yarn.factor;
  }
}

double yarn_magnitude(double factor, double multiplier) {
  return factor <= 1 ? 1.0 : 0.1 * multiplier * std::log(factor) + 1.0;
}

Result<void> apply_llama3(const Settings& settings, std::vector<double>& frequencies) {
  Llama3Scaling scaling;
  ONDOL_TRY(scaling.factor, settings.required("factor", 1.0, kMaxFactor));
  ONDOL_TRY(scaling.low_freq_factor, settings.required("low_freq_factor", 1e-6, kMaxFactor));
  ONDOL_TRY(scaling.high_freq_factor, settings.required("high_freq_factor", 1e-6, kMaxFactor));
  ONDOL_TRY(scaling.original_context,
            settings.required("original_max_position_embeddings", 1.0, kMaxPositions));
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    return fail(ErrorCode::kInvalidFile, settings.config().where(),
                settings.name("high_freq_factor"), "must be above low_freq_factor",
                std::to_string(scaling.high_freq_factor), std::to_string(scaling.low_freq_factor));
  }
  const std::vector<double> divisors = llama3_divisors(scaling, frequencies);
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= divisors[i];
  return {};
}

Result<void> apply_hf_yarn(const Settings& settings, const ModelInfo& info, double theta,
                           std::vector<double>& frequencies, float& magnitude) {
  YarnSettings yarn;
  ONDOL_TRY(yarn.factor, settings.required("factor", 1.0, kMaxFactor));
  ONDOL_TRY(yarn.original_context,
            settings.optional("original_max_position_embeddings",
                              static_cast<double>(info.max_context), 1.0, kMaxPositions));
  ONDOL_TRY(yarn.beta_fast, settings.optional("beta_fast", 32.0, 1e-3, kMaxFactor));
  ONDOL_TRY(yarn.beta_slow, settings.optional("beta_slow", 1.0, 1e-3, kMaxFactor));
  ONDOL_TRY(yarn.truncate, settings.flag("truncate", true));
  apply_yarn(yarn, theta, frequencies);

  double attention = yarn_magnitude(yarn.factor, 1.0);
  if (settings.has("mscale") && settings.has("mscale_all_dim")) {
    ONDOL_TRY(const double part, settings.required("mscale", 0.0, kMaxFactor));
    ONDOL_TRY(const double all, settings.required("mscale_all_dim", 0.0, kMaxFactor));
    if (part != 0 && all != 0) {
      attention = yarn_magnitude(yarn.factor, part) / yarn_magnitude(yarn.factor, all);
    }
  }
  ONDOL_TRY(attention, settings.optional("attention_factor", attention, 1e-6, kMaxFactor));
  magnitude = static_cast<float>(attention);
  return {};
}

Rope to_floats(const std::vector<double>& frequencies, float magnitude) {
  Rope rope;
  rope.magnitude = magnitude;
  for (const double frequency : frequencies) rope.inv_freq.push_back(static_cast<float>(frequency));
  return rope;
}

Result<Rope> read_hf_rope(const Config& config, const ModelInfo& info, const RopeKeys& keys) {
  const format::Metadata& metadata = config.metadata();
  const Settings parameters(config, config.name({"", keys.parameters}) + ".");
  const bool is_new_form = parameters.has("rope_theta") || parameters.has("rope_type");
  const std::string theta_key =
      is_new_form ? parameters.name("rope_theta") : config.name({"", keys.theta});
  ONDOL_TRY(const double theta,
            metadata.number_or(theta_key, keys.default_theta, 1.0 + 1e-6, kMaxTheta));

  const std::string old_scope = config.name({"", keys.scaling});
  const Settings settings =
      is_new_form ? parameters : Settings(config, old_scope.empty() ? "" : old_scope + ".");
  std::string type = "default";
  if (is_new_form || !old_scope.empty()) {
    // Checkpoints of 2023 say "type" where later ones say "rope_type".
    ONDOL_TRY(const std::string older, metadata.string_or(settings.name("type"), "default"));
    ONDOL_TRY(type, metadata.string_or(settings.name("rope_type"), older));
    ONDOL_TRY(const double partial, settings.optional("partial_rotary_factor", 1.0, 0.0, 1.0));
    if (partial != 1.0) {
      return fail(ErrorCode::kUnsupported, config.where(), settings.name("partial_rotary_factor"),
                  "rotation of a part of the head", std::to_string(partial), "1");
    }
  }

  std::vector<double> frequencies = rope_frequencies(theta, info.d_head);
  float magnitude = 1.0F;
  if (type == "linear") {
    ONDOL_TRY(const double factor, settings.required("factor", 1e-6, kMaxFactor));
    for (double& frequency : frequencies) frequency /= factor;
  } else if (type == "llama3") {
    ONDOL_TRY_VOID(apply_llama3(settings, frequencies));
  } else if (type == "yarn") {
    ONDOL_TRY_VOID(apply_hf_yarn(settings, info, theta, frequencies, magnitude));
  } else if (type != "default") {
    return fail(ErrorCode::kUnsupported, config.where(), settings.name("rope_type"),
                "unknown RoPE scaling", type, "default, linear, llama3 or yarn");
  }
  return to_floats(frequencies, magnitude);
}

/// Divides by rope_freqs.weight if the file has it; says whether it had.
Result<bool> apply_gguf_divisors(const Config& config, std::vector<double>& frequencies) {
  constexpr std::string_view kName = "rope_freqs.weight";
  const format::Weight* weight = config.file().find(kName);
  if (weight == nullptr) return false;
  const Shape expected = {frequencies.size()};
  if (weight->tensor.shape != expected || weight->tensor.dtype != DType::kF32) {
    return fail(ErrorCode::kInvalidFile, config.where(), kName, "unexpected shape or type",
                weight->tensor.shape.to_string() + " " + std::string(name(weight->tensor.dtype)),
                expected.to_string() + " f32");
  }
  std::vector<float> divisors(frequencies.size());
  dequantize_row(DType::kF32, weight->tensor.bytes.data(), divisors.data(), divisors.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    if (!(divisors[i] > 0) || !std::isfinite(divisors[i])) {
      return fail(ErrorCode::kInvalidFile, config.where(), kName, "a divisor must be above 0",
                  std::to_string(divisors[i]), "> 0");
    }
    frequencies[i] /= divisors[i];
  }
  return true;
}

Result<Rope> read_gguf_rope(const Config& config, const ModelInfo& info, double default_theta) {
  ONDOL_TRY(const std::int64_t n_rotated,
            config.integer_or({"rope.dimension_count", ""}, info.d_head, 2, info.d_head));
  if (n_rotated % 2 != 0) {
    return fail(ErrorCode::kInvalidFile, config.where(), config.name({"rope.dimension_count", ""}),
                "must be even", n_rotated, info.d_head);
  }
  ONDOL_TRY(const double theta,
            config.number_or({"rope.freq_base", ""}, default_theta, 1.0 + 1e-6, kMaxTheta));
  std::vector<double> frequencies = rope_frequencies(theta, n_rotated);
  ONDOL_TRY(const bool has_divisors, apply_gguf_divisors(config, frequencies));

  // "rope.scale_linear" is how files of 2023 said it.
  ONDOL_TRY(const double old_factor,
            config.number_or({"rope.scale_linear", ""}, 1.0, 1e-6, kMaxFactor));
  constexpr Key kType = {"rope.scaling.type", ""};
  ONDOL_TRY(const std::string type, config.string_or(kType, old_factor == 1.0 ? "none" : "linear"));
  ONDOL_TRY(const double factor,
            config.number_or({"rope.scaling.factor", ""}, old_factor, 1e-6, kMaxFactor));
  if (has_divisors && type != "none" && factor != 1.0) {
    return fail(ErrorCode::kInvalidFile, config.where(), config.name(kType),
                "a scaling beside the divisors in rope_freqs.weight", type, "none");
  }
  float magnitude = 1.0F;
  if (type == "linear") {
    for (double& frequency : frequencies) frequency /= factor;
  } else if (type == "yarn") {
    YarnSettings yarn;
    yarn.factor = std::max(factor, 1.0);
    ONDOL_TRY(yarn.original_context,
              config.number_or({"rope.scaling.original_context_length", ""},
                               static_cast<double>(info.max_context), 1.0, kMaxPositions));
    ONDOL_TRY(yarn.beta_fast,
              config.number_or({"rope.scaling.yarn_beta_fast", ""}, 32.0, 1e-3, kMaxFactor));
    ONDOL_TRY(yarn.beta_slow,
              config.number_or({"rope.scaling.yarn_beta_slow", ""}, 1.0, 1e-3, kMaxFactor));
    apply_yarn(yarn, theta, frequencies);
    ONDOL_TRY(const double attention,
              config.number_or({"rope.scaling.attn_factor", ""}, 1.0, 1e-6, kMaxFactor));
    magnitude = static_cast<float>(attention * yarn_magnitude(yarn.factor, 1.0));
  } else if (type != "none") {
    return fail(ErrorCode::kUnsupported, config.where(), config.name(kType), "unknown RoPE scaling",
                type, "none, linear or yarn");
  }
  return to_floats(frequencies, magnitude);
}

}  // namespace

std::vector<double> rope_frequencies(double theta, std::int64_t n_rotated) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < n_rotated; i += 2) {
    frequencies.push_back(
        std::pow(theta, -static_cast<double>(i) / static_cast<double>(n_rotated)));
  }
  return frequencies;
}

std::vector<double> llama3_divisors(const Llama3Scaling& scaling,
                                    const std::vector<double>& frequencies) {
  std::vector<double> divisors;
  for (const double frequency : frequencies) {
    // Turns of the pair within the context that the model was trained on first.
    const double turns = scaling.original_context * frequency / (2 * std::numbers::pi);
    if (turns > scaling.high_freq_factor) {
      divisors.push_back(1);
    } else if (turns < scaling.low_freq_factor) {
      divisors.push_back(scaling.factor);
    } else {
      const double smooth =
          (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
      divisors.push_back(1 / ((1 - smooth) / scaling.factor + smooth));
    }
  }
  return divisors;
}

Result<Rope> read_rope(const Config& config, const ModelInfo& info, const RopeKeys& keys) {
  return config.is_gguf() ? read_gguf_rope(config, info, keys.default_theta)
                          : read_hf_rope(config, info, keys);
}

}  // namespace ondol::model
