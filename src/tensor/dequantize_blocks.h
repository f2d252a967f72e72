// One decoder for each block layout: the whole of a block to f32. Internal to
// tensor/; dequantize_row is the door.
#pragma once

#include "tensor/blocks.h"
#include "tensor/quantize.h"

namespace ondol {

inline float f16(const F16Bytes& bytes) { return f16_to_f32(load_u16(bytes.data())); }

// dequantize_small.cc; out: [32]
void decode(const BlockQ4_0& b, float* out) noexcept;
void decode(const BlockQ4_1& b, float* out) noexcept;
void decode(const BlockQ5_0& b, float* out) noexcept;
void decode(const BlockQ5_1& b, float* out) noexcept;
void decode(const BlockQ8_0& b, float* out) noexcept;
void decode(const BlockIQ4_NL& b, float* out) noexcept;
void decode(const BlockMXFP4& b, float* out) noexcept;

// dequantize_super.cc; out: [256]
void decode(const BlockQ2_K& b, float* out) noexcept;
void decode(const BlockQ3_K& b, float* out) noexcept;
void decode(const BlockQ4_K& b, float* out) noexcept;
void decode(const BlockQ5_K& b, float* out) noexcept;
void decode(const BlockQ6_K& b, float* out) noexcept;
void decode(const BlockIQ4_XS& b, float* out) noexcept;

}  // namespace ondol
