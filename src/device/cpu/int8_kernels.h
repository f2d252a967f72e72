// The int8 matrix products, as a table of functions per ISA. One algorithm (int8_tile-inl.h for
// many rows, int8_row-inl.h for one) is compiled once for each ISA's primitives.
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

#include "device/cpu/quantized_rows.h"
#include "tensor/dtype.h"

namespace ondol::device::cpu {

/// Panels that a product with one row reads at the same time: kStreams streams go through a
/// quarter of its panels each, so their number is best a multiple of it.
constexpr std::int64_t kStreams = 4;

struct Int8Kernels {
  /// out[i][0 .. 31] = panel times row first_row + i, for i < n_rows; what fills up the last row
  /// tile is written too. REQUIRES: x.tile_rows is 2 or this ISA's tile_rows and divides
  /// first_row; out has room for n_rows rounded up to it.
  using Product = void (*)(const std::uint8_t* panel, const QuantizedRows& x,
                           std::int64_t first_row, std::int64_t n_rows, float* out) noexcept;
  /// out[32 * p ..] = panel p times the only row of x, for panels that lie panel_bytes apart.
  /// REQUIRES: x.n_rows == 1, x.tile_rows == 1.
  using RowProduct = void (*)(const std::uint8_t* panels, std::size_t panel_bytes,
                              std::int64_t n_panels, const QuantizedRows& x, float* out) noexcept;

  int tile_rows = 1;  // best for many rows
  // Null for f32, f16, bf16.
  Product products[static_cast<std::size_t>(DType::kCount)];
  RowProduct row_products[static_cast<std::size_t>(DType::kCount)];
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
