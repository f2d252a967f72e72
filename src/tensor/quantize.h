// Scalar conversion between f32 and every stored dtype: the definition that all
// faster code is held against.
//
// Decoding follows the block layouts in ggml's docs and source (see each
// function in the .cc); encoding is deterministic, round half to even, and the
// same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace ondol {

float f16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_f16(float value);  // round to nearest even, overflow to infinity
float bf16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_bf16(float value);  // round to nearest even, NaN stays NaN

/// n values from one row's bytes. REQUIRES: n is a multiple of the block;
/// source has row_bytes(dtype, n) bytes, of any alignment.
void dequantize_row(DType dtype, const std::byte* source, float* out, std::size_t n) noexcept;

/// True for the dtypes that quantize_row can write:
/// f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k.
bool can_quantize(DType dtype);

/// REQUIRES: can_quantize(dtype); n is a multiple of the block; values finite.
/// q8_0, which KV caches use, is fixed to the bit so that devices agree: in f32,
/// d = f16(max |x| / 127), saturated to 65504; q = x * (1 / d) rounded half to
/// even, within -127 .. 127; all q are 0 when d is.
void quantize_row(DType dtype, const float* values, std::byte* out, std::size_t n) noexcept;

/// The same, where an error in values[i] counts as importance[i], the mean square
/// of the inputs that it is multiplied with. Null, or a dtype without a search
/// (floats, q8_0): as above. REQUIRES: importances finite and not negative.
void quantize_row(DType dtype, const float* values, const float* importance, std::byte* out,
                  std::size_t n) noexcept;

}  // namespace ondol
