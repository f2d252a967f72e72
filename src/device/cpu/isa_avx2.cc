// AVX2 + FMA + F16C. Compiled with those flags alone (cmake/Isa.cmake); includes
// nothing of the standard library but types.
//
// maddubs adds two products of u8 x i8 in 16 bits with saturation. Codes of up
// to 6 bits cannot saturate and several maddubs are added in 16 bits before one
// madd widens; int8 codes take the sign of the weight to the activation first
// (|w| <= 128, |a| <= 127: 2 * 128 * 127 < 32768).
#include "device/cpu/avx2-inl.h"

namespace ondol::device::cpu {
namespace {

struct Avx2 : Avx2Common {
  static constexpr SignedCodes kSigned = SignedCodes::kAsTheyAre;

  template <class Code>
  struct Partial {
    static constexpr int kMaxPair = 2 * 127 * (Code::is_signed ? 128 : Code::max);
    static constexpr int kChain =
        kMaxPair * 8 < 32768 ? 8 : (kMaxPair * 4 < 32768 ? 4 : (kMaxPair * 2 < 32768 ? 2 : 1));
    static_assert(kMaxPair < 32768);
    __m256i pairs;

    ONDOL_INLINE static __m256i dot(Bytes w, Bytes a) {
      if constexpr (Code::is_signed) {
        return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
      } else {
        return _mm256_maddubs_epi16(w, a);
      }
    }
    ONDOL_INLINE void start(Ints /*before*/, Bytes w, Bytes a) { pairs = dot(w, a); }
    ONDOL_INLINE void add(Bytes w, Bytes a) {
      pairs = _mm256_add_epi16(pairs, dot(w, a));
      // GCC 12 would put off all sums of a block to its end and spill every
      // product on the way; a value that passes an asm is computed in its place.
      asm("" : "+x"(pairs));
    }
    ONDOL_INLINE Ints finish(Ints before) const {
      return _mm256_add_epi32(before, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
  };
};

constexpr Int8Kernels kKernels = make_int8_kernels<Avx2>();

}  // namespace

const Int8Kernels& int8_kernels_avx2() { return kKernels; }

}  // namespace ondol::device::cpu
