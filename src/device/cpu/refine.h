// Second codes for the blocks of an activation row that need them.
//
// One int8 scale a block leaves an error in proportion to the block's peak. Rows
// of real models have a few channels that are tens to thousands of times larger
// than the rest ("massive activations", Sun et al. 2024): their blocks' errors
// then outweigh everything that the other blocks say. Such a block is written as
// scale * code + fine_scale * fine_code, which leaves 1/254 of its error, at the
// price of one more pass over that block.
//
// Which blocks: those whose squared peak is more than kRefineAbove times the mean
// of the row's others. It depends on the row alone, as results must.
#pragma once

#include <cstdint>
#include <vector>

#include "device/cpu/float_kernels.h"
#include "device/cpu/quantized_rows.h"

namespace ondol::device::cpu {

class Refinements {
 public:
  /// Fills x.fine for rows that have been quantized from `values` [x.n_rows, x.n_cols].
  /// What it points to stays valid until the next call.
  void find(const float* values, const FloatKernels& kernels, QuantizedRows& x);

 private:
  void find_in_row(const QuantizedRows& x, std::int64_t row);

  std::vector<std::int32_t> first_;    // [n_rows + 1]
  std::vector<std::int32_t> blocks_;   // [n_fine], ascending within a row
  std::vector<float> squares_;         // [n_blocks] of the scales of one row
  std::vector<std::uint8_t> records_;  // [n_fine] records of one row
};

}  // namespace ondol::device::cpu
