#include "model/imatrix.h"

#include <cmath>
#include <cstring>

#include "base/mapped_file.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"

namespace ondol::model {
namespace {

using format::NamedTensor;

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";
constexpr std::string_view kType = "imatrix";

struct Pair {
  const TensorView* sums = nullptr;
  const TensorView* counts = nullptr;
};

Result<std::vector<double>> numbers(std::string_view where, std::string_view name,
                                    const TensorView& tensor) {
  if (tensor.dtype != DType::kF32) {
    return fail(ErrorCode::kInvalidFile, where, name, "unexpected dtype",
                std::string(ondol::name(tensor.dtype)), "f32");
  }
  std::vector<double> out(tensor.shape.n_elements());
  for (std::size_t i = 0; i < out.size(); ++i) {
    float value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof value, sizeof value);
    if (!std::isfinite(value) || value < 0) {
      return fail(ErrorCode::kInvalidFile, where, name, "not a sum of squares or a count",
                  std::to_string(value), "0 or more");
    }
    out[i] = static_cast<double>(value);
  }
  return out;
}

Result<Imatrix::Entry> read_entry(std::string_view where, const std::string& name,
                                  const Pair& pair) {
  if (pair.sums == nullptr || pair.counts == nullptr) {
    return fail(ErrorCode::kInvalidFile, where, name,
                pair.sums == nullptr ? "has counts but no sums" : "has sums but no counts");
  }
  Imatrix::Entry entry;
  entry.n_cols = pair.sums->shape.n_cols();
  ONDOL_TRY(entry.sums, numbers(where, name + std::string(kSums), *pair.sums));
  ONDOL_TRY(entry.counts, numbers(where, name + std::string(kCounts), *pair.counts));
  if (entry.counts.size() != pair.sums->shape.n_rows()) {
    return fail(ErrorCode::kInvalidFile, where, name + std::string(kCounts), "unexpected size",
                entry.counts.size(), pair.sums->shape.n_rows());
  }
  return entry;
}

Result<void> check_type(std::string_view where, const format::Metadata& metadata) {
  ONDOL_TRY(const std::string type, metadata.string_or("general.type", "none"));
  if (type == kType) return {};
  return fail(ErrorCode::kInvalidFile, where, "general.type", "the file is no importance matrix",
              type, std::string(kType));
}

Result<void> write_floats(const std::vector<double>& values, format::GgufWriter& writer) {
  const std::vector<float> floats(values.begin(), values.end());
  return writer.write(std::as_bytes(std::span(floats)));
}

}  // namespace

std::vector<float> Imatrix::Entry::mean_squares() const {
  std::vector<float> out(sums.size(), 1.0F);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double count = counts[i / n_cols];
    if (count > 0) out[i] = static_cast<float>(sums[i] / count);
  }
  return out;
}

Result<Imatrix> Imatrix::read(const std::filesystem::path& path) {
  const std::string where = path.string();
  ONDOL_TRY(const auto file, MappedFile::open(path));
  ONDOL_TRY(const format::Gguf gguf, format::parse_gguf(where, file->bytes()));
  ONDOL_TRY_VOID(check_type(where, gguf.metadata));
  constexpr std::int64_t kMax = 0xFFFFFFFF;
  Imatrix out;
  ONDOL_TRY(const auto n_chunks, gguf.metadata.integer_or("imatrix.chunk_count", 0, 0, kMax));
  ONDOL_TRY(const auto chunk_size, gguf.metadata.integer_or("imatrix.chunk_size", 0, 0, kMax));
  out.n_chunks = static_cast<std::uint32_t>(n_chunks);
  out.chunk_tokens = static_cast<std::uint32_t>(chunk_size);
  ONDOL_TRY(const auto* datasets, gguf.metadata.array<std::string_view>("imatrix.datasets"));
  if (datasets != nullptr) out.datasets.assign(datasets->begin(), datasets->end());

  std::map<std::string, Pair> pairs;
  for (const NamedTensor& tensor : gguf.list.tensors) {
    const std::string_view name = tensor.name;
    if (name.ends_with(kSums)) {
      pairs[std::string(name.substr(0, name.size() - kSums.size()))].sums = &tensor.tensor;
    } else if (name.ends_with(kCounts)) {
      pairs[std::string(name.substr(0, name.size() - kCounts.size()))].counts = &tensor.tensor;
    }
  }
  for (const auto& [name, pair] : pairs) {
    ONDOL_TRY(Entry entry, read_entry(where, name, pair));
    out.entries.emplace(name, std::move(entry));
  }
  if (out.entries.empty()) {
    return fail(ErrorCode::kInvalidFile, where, "", "the importance matrix has no entries");
  }
  return out;
}

Result<void> Imatrix::write(const std::filesystem::path& path) const {
  format::GgufWriter writer;
  writer.set("general.type", std::string(kType));
  writer.set("imatrix.datasets", format::GgufArray(datasets));
  writer.set("imatrix.chunk_count", n_chunks);
  writer.set("imatrix.chunk_size", chunk_tokens);
  for (const auto& [name, entry] : entries) {
    const std::uint64_t n_matrices = entry.counts.size();
    writer.add_tensor(name + std::string(kSums), DType::kF32, {n_matrices, entry.n_cols});
    writer.add_tensor(name + std::string(kCounts), DType::kF32, {n_matrices, 1});
  }
  ONDOL_TRY_VOID(writer.open(path));
  for (const auto& [name, entry] : entries) {
    ONDOL_TRY_VOID(write_floats(entry.sums, writer));
    ONDOL_TRY_VOID(write_floats(entry.counts, writer));
  }
  return writer.finish();
}

}  // namespace ondol::model
