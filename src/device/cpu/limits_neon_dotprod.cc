// AArch64 with the dot product extension.
#include <arm_neon.h>

#define ONDOL_UNKNOWN(value) asm volatile("" : "+w"(value))
#include "device/cpu/limits-inl.h"

namespace ondol::device::cpu {
namespace {

struct NeonLimits {
  static constexpr std::size_t kVectorBytes = 16;
  using Vector = uint8x16_t;
  static Vector load(const std::uint8_t* at) { return vld1q_u8(at); }
  static Vector mix(Vector a, Vector b) { return veorq_u8(a, b); }
  static std::uint64_t fold(Vector v) {
    const uint64x2_t words = vreinterpretq_u64_u8(v);
    return vgetq_lane_u64(words, 0) ^ vgetq_lane_u64(words, 1);
  }

  static constexpr int kFloats = 4;
  static constexpr int kFloatChains = 24;
  using Floats = float32x4_t;
  static Floats set(float v) { return vdupq_n_f32(v); }
  static Floats fma(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }

  static constexpr int kInt8Chains = 24;
  static constexpr int kDotOps = 2 * 16;
  using Ints = int32x4_t;
  static Ints bytes(std::int8_t v) { return vreinterpretq_s32_s8(vdupq_n_s8(v)); }
  static Ints dot(Ints sum, Ints w, Ints x) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
  }
};

constexpr LimitKernels kKernels = {"sdot", multiply_int8<NeonLimits>, multiply_floats<NeonLimits>,
                                   read_memory<NeonLimits>};

}  // namespace

const LimitKernels& limit_kernels_neon_dotprod() { return kKernels; }

}  // namespace ondol::device::cpu
