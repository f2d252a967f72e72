// A shape, and a view of a tensor's bytes in host memory (a weight inside a
// mapped file, usually). Row-major, the last dimension is contiguous: GGUF's
// reversed dimensions are turned round by format/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "tensor/dtype.h"

namespace ondol {

/// At most four dimensions, outermost first: a matrix is [n_rows, n_cols].
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 4;

  Shape() = default;
  /// REQUIRES: dims.size() <= kMaxRank.
  Shape(std::initializer_list<std::uint64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::uint64_t> dims);

  std::size_t rank() const { return rank_; }
  std::uint64_t operator[](std::size_t i) const { return dims_[i]; }
  std::span<const std::uint64_t> dims() const { return {dims_.data(), rank_}; }
  /// The last dimension; 1 for rank 0.
  std::uint64_t n_cols() const { return rank_ == 0 ? 1 : dims_[rank_ - 1]; }
  /// The product of all dimensions but the last. Makers of shapes have checked
  /// that the products fit 64 bits.
  std::uint64_t n_rows() const;
  std::uint64_t n_elements() const { return n_rows() * n_cols(); }

  bool operator==(const Shape&) const = default;
  std::string to_string() const;  // "[576, 1536]"

 private:
  std::array<std::uint64_t, kMaxRank> dims_{};
  std::uint8_t rank_ = 0;
};

/// Does not own the bytes; bytes.size() is exactly what dtype and shape ask for.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

}  // namespace ondol
