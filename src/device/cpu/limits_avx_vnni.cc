// AVX2 with VNNI's vpdpbusd: four products a lane, added to 32 bits.
#include "device/cpu/limits_avx2-inl.h"

namespace ondol::device::cpu {
namespace {

struct AvxVnniLimits : Avx2Limits {
  static constexpr int kInt8Chains = 12;
  static constexpr int kDotOps = 2 * 32;
  using Ints = __m256i;
  static Ints bytes(char v) { return _mm256_set1_epi8(v); }
  static Ints dot(Ints sum, Ints w, Ints x) { return _mm256_dpbusd_avx_epi32(sum, w, x); }
};

constexpr LimitKernels kKernels = {"vpdpbusd ymm", multiply_int8<AvxVnniLimits>,
                                   multiply_floats<AvxVnniLimits>, read_memory<AvxVnniLimits>};

}  // namespace

const LimitKernels& limit_kernels_avx_vnni() { return kKernels; }

}  // namespace ondol::device::cpu
