// Logits of given tokens without sampling: what `ondol logits`, `perplexity`
// and tests need. The caller's thread runs the model; no engine beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/error.h"
#include "model/model.h"

namespace ondol::engine {

class Evaluator {
 public:
  /// Model and device must outlive it. Allocates a KV cache of n_context tokens.
  /// chunk_tokens: of one forward pass, at most the model's max_batch_tokens.
  /// Errors: kInvalidArgument, kUnsupported (kv_dtype), kOutOfMemory.
  static Result<std::unique_ptr<Evaluator>> create(model::Model& model, device::Device& device,
                                                   std::int64_t n_context,
                                                   std::int64_t chunk_tokens, DType kv_dtype);

  /// Forgets what came before, then computes all tokens in chunks.
  /// `sink(i, logits)` gets the logits [n_vocab] after token i, in order, for i >= first.
  /// Errors: kInvalidArgument (an id outside the vocabulary), kLimit (more
  /// tokens than the context).
  Result<void> run(std::span<const std::int32_t> tokens, std::int64_t first,
                   const std::function<void(std::int64_t, std::span<const float>)>& sink);

 private:
  Evaluator(model::Model& model, device::Device& device, std::unique_ptr<device::KvCache> cache,
            std::int64_t n_context, std::int64_t chunk_tokens);
  model::Model& model_;
  device::Device& device_;
  std::unique_ptr<device::KvCache> cache_;
  std::int64_t n_context_;
  std::int64_t chunk_tokens_;
};

}  // namespace ondol::engine
