// A loaded model: it turns a batch of tokens of several sequences into logits.
//
// A family is one file: it reads its configuration from the metadata, names its
// weights with the shapes they must have, and states its forward pass in Device
// operations. registry.cc lists the families.
//
// Owner: the engine. Threads: forward and what follows it from one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "device/device.h"
#include "format/model_file.h"

namespace ondol::model {

/// What everyone but the family itself needs to know of a model.
struct ModelInfo {
  std::string family;  // "llama", "qwen3", "gemma3"
  std::int64_t n_vocab = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t d_model = 0;
  std::int64_t d_head = 0;
  std::int64_t d_ff = 0;
  std::int64_t max_context = 0;  // trained context, tokens
  std::uint64_t n_parameters = 0;
  std::vector<std::int32_t> windows;  // [n_layers] as AttentionParams::window; empty: all 0

  /// Keys and values of one token in all layers.
  std::uint64_t kv_bytes_per_token(DType kv_dtype) const;
};

/// What passes read and multiply, apart from keys and values (work.h counts with it).
struct WeightCounts {
  std::uint64_t layer_elements = 0;  // of matrices that every token is multiplied with
  std::uint64_t head_elements = 0;   // of the output head: rows that want logits only
  std::uint64_t layer_bytes = 0;     // as the device keeps them; with norms and biases
  std::uint64_t head_bytes = 0;

  /// What one decoded token reads; of the embedding table it reads a row.
  std::uint64_t bytes_per_token() const { return layer_bytes + head_bytes; }
};

/// Called between the layers of a forward. It may run other forwards of the same model, on
/// other sequences. False gives this one up: it answers no logits, and the keys and values
/// of its batch are worth nothing.
using BetweenLayers = std::function<bool()>;

/// Tokens of one step, sequences back to back. All spans have n_tokens entries
/// but where said. REQUIRES: ids in [0, n_vocab); n_tokens <= max_batch_tokens, those of
/// forwards within one another counted together.
struct Batch {
  std::span<const std::int32_t> tokens;
  std::span<const std::int32_t> positions;
  std::span<const std::int32_t> slots;  // where each token's key and value go
  std::span<const device::AttentionSequence> sequences;
  std::span<const std::int32_t> logit_rows;  // batch rows whose logits are wanted
  const BetweenLayers* between_layers = nullptr;
};

struct LoadOptions {
  std::int64_t max_batch_tokens = 512;  // sizes the activation workspace
  /// Quantize unquantized matrices on load: q8_0, q4_0 or q4_k.
  std::optional<DType> quantize_to;
  /// Called with done and total bytes while loading; may be empty.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  /// Where packed weights come from if they can, and are noted for if not.
  device::WeightCache* weight_cache = nullptr;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;

  /// Appends the batch's keys and values to the cache and answers the logits of
  /// logit_rows, f32 [n_logit_rows, n_vocab] on the host, valid until the next call.
  virtual std::span<const float> forward(const Batch& batch, device::KvCache& cache) = 0;

  /// More of the last forward, for rows of its batch (kMaxRowsAtOnce at most), valid until
  /// the next call of any of the three: logits [n_rows, n_vocab], and hidden states
  /// after the final norm [n_rows, d_model].
  static constexpr std::int64_t kMaxRowsAtOnce = 32;
  virtual std::span<const float> logits_of(std::span<const std::int32_t> rows) = 0;
  virtual std::span<const float> hidden_of(std::span<const std::int32_t> rows) = 0;

  /// Tokens that one forward takes at most: LoadOptions::max_batch_tokens.
  virtual std::int64_t max_batch_tokens() const = 0;

  virtual WeightCounts weight_counts() const = 0;
  /// Bytes of weights and of activation workspace held by the device.
  virtual std::uint64_t weight_bytes() const = 0;
  virtual std::uint64_t workspace_bytes() const = 0;
};

/// What loading would take, from the file's headers alone: nothing is allocated.
/// Every weight has been found and its shape checked. Errors as load().
struct Plan {
  ModelInfo info;
  std::uint64_t weight_bytes = 0;     // as held after load, quantize_to applied
  std::uint64_t workspace_bytes = 0;  // for LoadOptions::max_batch_tokens
};
Result<Plan> plan(const format::ModelFile& file, const LoadOptions& options);

/// Errors: kUnsupported for an architecture, dtype or setting this build lacks;
/// kInvalidFile for missing weights, wrong shapes (expected and found are
/// named), impossible hyperparameters; kOutOfMemory.
/// The device must outlive the model.
Result<std::unique_ptr<Model>> load(std::shared_ptr<const format::ModelFile> file,
                                    device::Device& device, const LoadOptions& options);

/// The architectures that load() knows, as files name them.
std::vector<std::string_view> known_architectures();

}  // namespace ondol::model
