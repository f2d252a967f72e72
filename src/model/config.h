// Hyperparameters of a model file, read once and range-checked, whichever of the
// two layouts names them.
//
// Every number is refused outside a range that is far above any model there is
// and far below what could overflow a product of two of them, so that code after
// read_hyperparameters() multiplies freely. Errors: kInvalidFile with file, key,
// value and limit. Threads: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/model_file.h"
#include "model/model.h"

namespace ondol::model {

/// One setting under its two names. The GGUF name lacks the architecture in
/// front ("attention.head_count"), the Hugging Face name lacks "text_config.".
/// An empty name: that layout does not have the setting.
struct Key {
  std::string_view gguf;
  std::string_view hf;
};

class Config {
 public:
  /// `hf_scope` is "" or, for text models inside a larger one, "text_config.".
  Config(const format::ModelFile& file, std::string_view hf_scope);

  bool is_gguf() const { return file_.layout() == format::Layout::kGguf; }
  const format::ModelFile& file() const { return file_; }
  const format::Metadata& metadata() const { return file_.metadata(); }
  const std::string& where() const { return metadata().where(); }
  /// The full name of the key in this file; empty if the layout has none.
  std::string name(Key key) const;
  bool has(Key key) const;

  Result<std::int64_t> integer(Key key, std::int64_t low, std::int64_t high) const;
  Result<std::int64_t> integer_or(Key key, std::int64_t fallback, std::int64_t low,
                                  std::int64_t high) const;
  Result<double> number_or(Key key, double fallback, double low, double high) const;
  Result<bool> boolean_or(Key key, bool fallback) const;
  Result<std::string> string_or(Key key, std::string_view fallback) const;

  /// kUnsupported unless the string is `expected` or missing.
  Result<void> require_string(Key key, std::string_view expected) const;
  /// kUnsupported if the flag is set.
  Result<void> refuse_flag(Key key, std::string_view why) const;

 private:
  const format::ModelFile& file_;
  std::string prefix_;  // "llama." or "text_config." or ""
};

/// What a Hugging Face class assumes when config.json is silent; 0: must be there.
struct Defaults {
  std::int64_t n_vocab = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // 0: as many as heads
  std::int64_t d_head = 0;      // 0: d_model / n_heads
  std::int64_t max_context = 0;
};

struct Hyperparameters {
  ModelInfo info;  // n_parameters is filled in by the weight loader
  float rms_eps = 0;
};

/// Reads and checks what all decoder families have in common.
Result<Hyperparameters> read_hyperparameters(const Config& config, std::string_view family,
                                             const Defaults& defaults);

/// Whether output weights are the embedding table: what config.json says, or
/// whether a GGUF lacks "output.weight".
Result<bool> read_tied(const Config& config, bool fallback);

/// The attention window of each layer, 0 for all: from "layer_types"
/// ("full_attention", "sliding_attention"), or, where the file has no such list,
/// `window` from layer `first_sliding` on.
/// Errors: kInvalidFile for another length, kUnsupported for other types.
Result<std::vector<std::int32_t>> read_layer_windows(const Config& config, std::int64_t n_layers,
                                                     std::int32_t window,
                                                     std::int64_t first_sliding);

}  // namespace ondol::model
