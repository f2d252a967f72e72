// From GGUF's block layouts to the panels of packed_format.h, and back for one
// row. Both are exact: no code or scale changes.
//
// Threads: pure functions. REQUIRES of all: packed_format(dtype).base_bits > 0,
// n_cols a multiple of the dtype's block.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace ondol::device::cpu {

/// Writes the panel that holds rows first_row .. first_row + n_rows - 1 (n_rows
/// <= 32) of the file's `rows`, which are row_bytes apart. `panel` is zeroed.
void pack_panel(DType dtype, const std::byte* rows, std::size_t row_bytes, int n_rows,
                std::size_t n_cols, std::uint8_t* panel) noexcept;

/// Dequantizes one row (0..31) of a panel into out[n_cols].
void unpack_row(DType dtype, const std::uint8_t* panel, int row, std::size_t n_cols,
                float* out) noexcept;

}  // namespace ondol::device::cpu
