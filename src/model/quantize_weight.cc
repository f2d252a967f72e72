#include "model/quantize_weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <thread>

#include "tensor/quantize.h"

namespace ondol::model {
namespace {

/// Rows are handed out in pieces, so that a core that others use holds none up.
class RowQuantizer {
 public:
  RowQuantizer(const TensorView& from, DType dtype, std::byte* to)
      : from_(from),
        dtype_(dtype),
        to_(to),
        n_rows_(from.shape.n_rows()),
        n_cols_(from.shape.n_cols()),
        from_stride_(row_bytes(from.dtype, n_cols_).value_or(0)),
        to_stride_(row_bytes(dtype, n_cols_).value_or(0)) {}

  /// Called on each thread with a buffer of n_cols floats of its own.
  void run(std::vector<float>& values) {
    constexpr std::size_t kPiece = 16;
    while (!has_bad_value_) {
      const std::size_t first = next_row_.fetch_add(kPiece);
      if (first >= n_rows_) return;
      for (std::size_t row = first; row < std::min(first + kPiece, n_rows_); ++row) {
        quantize(row, values);
      }
    }
  }

  bool has_bad_value() const { return has_bad_value_; }

 private:
  void quantize(std::size_t row, std::vector<float>& values) {
    dequantize_row(from_.dtype, from_.bytes.data() + row * from_stride_, values.data(), n_cols_);
    const bool finite =
        std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    if (!finite) {
      has_bad_value_ = true;
      return;
    }
    quantize_row(dtype_, values.data(), to_ + row * to_stride_, n_cols_);
  }

  const TensorView& from_;
  DType dtype_;
  std::byte* to_;
  std::size_t n_rows_;
  std::size_t n_cols_;
  std::size_t from_stride_;
  std::size_t to_stride_;
  std::atomic<std::size_t> next_row_ = 0;
  std::atomic<bool> has_bad_value_ = false;
};

void run_on_all_cores(RowQuantizer& quantizer, std::size_t n_cols) {
  const std::size_t n_threads = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  std::vector<std::vector<float>> buffers(n_threads, std::vector<float>(n_cols));
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < n_threads; ++i) {
    threads.emplace_back([&quantizer, &values = buffers[i]] { quantizer.run(values); });
  }
  quantizer.run(buffers[0]);
}

}  // namespace

Result<QuantizedTensor> quantize_tensor(std::string_view where, std::string_view name,
                                        const TensorView& tensor, DType dtype) {
  const std::size_t n_bytes =
      tensor.shape.n_rows() * row_bytes(dtype, tensor.shape.n_cols()).value_or(0);
  std::shared_ptr<std::vector<std::byte>> bytes;
  try {
    bytes = std::make_shared<std::vector<std::byte>>(n_bytes);
    RowQuantizer quantizer(tensor, dtype, bytes->data());
    run_on_all_cores(quantizer, tensor.shape.n_cols());
    if (quantizer.has_bad_value()) {
      return fail(ErrorCode::kInvalidFile, where, name, "cannot quantize a value that is no number",
                  "inf or nan", "finite");
    }
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, where, name, "no memory for the quantized weight",
                std::to_string(n_bytes));
  }
  return QuantizedTensor{{dtype, tensor.shape, *bytes}, bytes};
}

}  // namespace ondol::model
