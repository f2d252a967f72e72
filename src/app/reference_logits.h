// The logits that a model's are held against: of another model, run beside it
// window by window, or of a .npy file that an earlier run saved.
//
// Owner: the command. Threads: the main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/load.h"
#include "base/error.h"

namespace ondol::app {

class ReferenceLogits {
 public:
  virtual ~ReferenceLogits() = default;

  /// Called before each window with its ids; the logits from index `first` on
  /// will be asked for. Errors: as Evaluator::run.
  virtual Result<void> begin_window(std::span<const std::int32_t> ids, std::int64_t first) = 0;
  /// [n_vocab], of the i-th scored token of this window, which is the n-th of all.
  virtual std::span<const float> row(std::int64_t i, std::int64_t n) const = 0;
};

/// A .npy file of f32 [n_scored, n_vocab]. Errors: kInvalidFile, naming what was
/// expected; kIo, kNotFound.
Result<std::unique_ptr<ReferenceLogits>> open_reference_file(const std::string& path,
                                                             std::int64_t n_scored,
                                                             std::int64_t n_vocab);

/// A model whose tokenizer makes the same of `text`. Errors: as load_model;
/// kInvalidArgument when vocabularies or tokens differ; kLimit when a window's
/// logits are too many to be held.
Result<std::unique_ptr<ReferenceLogits>> load_reference_model(const ModelOptions& options,
                                                              const std::string& text,
                                                              std::span<const std::int32_t> tokens,
                                                              std::int64_t n_vocab,
                                                              std::int64_t window);

}  // namespace ondol::app
