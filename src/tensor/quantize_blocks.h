// One encoder for each block layout that can be written. Internal to tensor/;
// quantize_row is the door.
#pragma once

#include "tensor/blocks.h"
#include "tensor/quantize.h"

namespace ondol {

/// Writes value as f16, saturated to the largest finite one, and returns what a
/// reader will see.
float store_f16(float value, F16Bytes& out) noexcept;

/// 1 / v, 0 for 0.
inline float inverse_or_zero(float v) { return v == 0.0F ? 0.0F : 1.0F / v; }

// w: what the squared error of each element counts, >= 0; as many as x.
// quantize_small.cc; x: [32]
void encode(const float* x, BlockQ8_0& out) noexcept;
void encode(const float* x, const float* w, BlockQ4_0& out) noexcept;
void encode(const float* x, const float* w, BlockQ4_1& out) noexcept;
void encode(const float* x, const float* w, BlockQ5_0& out) noexcept;
void encode(const float* x, const float* w, BlockQ5_1& out) noexcept;

// quantize_super.cc; x: [256]
void encode(const float* x, const float* w, BlockQ4_K& out) noexcept;
void encode(const float* x, const float* w, BlockQ5_K& out) noexcept;
void encode(const float* x, const float* w, BlockQ6_K& out) noexcept;

}  // namespace ondol
