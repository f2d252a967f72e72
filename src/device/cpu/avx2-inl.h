// 256-bit primitives that AVX2 and AVX-VNNI share: all but the dot product.
// Included by files built with -mavx2 -mfma -mf16c at least.
#pragma once

#include "device/cpu/int8_tile-inl.h"
#include "device/cpu/x86_intrinsics.h"

namespace ondol::device::cpu {
namespace {

struct Avx2Common {
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 4;
  static constexpr int kTileGroups = 2;
  static constexpr bool kManyStreams = true;
  using Bytes = __m256i;
  using Ints = __m256i;
  using Floats = __m256;

  ONDOL_INLINE static Bytes load(const std::uint8_t* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
  ONDOL_INLINE static void store(std::uint8_t* at, Bytes v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), v);
  }
  template <int kShift, unsigned kMask>
  ONDOL_INLINE static Bytes field(Bytes v) {
    // Bits that a 16-bit shift carries over from the neighbour byte are masked off.
    if constexpr (kShift > 0) v = _mm256_srli_epi16(v, kShift);
    if constexpr (kShift < 0) v = _mm256_slli_epi16(v, -kShift);
    return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(kMask)));
  }
  ONDOL_INLINE static Bytes either(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }
  ONDOL_INLINE static Bytes lookup(const std::int8_t* table, Bytes index) {
    const __m128i half = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half), index);
  }
  ONDOL_INLINE static Bytes quad(const std::uint8_t* at) {
    int word;
    __builtin_memcpy(&word, at, sizeof(word));
    return _mm256_set1_epi32(word);
  }
  /// The sums of 16 or 32 codes, in halves of 16 bits (quantized_rows.h).
  ONDOL_INLINE static Ints halves(const std::uint8_t* at) { return quad(at); }
  ONDOL_INLINE static Ints halves(const std::uint8_t* a, const std::uint8_t* b) {
    return _mm256_add_epi16(quad(a), quad(b));
  }

  ONDOL_INLINE static Floats f16(const std::uint8_t* at) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  ONDOL_INLINE static Ints bytes8(const std::uint8_t* at) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
  }
  ONDOL_INLINE static Floats u8(const std::uint8_t* at) { return _mm256_cvtepi32_ps(bytes8(at)); }
  ONDOL_INLINE static Floats i8(const std::uint8_t* at) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
  }
  ONDOL_INLINE static Floats e8m0(const std::uint8_t* at) {
    // 2^(e - 128); exponents 0 and 1 are subnormal floats.
    const __m256i e = bytes8(at);
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, subnormal, is_small));
  }
  ONDOL_INLINE static Floats set(float v) { return _mm256_set1_ps(v); }
  ONDOL_INLINE static Floats each(const std::uint8_t* at) {
    float v;
    __builtin_memcpy(&v, at, sizeof(v));
    return _mm256_set1_ps(v);
  }
  ONDOL_INLINE static Floats to_float(Ints v) { return _mm256_cvtepi32_ps(v); }
  ONDOL_INLINE static Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  ONDOL_INLINE static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  ONDOL_INLINE static Floats load_floats(const float* at) { return _mm256_loadu_ps(at); }
  ONDOL_INLINE static void store_floats(float* at, Floats v) { _mm256_storeu_ps(at, v); }
  ONDOL_INLINE static void prefetch(const std::uint8_t* at, std::size_t n_bytes) {
    for (std::size_t i = 0; i < n_bytes; i += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(at + i), _MM_HINT_T0);
    }
  }
};

}  // namespace
}  // namespace ondol::device::cpu
