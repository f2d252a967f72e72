// 256-bit primitives for limits-inl.h.
#pragma once

#include <immintrin.h>

#define ONDOL_UNKNOWN(value) asm volatile("" : "+x"(value))
#include "device/cpu/limits-inl.h"

namespace ondol::device::cpu {
namespace {

struct Avx2Limits {
  static constexpr std::size_t kVectorBytes = 32;
  using Vector = __m256i;
  static Vector load(const std::uint8_t* at) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
  }
  static Vector mix(Vector a, Vector b) { return _mm256_xor_si256(a, b); }
  static std::uint64_t fold(Vector v) {
    const __m128i half = _mm_xor_si128(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(half) ^ _mm_extract_epi64(half, 1));
  }

  static constexpr int kFloats = 8;
  static constexpr int kFloatChains = 12;
  using Floats = __m256;
  static Floats set(float v) { return _mm256_set1_ps(v); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace
}  // namespace ondol::device::cpu
