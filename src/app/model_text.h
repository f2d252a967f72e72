// The text side of a model file: its tokenizer, its chat template, the tokens
// that end an answer and the sampling its makers recommend, from a GGUF file's
// metadata or from the JSON files of a Hugging Face directory.
//
// Pure functions over an open ModelFile. Errors: kInvalidFile names file and
// field; those of text/tokenizer.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/request.h"
#include "format/model_file.h"
#include "text/tokenizer.h"

namespace ondol::app {

Result<std::shared_ptr<const text::Tokenizer>> load_tokenizer(const format::ModelFile& file);

/// "BPE, llama-bpe" and the like, for people.
std::string tokenizer_kind(const format::ModelFile& file);

/// The template's source; empty when the model has none.
Result<std::string> chat_template_source(const format::ModelFile& file);

/// End-of-turn tokens: what generation_config.json, config.json and the
/// tokenizer name. Sorted, without duplicates, inside [0, n_vocab).
Result<std::vector<std::int32_t>> stop_tokens(const format::ModelFile& file,
                                              const text::Tokenizer& tokenizer,
                                              std::int64_t n_vocab);

/// Ours (kDefaultTemperature and so on), with what generation_config.json or
/// general.sampling.* recommend over it. The seed is left at 0.
Result<engine::SamplingParams> recommended_sampling(const format::ModelFile& file);

// Right before varied: small models wander off at higher temperatures.
inline constexpr float kDefaultTemperature = 0.3F;
inline constexpr float kDefaultTopP = 0.9F;
inline constexpr float kDefaultMinP = 0.05F;

}  // namespace ondol::app
