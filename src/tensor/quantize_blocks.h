// One encoder for each block layout that can be written. Internal to tensor/;
// quantize_row is the door.
#pragma once

#include "tensor/blocks.h"
#include "tensor/quantize.h"

namespace ondol {

/// Writes value as f16, saturated to the largest finite one, and returns what a
/// reader will see.
float store_f16(float value, F16Bytes& out) noexcept;

// quantize_small.cc; x: [32]
void encode(const float* x, BlockQ8_0& out) noexcept;

}  // namespace ondol
