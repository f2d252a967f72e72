// AArch64 with the dot product extension (sdot: four products of i8 x i8 to each
// 32-bit lane). Codes of every format fit i8 as they are. Built with
// -march=armv8.2-a+dotprod alone.
#include <arm_neon.h>

#include "device/cpu/int8_tile-inl.h"

namespace ondol::device::cpu {
namespace {

struct NeonDotprod {
  static constexpr int kLanes = 4;
  static constexpr int kTileRows = 4;
  static constexpr int kTileGroups = 4;
  static constexpr bool kManyStreams = true;
  static constexpr SignedCodes kSigned = SignedCodes::kAsTheyAre;
  using Bytes = uint8x16_t;
  using Ints = int32x4_t;
  using Floats = float32x4_t;

  ONDOL_INLINE static Bytes load(const std::uint8_t* at) { return vld1q_u8(at); }
  ONDOL_INLINE static void store(std::uint8_t* at, Bytes v) { vst1q_u8(at, v); }
  template <int kShift, unsigned kMask>
  ONDOL_INLINE static Bytes field(Bytes v) {
    if constexpr (kShift > 0) v = vshrq_n_u8(v, kShift);
    if constexpr (kShift < 0) v = vshlq_n_u8(v, -kShift);
    return vandq_u8(v, vdupq_n_u8(kMask));
  }
  ONDOL_INLINE static Bytes either(Bytes a, Bytes b) { return vorrq_u8(a, b); }
  ONDOL_INLINE static Bytes lookup(const std::int8_t* table, Bytes index) {
    return vqtbl1q_u8(vreinterpretq_u8_s8(vld1q_s8(table)), index);
  }
  ONDOL_INLINE static Bytes quad(const std::uint8_t* at) {
    std::uint32_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    return vreinterpretq_u8_u32(vdupq_n_u32(word));
  }

  using Centre = int32x4_t;
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* halves) {
    return vmulq_n_s32(vpaddlq_s16(vreinterpretq_s16_u8(quad(halves))), -kBias);
  }
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* a, const std::uint8_t* b) {
    return vaddq_s32(centre<kBias>(a), centre<kBias>(b));
  }

  template <class Code>
  struct Partial {
    static_assert(Code::is_signed || Code::max < 128);
    int32x4_t dots;

    ONDOL_INLINE void start(Bytes w, Bytes a) { start_at(vdupq_n_s32(0), w, a); }
    ONDOL_INLINE void start_at(Centre centre, Bytes w, Bytes a) {
      dots = centre;
      add(w, a);
    }
    ONDOL_INLINE void add(Bytes w, Bytes a) {
      dots = vdotq_s32(dots, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(a));
    }
    ONDOL_INLINE Ints total() const { return dots; }
  };

  ONDOL_INLINE static Floats f16(const std::uint8_t* at) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at)));
  }
  ONDOL_INLINE static uint32x4_t bytes4(const std::uint8_t* at) {
    std::uint32_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    return vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word)))));
  }
  ONDOL_INLINE static Floats u8(const std::uint8_t* at) { return vcvtq_f32_u32(bytes4(at)); }
  ONDOL_INLINE static Floats i8(const std::uint8_t* at) {
    const int32x4_t wide = vreinterpretq_s32_u32(vshlq_n_u32(bytes4(at), 24));
    return vcvtq_f32_s32(vshrq_n_s32(wide, 24));
  }
  ONDOL_INLINE static Floats e8m0(const std::uint8_t* at) {
    // 2^(e - 128); exponents 0 and 1 are subnormal floats.
    const uint32x4_t e = bytes4(at);
    const uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
    const uint32x4_t subnormal = vshlq_u32(vdupq_n_u32(0x00200000), vreinterpretq_s32_u32(e));
    return vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal));
  }
  ONDOL_INLINE static Floats set(float v) { return vdupq_n_f32(v); }
  ONDOL_INLINE static Floats each(const std::uint8_t* at) {
    float v;
    __builtin_memcpy(&v, at, sizeof(v));
    return vdupq_n_f32(v);
  }
  ONDOL_INLINE static Floats to_float(Ints v) { return vcvtq_f32_s32(v); }
  ONDOL_INLINE static Floats mul(Floats a, Floats b) { return vmulq_f32(a, b); }
  ONDOL_INLINE static Floats fma(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
  ONDOL_INLINE static Floats load_floats(const float* at) { return vld1q_f32(at); }
  ONDOL_INLINE static void store_floats(float* at, Floats v) { vst1q_f32(at, v); }
  ONDOL_INLINE static void prefetch(const std::uint8_t* at, std::size_t n_bytes) {
    for (std::size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch(at + i);
  }
};

constexpr Int8Kernels kKernels = make_int8_kernels<NeonDotprod>();

}  // namespace

const Int8Kernels& int8_kernels_neon_dotprod() { return kKernels; }

}  // namespace ondol::device::cpu
