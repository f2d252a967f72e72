// The "model" of a tokenizer.json: BPE and Unigram.
#pragma once

#include <cstddef>
#include <memory>

#include "base/error.h"
#include "text/json_node.h"
#include "text/tokenizer_parts.h"

namespace ondol::text {

/// How far ids may run beyond twice the number of tokens: a gap costs memory
/// that the file does not pay for.
inline constexpr std::size_t kMaxIdGap = 4096;

/// Fills parts.tokens with the model's vocabulary. True when the model is BPE
/// and spells every byte (byte_level.h), so that it can work on raw bytes.
Result<bool> load_model_vocab(const JsonNode& model, std::size_t n_added, TokenizerParts& parts);

/// REQUIRES: load_model_vocab succeeded. by_bytes: words will come as raw bytes.
Result<std::unique_ptr<Model>> load_model(const JsonNode& model, bool by_bytes,
                                          TokenizerParts& parts);

}  // namespace ondol::text
