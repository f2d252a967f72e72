// The int8 matrix products, as a table of functions per ISA. One algorithm
// (int8_tile-inl.h) is compiled once for each ISA's primitives.
//
// An output is, whatever the ISA, the tile and the batch,
//   acc = 0; for each block, each sub-block: acc = fma(int dot, w_scale * x_scale, acc)
//                                            acc = fma(w_min, x_scale * x_sum, acc)
// and then the same for the row's fine blocks, with exact integer dots, so a row's result does not
// depend on its neighbours. (The scalar ISA rounds the product before it adds.)
//
// Threads: pure functions. Kernels are noexcept and check nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace ondol::device::cpu {

/// Blocks that are written twice, see refine.h: each adds fine_scale * fine_code.
struct FineBlocks {
  const std::int8_t* codes = nullptr;    // [n_fine, 32]
  const float* scales = nullptr;         // [n_fine]
  const std::int32_t* sums = nullptr;    // [n_fine, 2]
  const std::int32_t* blocks = nullptr;  // [n_fine] which block of the row
  const std::int32_t* first = nullptr;   // [n_rows + 1] row r has first[r] .. first[r + 1] - 1
};

/// Rows of activations, quantized: x = scale * code within a block of 32 columns,
/// and the fine blocks' part.
struct QuantizedRows {
  const std::int8_t* codes = nullptr;  // [n_rows, n_cols], |code| <= 127
  const float* scales = nullptr;       // [n_rows, n_cols / 32]
  const std::int32_t* sums = nullptr;  // [n_rows, n_cols / 16] sums of 16 codes
  std::int64_t n_cols = 0;
  FineBlocks fine;
};

struct Int8Kernels {
  /// out[32] = panel times one row.
  using Gemv = void (*)(const std::uint8_t* panel, const QuantizedRows& x, std::int64_t row,
                        float* out) noexcept;
  /// out[i * stride + 0 .. 31] = panel times row first_row + i, for i < n_rows.
  using Gemm = void (*)(const std::uint8_t* panel, const QuantizedRows& x, std::int64_t first_row,
                        std::int64_t n_rows, float* out, std::int64_t stride) noexcept;

  struct Format {
    Gemv gemv = nullptr;
    Gemm gemm = nullptr;
  };
  Format formats[static_cast<std::size_t>(DType::kCount)];  // null for f32, f16, bf16
};

const Int8Kernels& int8_kernels_scalar();
#if defined(__x86_64__)
const Int8Kernels& int8_kernels_avx2();
const Int8Kernels& int8_kernels_avx_vnni();
const Int8Kernels& int8_kernels_avx512_vnni();
#elif defined(__aarch64__)
const Int8Kernels& int8_kernels_neon_dotprod();
#endif

}  // namespace ondol::device::cpu
