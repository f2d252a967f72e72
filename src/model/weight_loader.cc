#include "model/weight_loader.h"

#include <array>
#include <utility>

#include "base/mapped_file.h"
#include "device/weight_cache.h"
#include "model/quantize_weight.h"

namespace ondol::model {
namespace {

using device::WeightUse;

/// Text models stand alone or inside a larger one, under a name that changed
/// over the releases of transformers.
std::string find_hf_base(const format::ModelFile& file) {
  constexpr std::array<std::string_view, 3> kBases = {"model.", "language_model.model.",
                                                      "model.language_model."};
  for (const std::string_view base : kBases) {
    if (file.find(std::string(base) + "embed_tokens.weight") != nullptr) return std::string(base);
  }
  return std::string(kBases[0]);  // the error for the missing weight will say this name
}

bool is_block_multiple(DType dtype, std::uint64_t n_cols) {
  return n_cols % info(dtype).block_elements == 0;
}

/// Rows first .. first + n - 1 of a matrix.
TensorView rows_of(const TensorView& tensor, std::int64_t first, std::int64_t n) {
  const std::size_t row = row_bytes(tensor.dtype, tensor.shape.n_cols()).value_or(0);
  const auto n_rows = static_cast<std::uint64_t>(n);
  return {tensor.dtype,
          {n_rows, tensor.shape.n_cols()},
          tensor.bytes.subspan(static_cast<std::size_t>(first) * row, n_rows * row)};
}

}  // namespace

DType planned_dtype(DType stored, std::uint64_t n_cols, std::optional<DType> quantize_to,
                    bool is_table) {
  if (!quantize_to || is_quantized(stored)) return stored;
  DType wanted = *quantize_to;
  if (is_table && wanted != DType::kQ8_0) wanted = DType::kQ6_K;
  if (is_block_multiple(wanted, n_cols)) return wanted;
  const DType smaller_block = wanted == DType::kQ4_K ? DType::kQ5_0 : DType::kQ8_0;
  return is_block_multiple(smaller_block, n_cols) ? smaller_block : stored;
}

WeightLoader::WeightLoader(std::shared_ptr<const void> keep_alive, const format::ModelFile& file,
                           const LoadOptions& options, device::Device* device, Mode mode,
                           std::uint64_t progress_total)
    : keep_alive_(std::move(keep_alive)),
      file_(file),
      options_(options),
      device_(device),
      mode_(mode),
      progress_total_(progress_total),
      hf_base_(is_gguf() ? "" : find_hf_base(file)) {}

std::string WeightLoader::layer_name(std::int64_t layer, WeightName name) const {
  const std::string number = std::to_string(layer) + ".";
  return is_gguf() ? "blk." + number + std::string(name.gguf) + ".weight"
                   : hf_base_ + "layers." + number + std::string(name.hf) + ".weight";
}

std::string WeightLoader::top_name(WeightName name) const {
  return (is_gguf() ? std::string(name.gguf) : hf_base_ + std::string(name.hf)) + ".weight";
}

const device::Weight* WeightLoader::matrix(const std::string& name, std::int64_t n_rows,
                                           std::int64_t n_cols) {
  const Shape shape = {static_cast<std::uint64_t>(n_rows), static_cast<std::uint64_t>(n_cols)};
  return load(name, shape, WeightUse::kMatrix, false);
}

const device::Weight* WeightLoader::table(const std::string& name, std::int64_t n_rows,
                                          std::int64_t n_cols, WeightUse use) {
  const Shape shape = {static_cast<std::uint64_t>(n_rows), static_cast<std::uint64_t>(n_cols)};
  return load(name, shape, use, true);
}

const device::Weight* WeightLoader::vector(const std::string& name, std::int64_t n) {
  return load(name, Shape{static_cast<std::uint64_t>(n)}, WeightUse::kVector, false);
}

const device::Weight* WeightLoader::vector_if_present(const std::string& name, std::int64_t n) {
  return has(name) ? vector(name, n) : nullptr;
}

Linear WeightLoader::linear(std::int64_t layer, WeightName name, std::int64_t n_out,
                            std::int64_t n_in, Bias bias) {
  constexpr std::string_view kSuffix = "weight";
  Linear out;
  std::string full = layer_name(layer, name);
  out.weight = matrix(full, n_out, n_in);
  full.replace(full.size() - kSuffix.size(), kSuffix.size(), "bias");
  if (bias == Bias::kRequired || (bias == Bias::kIfPresent && has(full))) {
    out.bias = vector(full, n_out);
  }
  return out;
}

WeightLoader::Embeddings WeightLoader::embeddings(std::int64_t n_vocab, std::int64_t d_model,
                                                  bool tied) {
  Embeddings out;
  const WeightUse use = tied ? WeightUse::kMatrixAndTable : WeightUse::kTable;
  out.table = table(embedding_name(), n_vocab, d_model, use);
  out.head = out.table;
  if (!tied) {
    // A model inside a larger one keeps its head beside its body.
    const std::string scope =
        hf_base_.starts_with("language_model.") ? "language_model.lm_head" : "lm_head";
    out.head = table(is_gguf() ? "output.weight" : scope + ".weight", n_vocab, d_model,
                     WeightUse::kMatrix);
  }
  return out;
}

Result<void> WeightLoader::status() const {
  if (error_) return tl::unexpected(*error_);
  return {};
}

const device::Weight* WeightLoader::load(const std::string& name, const Shape& shape, WeightUse use,
                                         bool is_table) {
  if (error_) return nullptr;
  auto loaded = try_load(name, shape, use, is_table);
  if (loaded) return *loaded;
  error_ = std::move(loaded).error();
  return nullptr;
}

Result<const device::Weight*> WeightLoader::try_load(const std::string& name, const Shape& shape,
                                                     WeightUse use, bool is_table) {
  const std::string& where = file_.metadata().where();
  const auto found = file_.require(name);
  if (!found) {
    Error error = found.error();
    if (error.limit.empty()) error.limit = shape.to_string();
    return tl::unexpected(std::move(error));
  }
  const TensorView& tensor = (*found)->tensor;
  if (tensor.shape != shape) {
    return fail(ErrorCode::kInvalidFile, where, name, "unexpected shape", tensor.shape.to_string(),
                shape.to_string());
  }
  const bool is_vector = use == WeightUse::kVector;
  if (is_vector && is_quantized(tensor.dtype)) {
    return fail(ErrorCode::kUnsupported, where, name, "norms and biases must not be quantized",
                std::string(ondol::name(tensor.dtype)), "f32, f16 or bf16");
  }
  const DType dtype =
      is_vector ? tensor.dtype
                : planned_dtype(tensor.dtype, shape.n_cols(), options_.quantize_to, is_table);
  if (mode_ != Mode::kPlan) ONDOL_TRY_VOID(check_supported(name, dtype, use));

  // Devices hold vectors as f32.
  const std::uint64_t n_bytes =
      shape.n_rows() * row_bytes(is_vector ? DType::kF32 : dtype, shape.n_cols()).value_or(0);
  const device::Weight* weight = nullptr;
  if (mode_ == Mode::kLoad) {
    ONDOL_TRY(auto made, make(name, tensor, dtype, use));
    weight = made.get();
    count(*weight, use, is_table);
    store_.weights.push_back(std::move(made));
  }
  if (dtype != tensor.dtype) ++store_.n_quantized;
  store_.n_parameters += shape.n_elements();
  store_.n_bytes += n_bytes;
  if (mode_ == Mode::kLoad && options_.progress) options_.progress(store_.n_bytes, progress_total_);
  return weight;
}

void WeightLoader::count(const device::Weight& weight, WeightUse use, bool is_table) {
  if (use == WeightUse::kTable) return;
  WeightCounts& counts = store_.counts;
  const auto n_elements = static_cast<std::uint64_t>(weight.n_rows() * weight.n_cols());
  (is_table ? counts.head_bytes : counts.layer_bytes) += device_->stored_bytes(weight);
  if (use == WeightUse::kVector) return;
  (is_table ? counts.head_elements : counts.layer_elements) += n_elements;
}

Result<std::unique_ptr<device::Weight>> WeightLoader::make(const std::string& name,
                                                           const TensorView& tensor, DType dtype,
                                                           WeightUse use) {
  const std::string& where = file_.metadata().where();
  device::WeightCache* const cache = options_.weight_cache;
  const device::WantedWeight wanted{name,
                                    dtype,
                                    static_cast<std::int64_t>(tensor.shape.n_rows()),
                                    static_cast<std::int64_t>(tensor.shape.n_cols()),
                                    use,
                                    dtype != tensor.dtype};
  if (cache != nullptr && use != WeightUse::kVector) {
    QuantizedTensor quantized;  // the rows that were asked for last
    const auto rows = [&](std::int64_t first, std::int64_t n) -> Result<TensorView> {
      const TensorView part = rows_of(tensor, first, n);
      if (!wanted.is_made) return part;
      ONDOL_TRY(quantized, quantize_tensor(where, name, part, dtype));
      return quantized.view;
    };
    auto found = cache->find(wanted, rows);
    cache_failed_ = !found.has_value();
    // The few rows that it compared came with megabytes around them.
    if (found && *found != nullptr) MappedFile::release_pages(tensor.bytes);
    if (!found || *found != nullptr) return found;
  }
  std::unique_ptr<device::Weight> made;
  if (!wanted.is_made) {
    ONDOL_TRY(made, device_->load_weight(tensor, use, keep_alive_));
  } else {
    ONDOL_TRY(const QuantizedTensor quantized, quantize_tensor(where, name, tensor, dtype));
    MappedFile::release_pages(tensor.bytes);
    ONDOL_TRY(made, device_->load_weight(quantized.view, use, quantized.bytes));
  }
  if (cache != nullptr && use != WeightUse::kVector) cache->keep(wanted, *made);
  return made;
}

Result<void> WeightLoader::check_supported(const std::string& name, DType dtype,
                                           WeightUse use) const {
  using device::Op;
  const bool multiplies = use == WeightUse::kMatrix || use == WeightUse::kMatrixAndTable;
  const bool embeds = use == WeightUse::kTable || use == WeightUse::kMatrixAndTable;
  const bool ok = (!multiplies || device_->supports(Op::kMatmul, dtype)) &&
                  (!embeds || device_->supports(Op::kEmbed, dtype)) &&
                  (use != WeightUse::kVector || device_->supports(Op::kVector, dtype));
  if (ok) return {};
  return fail(ErrorCode::kUnsupported, file_.metadata().where(), name,
              "the device " + device_->description() + " cannot use this dtype here",
              std::string(ondol::name(dtype)));
}

}  // namespace ondol::model
