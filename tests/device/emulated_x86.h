// The intrinsics of isa_avx_vnni.cc and isa_avx512_vnni.cc in plain C: SIMDe's
// portable forms, and the few that its Debian version lacks. Stands in for
// <immintrin.h> (device/cpu/x86_intrinsics.h), whatever the compiler's flags.
//
// Rounding is IEEE single precision but for fmadd, which rounds its product
// before it adds, as the scalar ISA does: results can be compared bit for bit.
#pragma once

#define SIMDE_NO_NATIVE
#define SIMDE_NO_INLINE  // quicker to compile
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

/// result[i] = convert(from[i]) for the 16 lanes of a 512-bit register.
template <class Result, class To, class From, class Vector, class Convert>
inline Result emulated_lanes(Vector from, Convert convert) {
  From lanes[16];
  To out[16];
  static_assert(sizeof(lanes) == sizeof(from) && sizeof(out) == sizeof(Result));
  __builtin_memcpy(lanes, &from, sizeof(lanes));
  for (int i = 0; i < 16; ++i) out[i] = convert(lanes[i]);
  Result result;
  __builtin_memcpy(&result, out, sizeof(result));
  return result;
}

inline simde__m512 emulated_cvtph_ps(simde__m256i v) {
  simde__m256 halves[2] = {simde_mm256_cvtph_ps(simde_mm256_extracti128_si256(v, 0)),
                           simde_mm256_cvtph_ps(simde_mm256_extracti128_si256(v, 1))};
  simde__m512 result;
  __builtin_memcpy(&result, halves, sizeof(result));
  return result;
}
inline simde__m512 emulated_cvtepi32_ps(simde__m512i v) {
  return emulated_lanes<simde__m512, float, int>(v, [](int i) { return static_cast<float>(i); });
}
inline simde__m512i emulated_cvtepu8_epi32(simde__m128i v) {
  return emulated_lanes<simde__m512i, int, unsigned char>(v, [](unsigned char i) { return i; });
}
inline simde__m512i emulated_cvtepi8_epi32(simde__m128i v) {
  return emulated_lanes<simde__m512i, int, signed char>(v, [](signed char i) { return i; });
}
inline simde__mmask16 emulated_cmplt_epi32_mask(simde__m512i a, simde__m512i b) {
  int left[16];
  int right[16];
  __builtin_memcpy(left, &a, sizeof(left));
  __builtin_memcpy(right, &b, sizeof(right));
  unsigned mask = 0;
  for (unsigned i = 0; i < 16; ++i) mask |= (left[i] < right[i] ? 1U : 0U) << i;
  return static_cast<simde__mmask16>(mask);
}

#define __mmask16 simde__mmask16
#undef _mm512_madd_epi16  // Debian's alias takes the masked form's arguments
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#define _mm512_cvtph_ps emulated_cvtph_ps
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_cvtepu8_epi32 emulated_cvtepu8_epi32
#define _mm512_cvtepi8_epi32 emulated_cvtepi8_epi32
#define _mm512_cmplt_epi32_mask emulated_cmplt_epi32_mask
// The same instruction in VEX and in EVEX encoding.
#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32
