// AVX-VNNI: AVX2 with vpdpbusd, which adds four products of u8 x i8 to each
// 32-bit lane without saturation. Built with -mavx2 -mfma -mf16c -mavxvnni alone.
#include "device/cpu/avx2-inl.h"

namespace ondol::device::cpu {
namespace {

struct AvxVnni : Avx2Common {
  static constexpr SignedCodes kSigned = SignedCodes::kBiased;

  ONDOL_INLINE static Bytes bias128(Bytes v) { return _mm256_xor_si256(v, _mm256_set1_epi8(-128)); }

  using Centre = __m256i;
  template <int kBias, class... Halves>
  ONDOL_INLINE static Centre centre(Halves... at) {
    return _mm256_madd_epi16(halves(at...), _mm256_set1_epi16(-kBias));
  }

  template <class Code>
  struct Partial {
    __m256i dots;

    ONDOL_INLINE void start(Bytes w, Bytes a) { start_at(_mm256_setzero_si256(), w, a); }
    ONDOL_INLINE void start_at(Centre centre, Bytes w, Bytes a) {
      dots = _mm256_dpbusd_avx_epi32(centre, w, a);
    }
    ONDOL_INLINE void add(Bytes w, Bytes a) { dots = _mm256_dpbusd_avx_epi32(dots, w, a); }
    ONDOL_INLINE Ints total() const { return dots; }
  };
};

constexpr Int8Kernels kKernels = make_int8_kernels<AvxVnni>();

}  // namespace

const Int8Kernels& int8_kernels_avx_vnni() { return kKernels; }

}  // namespace ondol::device::cpu
