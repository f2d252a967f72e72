#include "model/quantize_file.h"

#include <algorithm>
#include <system_error>

#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "model/convert_tensor.h"

namespace ondol::model {
namespace {

using format::GgufWriter;
using format::ModelFile;

constexpr std::uint32_t kQuantizationVersion = 2;  // of the block layouts in blocks.h

/// Dtypes whose encoders look at importances.
bool is_searched(DType dtype) { return is_quantized(dtype) && dtype != DType::kQ8_0; }

Result<void> check_source(const ModelFile& file) {
  const std::string where = file.path().string();
  if (file.layout() != format::Layout::kGguf) {
    return fail(ErrorCode::kUnsupported, where, "",
                "only GGUF files can be quantized to a file; a Hugging Face directory can be "
                "quantized while it is loaded, with --dtype");
  }
  if (file.weights().empty()) {
    return fail(ErrorCode::kInvalidFile, where, "", "the file has no weights");
  }
  if (file.skipped().empty()) return {};
  const auto& [name, reason] = *file.skipped().begin();
  return fail(ErrorCode::kUnsupported, where, name, "cannot copy a tensor of this kind", reason);
}

Result<void> check_target(const ModelFile& file, const std::filesystem::path& out, bool overwrite) {
  std::error_code ignored;
  const std::string where = out.string();
  if (!std::filesystem::exists(out, ignored)) return {};
  for (const auto& [name, weight] : file.weights()) {
    if (std::filesystem::equivalent(out, weight.file->path(), ignored)) {
      return fail(ErrorCode::kInvalidArgument, where, "", "is the model that is read");
    }
  }
  if (!std::filesystem::is_regular_file(out, ignored)) {
    return fail(ErrorCode::kInvalidArgument, where, "", "is there and no regular file");
  }
  if (overwrite) return {};
  return fail(ErrorCode::kInvalidArgument, where, "", "is there already; --force replaces it");
}

Result<void> check_importances(const Imatrix& imatrix, const std::string& imatrix_name,
                               const std::vector<TensorTarget>& targets) {
  std::uint64_t n_found = 0;
  for (const TensorTarget& target : targets) {
    const auto it = imatrix.entries.find(target.name);
    if (it == imatrix.entries.end()) continue;
    ++n_found;
    const Shape& shape = target.weight->tensor.shape;
    const std::uint64_t n_matrices = shape.rank() == 3 ? shape[0] : 1;
    const Imatrix::Entry& entry = it->second;
    if (entry.n_cols != shape.n_cols() || entry.counts.size() != n_matrices) {
      return fail(ErrorCode::kInvalidArgument, imatrix_name, target.name,
                  "the importances are of another model",
                  Shape({entry.counts.size(), entry.n_cols}).to_string(),
                  Shape({n_matrices, shape.n_cols()}).to_string());
    }
  }
  if (n_found > 0) return {};
  return fail(ErrorCode::kInvalidArgument, imatrix_name, "",
              "the importances are of another model: no tensor has one of its names",
              imatrix.entries.begin()->first, std::string(targets.front().name));
}

Result<std::uint32_t> alignment_of(const format::Metadata& metadata) {
  ONDOL_TRY(const std::int64_t value,
            metadata.integer_or(format::kAlignmentKey, format::kDefaultAlignment, 0, 1LL << 32));
  return static_cast<std::uint32_t>(value);  // parse_gguf has checked it
}

/// Everything but what describes the old file's tensors.
Result<void> copy_metadata(const ModelFile& file, GgufWriter& writer) {
  ONDOL_TRY(const auto mapped, MappedFile::open(file.path()));
  ONDOL_TRY(const format::Gguf gguf, format::parse_gguf(file.path().string(), mapped->bytes()));
  for (const format::RawKeyValue& pair : gguf.raw_metadata) {
    if (pair.key == format::kAlignmentKey || pair.key.starts_with("split.")) continue;
    writer.set_raw(std::string(pair.key), pair.type_and_value);
  }
  return {};
}

void describe(const QuantizeOptions& options, GgufWriter& writer) {
  writer.set("general.file_type", options.type->file_type);
  writer.set("general.quantization_version", kQuantizationVersion);
  if (options.imatrix == nullptr) return;
  const Imatrix& imatrix = *options.imatrix;
  writer.set("quantize.imatrix.file", options.imatrix_name);
  writer.set("quantize.imatrix.entries_count", static_cast<std::uint32_t>(imatrix.entries.size()));
  writer.set("quantize.imatrix.chunks_count", imatrix.n_chunks);
  if (!imatrix.datasets.empty()) writer.set("quantize.imatrix.dataset", imatrix.datasets.front());
}

QuantizeSummary summarize(const std::vector<TensorTarget>& targets, const Imatrix* imatrix) {
  QuantizeSummary out;
  for (const TensorTarget& target : targets) {
    const TensorView& tensor = target.weight->tensor;
    const std::uint64_t n_bytes =
        row_bytes(target.dtype, tensor.shape.n_cols()).value_or(0) * tensor.shape.n_rows();
    QuantizeSummary::Count& count = out.dtypes[std::string(name(target.dtype))];
    ++count.n_tensors;
    count.n_bytes += n_bytes;
    out.n_elements += tensor.shape.n_elements();
    out.bytes_before += tensor.bytes.size();
    out.bytes_after += n_bytes;
    if (target.dtype != target.wanted) {
      ++out.fallbacks[{std::string(name(target.wanted)), std::string(name(target.dtype)),
                       tensor.shape.n_cols()}];
    }
    if (target.dtype != tensor.dtype && is_quantized(tensor.dtype) && is_quantized(target.dtype)) {
      ++out.n_requantized;
    }
    if (imatrix != nullptr && is_searched(target.dtype) && target.dtype != tensor.dtype &&
        imatrix->entries.find(target.name) == imatrix->entries.end()) {
      ++out.n_without_importances;
    }
  }
  return out;
}

Result<void> write_tensors(const ModelFile& file, const std::vector<TensorTarget>& targets,
                           const QuantizeOptions& options, std::uint64_t total,
                           GgufWriter& writer) {
  TensorConverter converter(options.n_threads > 0 ? options.n_threads : usable_cores());
  const std::string where = file.path().string();
  std::uint64_t done = 0;
  for (const TensorTarget& target : targets) {
    const TensorView& tensor = target.weight->tensor;
    std::vector<float> importance;
    if (options.imatrix != nullptr && is_searched(target.dtype)) {
      const auto it = options.imatrix->entries.find(target.name);
      if (it != options.imatrix->entries.end()) importance = it->second.mean_squares();
    }
    const std::uint64_t n_bytes_out =
        row_bytes(target.dtype, tensor.shape.n_cols()).value_or(0) * tensor.shape.n_rows();
    std::uint64_t n_written = 0;
    const auto sink = [&](std::span<const std::byte> bytes) -> Result<void> {
      ONDOL_TRY_VOID(writer.write(bytes));
      n_written += bytes.size();
      const double share = static_cast<double>(n_written) / static_cast<double>(n_bytes_out);
      const auto read =
          static_cast<std::uint64_t>(share * static_cast<double>(tensor.bytes.size()));
      if (options.progress && !options.progress(target.name, done + read, total)) {
        return fail(ErrorCode::kCancelled, "quantize", "", "interrupted");
      }
      return {};
    };
    ONDOL_TRY_VOID(converter.run(where, target.name, tensor, target.dtype, importance, sink));
    MappedFile::release_pages(tensor.bytes);
    done += tensor.bytes.size();
  }
  return {};
}

}  // namespace

Result<QuantizeSummary> quantize_file(const ModelFile& file, const std::filesystem::path& out,
                                      const QuantizeOptions& options) {
  ONDOL_TRY_VOID(check_source(file));
  ONDOL_TRY_VOID(check_target(file, out, options.overwrite));
  const std::vector<TensorTarget> targets = plan_quantization(file, *options.type);
  if (options.imatrix != nullptr) {
    ONDOL_TRY_VOID(check_importances(*options.imatrix, options.imatrix_name, targets));
  }
  QuantizeSummary summary = summarize(targets, options.imatrix);
  ONDOL_TRY(const std::uint32_t alignment, alignment_of(file.metadata()));
  GgufWriter writer(alignment);
  ONDOL_TRY_VOID(copy_metadata(file, writer));
  describe(options, writer);
  for (const TensorTarget& target : targets) {
    writer.add_tensor(std::string(target.name), target.dtype, target.weight->tensor.shape);
  }
  ONDOL_TRY_VOID(writer.open(out));
  ONDOL_TRY_VOID(write_tensors(file, targets, options, summary.bytes_before, writer));
  ONDOL_TRY_VOID(writer.finish());
  return summary;
}

}  // namespace ondol::model
