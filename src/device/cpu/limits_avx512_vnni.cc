// AVX-512 with VNNI.
#include <immintrin.h>

#define ONDOL_UNKNOWN(value) asm volatile("" : "+v"(value))
#include "device/cpu/limits-inl.h"

namespace ondol::device::cpu {
namespace {

struct Avx512Limits {
  static constexpr std::size_t kVectorBytes = 64;
  using Vector = __m512i;
  static Vector load(const std::uint8_t* at) { return _mm512_load_si512(at); }
  static Vector mix(Vector a, Vector b) { return _mm512_xor_si512(a, b); }
  static std::uint64_t fold(Vector v) {
    return static_cast<std::uint64_t>(_mm512_reduce_or_epi64(v));
  }

  static constexpr int kFloats = 16;
  static constexpr int kFloatChains = 16;
  using Floats = __m512;
  static Floats set(float v) { return _mm512_set1_ps(v); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }

  static constexpr int kInt8Chains = 16;
  static constexpr int kDotOps = 2 * 64;
  using Ints = __m512i;
  static Ints bytes(char v) { return _mm512_set1_epi8(v); }
  static Ints dot(Ints sum, Ints w, Ints x) { return _mm512_dpbusd_epi32(sum, w, x); }
};

constexpr LimitKernels kKernels = {"vpdpbusd zmm", multiply_int8<Avx512Limits>,
                                   multiply_floats<Avx512Limits>, read_memory<Avx512Limits>};

}  // namespace

const LimitKernels& limit_kernels_avx512_vnni() { return kKernels; }

}  // namespace ondol::device::cpu
