// Sequences of one length that advance together, and can be taken back to a
// shorter length at no cost. What measuring needs: a context is computed once,
// then any number of passes run at its end. No scheduler, no thread of its own.
//
// Owner: the caller, whose thread runs the model; no engine beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "model/model.h"
#include "model/work.h"

namespace ondol::engine {

struct LockstepOptions {
  std::int64_t n_sequences = 1;
  std::int64_t n_context = 0;           // tokens of each sequence at most
  std::int64_t max_batch_tokens = 512;  // of one pass; n_sequences or more, at most the model's
  DType kv_dtype = DType::kF16;
};

class Lockstep {
 public:
  /// Model and device must outlive it. Allocates the KV cache.
  /// Errors: kInvalidArgument names the option, kUnsupported (kv_dtype), kOutOfMemory.
  static Result<std::unique_ptr<Lockstep>> create(model::Model& model, device::Device& device,
                                                  const LockstepOptions& options);

  /// Appends tokens [n_sequences, n] in as many passes as it takes. Answers the
  /// logits [n_sequences, n_vocab] after the last token of each, valid until the
  /// next call, or nothing if they are not wanted. `go_on` is asked before each
  /// pass; may be empty. Errors: kInvalidArgument (an id outside the vocabulary, not
  /// n_sequences rows), kLimit (beyond n_context), kCancelled (go_on said no; the
  /// passes before stay).
  Result<std::span<const float>> append(std::span<const std::int32_t> tokens, bool wants_logits,
                                        const std::function<bool()>& go_on = {});

  /// Forgets all tokens from `length` on. REQUIRES: 0 <= length <= length().
  void truncate(std::int64_t length);
  std::int64_t length() const { return length_; }

  /// The passes that append() makes of n more tokens.
  std::vector<model::Pass> passes(std::int64_t n, bool wants_logits) const;

 private:
  Lockstep(model::Model& model, device::Device& device, std::unique_ptr<device::KvCache> cache,
           const LockstepOptions& options);
  void fill_batch(std::span<const std::int32_t> tokens, std::int64_t row_tokens, std::int64_t first,
                  const model::Pass& pass);

  model::Model& model_;
  device::Device& device_;
  std::unique_ptr<device::KvCache> cache_;
  LockstepOptions options_;
  std::int64_t length_ = 0;
  std::vector<std::vector<std::int32_t>> pages_;  // [n_sequences][pages of n_context]

  // One pass's batch. [n_tokens] but where said.
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> slots_;
  std::vector<device::AttentionSequence> sequences_;  // [n_sequences]
  std::vector<std::int32_t> logit_rows_;              // [n_logit_rows]
};

}  // namespace ondol::engine
