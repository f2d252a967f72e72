// How a family gets its weights. It names each once, with the shape it must
// have; the same code then serves to plan (find, check, count) and to load.
//
//   WeightLoader weights(file, options, device, WeightLoader::Mode::kLoad);
//   q = weights.matrix(weights.layer_name(i, {"attn_q", "self_attn.q_proj"}), n_out, n_in);
//   ...
//   ONDOL_TRY_VOID(weights.status());
//
// The first error is kept and later calls do nothing, so that a family reads as
// a list of names. All weights are null but in mode kLoad.
//
// Weights that a family does not name are left in the file, untouched.
//
// quantize_to turns matrices stored as f32, f16 or bf16 into the dtype asked
// for, row by row on all cores, with two exceptions. The embedding table and the
// output head, which hurt most, become q8_0 for q8_0 and q6_k for the 4-bit
// dtypes. A row that is no multiple of the block takes the next dtype that fits:
// q4_k -> q5_0 and q6_k -> q8_0 (blocks of 32), and the stored dtype when even
// 32 does not divide it. Norms and biases stay as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "device/device.h"
#include "format/model_file.h"
#include "model/model.h"

namespace ondol::model {

/// A weight's name without ".weight", and without the layer: for layer 3,
/// {"attn_q", "self_attn.q_proj"} is "blk.3.attn_q.weight" in a GGUF file.
struct WeightName {
  std::string_view gguf;
  std::string_view hf;
};

/// A matrix and perhaps its bias.
struct Linear {
  const device::Weight* weight = nullptr;  // [n_out, n_in]
  const device::Weight* bias = nullptr;    // [n_out] or none
};

enum class Bias : std::uint8_t {
  kNone,
  kIfPresent,  // GGUF: the file says by having it
  kRequired,
};

/// Device weights of one model and what they amount to.
struct WeightStore {
  std::vector<std::unique_ptr<device::Weight>> weights;
  std::uint64_t n_parameters = 0;
  std::uint64_t n_bytes = 0;
  std::uint64_t n_quantized = 0;  // matrices that quantize_to changes
  WeightCounts counts;            // of loaded ones
};

class WeightLoader {
 public:
  enum class Mode : std::uint8_t {
    kPlan,   // find, check shapes and dtypes, count
    kCheck,  // and ask the device whether it supports each dtype
    kLoad,   // and load
  };

  /// `device` may be null for kPlan. `progress_total` is the byte count for the
  /// progress callback, from a pass before. `file` outlives the loader.
  WeightLoader(std::shared_ptr<const void> keep_alive, const format::ModelFile& file,
               const LoadOptions& options, device::Device* device, Mode mode,
               std::uint64_t progress_total = 0);

  std::string layer_name(std::int64_t layer, WeightName name) const;
  std::string top_name(WeightName name) const;
  bool is_gguf() const { return file_.layout() == format::Layout::kGguf; }
  /// Where the embedding table stands; for what depends on how it is stored.
  std::string embedding_name() const { return top_name({"token_embd", "embed_tokens"}); }

  /// Matrices [n_rows, n_cols]; tables are embeddings and output heads.
  const device::Weight* matrix(const std::string& name, std::int64_t n_rows, std::int64_t n_cols);
  const device::Weight* table(const std::string& name, std::int64_t n_rows, std::int64_t n_cols,
                              device::WeightUse use);
  /// Norm weights and biases [n].
  const device::Weight* vector(const std::string& name, std::int64_t n);
  const device::Weight* vector_if_present(const std::string& name, std::int64_t n);
  /// `name` without ".weight".
  Linear linear(std::int64_t layer, WeightName name, std::int64_t n_out, std::int64_t n_in,
                Bias bias = Bias::kNone);

  /// The output head and the embedding table, one and the same when tied.
  struct Embeddings {
    const device::Weight* table = nullptr;
    const device::Weight* head = nullptr;
  };
  Embeddings embeddings(std::int64_t n_vocab, std::int64_t d_model, bool tied);

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Result<void> status() const;
  /// The error is of the weight cache: loading again without its file is right.
  bool cache_failed() const { return cache_failed_; }
  const WeightStore& counts() const { return store_; }
  WeightStore take_store() { return std::move(store_); }

 private:
  const device::Weight* load(const std::string& name, const Shape& shape, device::WeightUse use,
                             bool is_table);
  Result<const device::Weight*> try_load(const std::string& name, const Shape& shape,
                                         device::WeightUse use, bool is_table);
  void count(const device::Weight& weight, device::WeightUse use, bool is_table);
  Result<std::unique_ptr<device::Weight>> make(const std::string& name, const TensorView& tensor,
                                               DType dtype, device::WeightUse use);
  Result<void> check_supported(const std::string& name, DType dtype, device::WeightUse use) const;

  std::shared_ptr<const void> keep_alive_;
  const format::ModelFile& file_;
  const LoadOptions& options_;
  device::Device* device_;
  Mode mode_;
  std::uint64_t progress_total_;
  std::string hf_base_;  // "model." or, inside a larger model, "language_model.model."
  WeightStore store_;
  std::optional<Error> error_;
  bool cache_failed_ = false;
};

/// The dtype that a matrix stored as `stored` is held in; see above.
DType planned_dtype(DType stored, std::uint64_t n_cols, std::optional<DType> quantize_to,
                    bool is_table);

}  // namespace ondol::model
