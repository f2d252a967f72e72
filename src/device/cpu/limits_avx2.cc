// AVX2 and FMA. Its int8 product is vpmaddubsw: pairs of products in 16 bits,
// eight of which 4-bit weights leave room for (2 * 15 * 127 * 8 < 32768) before
// vpmaddwd widens them to 32.
#include "device/cpu/limits_avx2-inl.h"

namespace ondol::device::cpu {
namespace {

std::int64_t multiply_pairs(std::int64_t n_rounds) noexcept {
  constexpr int kChains = 4;
  constexpr int kProducts = 8;  // before they are widened
  constexpr int kTurns = 8;
  __m256i sums[kChains] = {};
  __m256i w = _mm256_set1_epi8(3);
  __m256i x = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::int64_t r = 0; r < n_rounds * kTurns; ++r) {
    __m256i pairs[kChains];
#pragma GCC unroll 8
    for (int product = 0; product < kProducts; ++product) {
      ONDOL_UNKNOWN(w);  // as if it were the next weights
      ONDOL_UNKNOWN(x);
#pragma GCC unroll 4
      for (int i = 0; i < kChains; ++i) {
        __m256i dot = _mm256_maddubs_epi16(w, x);
        ONDOL_UNKNOWN(dot);  // one product a chain, not one for all
        pairs[i] = product == 0 ? dot : _mm256_add_epi16(pairs[i], dot);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kChains; ++i) {
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs[i], ones));
    }
  }
  for (__m256i& sum : sums) ONDOL_UNKNOWN(sum);
  return std::int64_t{2} * 32 * kChains * kProducts * kTurns;
}

constexpr LimitKernels kKernels = {"8 vpmaddubsw + vpaddw to 1 vpmaddwd + vpaddd", multiply_pairs,
                                   multiply_floats<Avx2Limits>, read_memory<Avx2Limits>};

}  // namespace

const LimitKernels& limit_kernels_avx2() { return kKernels; }

}  // namespace ondol::device::cpu
