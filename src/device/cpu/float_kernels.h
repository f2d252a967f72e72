// The float operations of the CPU device, compiled with Highway for several
// targets; a device takes one table when it is made. Results of a row depend on
// that row alone. Rows are dense f32 unless said otherwise; pointers need no
// alignment beyond their element's.
//
// Threads: pure functions, noexcept, nothing is checked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/device.h"

namespace ondol::device::cpu {

/// Register widths a table is asked for; the machine must have them.
enum class FloatLevel : std::uint8_t { kBaseline, kAvx2, kAvx512, kNative };

struct FloatKernels {
  void (*rms_norm)(const float* x, const float* weight, std::int64_t n, float eps, float offset,
                   float* out) noexcept;
  /// One token: heads of d_head, angles [2 * n_pairs] as (cos, sin) pairs.
  void (*rope)(float* x, std::int64_t n_heads, std::int64_t d_head, const float* angles,
               std::int64_t n_pairs, RopeStyle style) noexcept;
  void (*gated_act)(const float* gate, const float* up, std::int64_t n, Activation act,
                    float* out) noexcept;
  void (*add)(float* x, const float* y, std::int64_t n) noexcept;
  void (*scale)(float* x, float factor, std::int64_t n) noexcept;
  void (*softcap)(float* x, float cap, std::int64_t n) noexcept;
  /// Writes n_blocks blocks of 32 values of a row to its part of as many records in a row
  /// (quantized_rows.h), of which it is row `index` of tile_rows.
  void (*quantize)(const float* x, std::int64_t n_blocks, int tile_rows, int index,
                   std::uint8_t* records) noexcept;
  /// Rounded to nearest even, as f32_to_f16 (tensor/quantize.h) does.
  void (*to_f16)(const float* x, std::int64_t n, std::uint16_t* out) noexcept;
  /// out[t * out_stride + r] = w[r] . x[t] for n_w rows of an f32, f16 or bf16
  /// matrix (dense, n_cols wide) and n_x rows of x.
  void (*matmul)(DType dtype, const void* w, std::int64_t n_w, std::int64_t n_cols, const float* x,
                 std::int64_t n_x, float* out, std::int64_t out_stride) noexcept;
};

const FloatKernels& float_kernels(FloatLevel level);

/// The Highway targets of a level that this machine has (a mask of HWY_TARGETS).
std::int64_t highway_targets(FloatLevel level);

}  // namespace ondol::device::cpu
