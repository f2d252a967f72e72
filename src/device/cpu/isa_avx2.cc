// AVX2 + FMA + F16C. Compiled with those flags alone (cmake/Isa.cmake); includes
// nothing of the standard library but types.
//
// maddubs adds two products of u8 x i8 in 16 bits with saturation. Codes of up to
// 6 bits cannot saturate, and all maddubs of a sub-block are added in 16 bits
// before one madd widens: sums on the way may wrap around, but they begin with
// -bias times the codes of the same 16-bit lane, so their end fits again. Int8
// codes give their sign to the activation first (|w| <= 128, |a| <= 127:
// 2 * 128 * 127 < 32768) and are widened each.
#include "device/cpu/avx2-inl.h"

namespace ondol::device::cpu {
namespace {

struct Avx2 : Avx2Common {
  static constexpr SignedCodes kSigned = SignedCodes::kAsTheyAre;

  using Centre = __m256i;  // 16 lanes of 16 bits
  template <int kBias, class... Halves>
  ONDOL_INLINE static Centre centre(Halves... at) {
    if constexpr (kBias == -1) return halves(at...);
    return _mm256_mullo_epi16(halves(at...), _mm256_set1_epi16(-kBias));
  }

  /// GCC 12 would put off all sums of a block to its end and spill every product
  /// on the way; a value that passes an asm is computed in its place.
  ONDOL_INLINE static void now(__m256i& v) { asm("" : "+x"(v)); }

  template <class Code, bool kIsSigned = Code::is_signed>
  struct Partial {
    static constexpr int kMostAway =
        Code::max - Code::bias > Code::bias ? Code::max - Code::bias : Code::bias;
    static_assert(2 * 127 * Code::max < 32768, "maddubs would saturate");
    static_assert(2 * 127 * kMostAway * Code::n_quads < 32768, "16 bits would not hold the dot");
    __m256i pairs;

    ONDOL_INLINE void start(Bytes w, Bytes a) { pairs = _mm256_maddubs_epi16(w, a); }
    ONDOL_INLINE void start_at(Centre centre, Bytes w, Bytes a) {
      pairs = centre;
      add(w, a);
    }
    ONDOL_INLINE void add(Bytes w, Bytes a) {
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(w, a));
      now(pairs);
    }
    ONDOL_INLINE Ints total() const { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }
  };

  template <class Code>
  struct Partial<Code, true> {
    static_assert(Code::bias == 0);
    __m256i dots;

    ONDOL_INLINE static __m256i dot(Bytes w, Bytes a) {
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
      return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    }
    ONDOL_INLINE void start(Bytes w, Bytes a) { dots = dot(w, a); }
    ONDOL_INLINE void start_at(Centre /*centre*/, Bytes w, Bytes a) { start(w, a); }
    ONDOL_INLINE void add(Bytes w, Bytes a) {
      dots = _mm256_add_epi32(dots, dot(w, a));
      now(dots);
    }
    ONDOL_INLINE Ints total() const { return dots; }
  };
};

constexpr Int8Kernels kKernels = make_int8_kernels<Avx2>();

}  // namespace

const Int8Kernels& int8_kernels_avx2() { return kKernels; }

}  // namespace ondol::device::cpu
