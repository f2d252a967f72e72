#include "model/convert_tensor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/checked.h"
#include "tensor/quantize.h"

namespace ondol::model {
namespace {

constexpr std::uint64_t kStripElements = 1 << 22;
constexpr float kF16Max = 65504.0F;

}  // namespace

/// A tensor cut into pieces: each row into as many as it takes.
struct TensorConverter::Job {
  const TensorView& from;
  DType dtype;
  std::span<const float> importance;
  std::uint64_t n_cols = from.shape.n_cols();
  std::uint64_t pieces_per_row = ceil_div(n_cols, std::uint64_t{kPieceElements});
  std::uint64_t n_pieces = from.shape.n_rows() * pieces_per_row;
  // What the dtype can hold.
  float largest = dtype == DType::kF16 ? kF16Max : std::numeric_limits<float>::max();

  /// Elements before the piece; pieces are in order, so element(i + 1) ends it.
  std::uint64_t element(std::uint64_t piece) const {
    return piece / pieces_per_row * n_cols + piece % pieces_per_row * kPieceElements;
  }
  static std::uint64_t bytes(DType dtype, std::uint64_t n) {
    return row_bytes(dtype, n).value_or(0);
  }
  const float* importance_at(std::uint64_t piece) const {
    if (importance.empty()) return nullptr;
    const std::uint64_t row = piece / pieces_per_row;
    const std::uint64_t rows_of_one = from.shape.n_rows() / (importance.size() / n_cols);
    return importance.data() + row / rows_of_one * n_cols + piece % pieces_per_row * kPieceElements;
  }
};

TensorConverter::TensorConverter(int n_threads)
    : pool_(n_threads),
      values_(static_cast<std::size_t>(n_threads), std::vector<float>(kPieceElements)) {}

Result<void> TensorConverter::run(std::string_view where, std::string_view name,
                                  const TensorView& from, DType dtype,
                                  std::span<const float> importance, const Sink& sink) {
  if (dtype == from.dtype) return sink(from.bytes);
  const Job job{from, dtype, importance};
  ONDOL_CHECK(importance.empty() || (importance.size() % job.n_cols == 0 &&
                                     from.shape.n_rows() % (importance.size() / job.n_cols) == 0));
  const std::uint64_t piece_elements = std::min<std::uint64_t>(kPieceElements, job.n_cols);
  const std::uint64_t strip_pieces = std::max<std::uint64_t>(1, kStripElements / piece_elements);
  const auto grain = static_cast<std::int64_t>(kPieceElements / piece_elements);
  for (std::uint64_t first = 0; first < job.n_pieces; first += strip_pieces) {
    const std::uint64_t n = std::min(strip_pieces, job.n_pieces - first);
    const std::uint64_t start = job.element(first);
    strip_.resize(Job::bytes(dtype, job.element(first + n) - start));
    std::atomic<bool> ok = true;
    pool_.parallel_for(
        static_cast<std::int64_t>(n), grain, [&](std::int64_t begin, std::int64_t end, int thread) {
          for (std::int64_t i = begin; i < end && ok; ++i) {
            const std::uint64_t piece = first + static_cast<std::uint64_t>(i);
            std::byte* out = strip_.data() + Job::bytes(dtype, job.element(piece) - start);
            if (!convert(job, piece, out, values_[static_cast<std::size_t>(thread)])) ok = false;
          }
        });
    if (!ok) {
      return fail(ErrorCode::kInvalidFile, where, name,
                  "cannot quantize a value that is no number or too large",
                  "in " + std::string(ondol::name(from.dtype)),
                  "at most " + std::to_string(job.largest));
    }
    ONDOL_TRY_VOID(sink(strip_));
  }
  return {};
}

bool TensorConverter::convert(const Job& job, std::uint64_t piece, std::byte* out,
                              std::vector<float>& values) {
  const std::uint64_t begin = job.element(piece);
  const std::uint64_t n = job.element(piece + 1) - begin;
  dequantize_row(job.from.dtype, job.from.bytes.data() + Job::bytes(job.from.dtype, begin),
                 values.data(), n);
  // Written so that a NaN fails it too.
  const bool fits = std::all_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n),
                                [&job](float v) { return std::abs(v) <= job.largest; });
  if (fits) quantize_row(job.dtype, values.data(), job.importance_at(piece), out, n);
  return fits;
}

}  // namespace ondol::model
