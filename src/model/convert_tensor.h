// Turns a tensor's stored values into another dtype, piece by piece on several
// threads, and hands the bytes on in order: the work behind quantizing on load
// and behind `ondol quantize`.
//
// Memory: a strip of output and one piece of floats a thread, whatever the
// tensor's shape. The bytes do not depend on the number of threads.
// Owner: the caller. Threads: its own inside; run from one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/tensor_view.h"

namespace ondol::model {

class TensorConverter {
 public:
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  /// Elements that are encoded at once: a longer row is cut here.
  static constexpr std::size_t kPieceElements = 1 << 14;

  explicit TensorConverter(int n_threads);

  /// `importance` is empty, or has one number for each column; or, for a tensor
  /// of three dimensions, for each column of each matrix.
  /// REQUIRES: can_quantize(dtype) unless it is from.dtype (then the bytes pass
  /// as they are); a row is a multiple of the blocks of both.
  /// Errors: kInvalidFile for a value that is not finite or too large for f16;
  /// what the sink answers.
  Result<void> run(std::string_view where, std::string_view name, const TensorView& from,
                   DType dtype, std::span<const float> importance, const Sink& sink);

 private:
  struct Job;
  bool convert(const Job& job, std::uint64_t piece, std::byte* out, std::vector<float>& values);

  ThreadPool pool_;
  std::vector<std::vector<float>> values_;  // [n_threads][kPieceElements]
  std::vector<std::byte> strip_;
};

}  // namespace ondol::model
