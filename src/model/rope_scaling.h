// Rotary frequencies of a model: the base theta and the ways that models stretch
// it to longer contexts.
//
// Sources: Su et al. 2021 section 3.4.2 (frequencies); Peng et al. 2023, "YaRN",
// sections 3.2 to 3.4 (by parts, attention temperature); the llama-models
// repository, models/llama3/model.py (llama3). A GGUF file carries llama3's
// scaling as divisors in the tensor "rope_freqs.weight" instead of as settings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/config.h"

namespace ondol::model {

struct Rope {
  std::vector<float> inv_freq;  // [n_pairs]: radians a position
  float magnitude = 1.0F;       // of both cosine and sine
};

/// Where a Hugging Face configuration keeps a rope's settings.
struct RopeKeys {
  /// "rope_parameters" (transformers 5) or, one a layer type,
  /// "rope_parameters.full_attention".
  std::string_view parameters = "rope_parameters";
  std::string_view theta = "rope_theta";      // the older form, beside
  std::string_view scaling = "rope_scaling";  // "rope_scaling"; empty: none
  double default_theta = 10000.0;
};

/// Errors: kUnsupported names the scaling type; kInvalidFile for settings out of
/// range, or for a GGUF that has both divisors and a scaling setting.
Result<Rope> read_rope(const Config& config, const ModelInfo& info, const RopeKeys& keys);

/// How Llama 3.1 and later stretch each pair, as divisors of the frequencies.
struct Llama3Scaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_context = 8192;
};
/// REQUIRES: factors above 0, high above low.
std::vector<double> llama3_divisors(const Llama3Scaling& scaling,
                                    const std::vector<double>& frequencies);

/// theta^(-2i/n_rotated), unscaled. REQUIRES: theta > 0, n_rotated even.
std::vector<double> rope_frequencies(double theta, std::int64_t n_rotated);

}  // namespace ondol::model
