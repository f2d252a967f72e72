// AVX-512 (F, BW, DQ, VL) with VNNI: sixteen rows a register, vpdpbusd. Built with
// those flags alone (cmake/Isa.cmake).
#include "device/cpu/int8_tile-inl.h"
#include "device/cpu/x86_intrinsics.h"

namespace ondol::device::cpu {
namespace {

struct Avx512Vnni {
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 6;
  static constexpr int kTileGroups = 2;
  static constexpr bool kManyStreams = true;
  static constexpr SignedCodes kSigned = SignedCodes::kBiased;
  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;

  ONDOL_INLINE static Bytes load(const std::uint8_t* at) { return _mm512_loadu_si512(at); }
  ONDOL_INLINE static void store(std::uint8_t* at, Bytes v) { _mm512_storeu_si512(at, v); }
  template <int kShift, unsigned kMask>
  ONDOL_INLINE static Bytes field(Bytes v) {
    // Bits that a 16-bit shift carries over from the neighbour byte are masked off.
    if constexpr (kShift > 0) v = _mm512_srli_epi16(v, kShift);
    if constexpr (kShift < 0) v = _mm512_slli_epi16(v, -kShift);
    return _mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(kMask)));
  }
  ONDOL_INLINE static Bytes either(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }
  ONDOL_INLINE static Bytes bias128(Bytes v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }
  ONDOL_INLINE static Bytes lookup(const std::int8_t* table, Bytes index) {
    const __m128i quarter = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(quarter), index);
  }
  ONDOL_INLINE static Bytes quad(const std::uint8_t* at) {
    int word;
    __builtin_memcpy(&word, at, sizeof(word));
    return _mm512_set1_epi32(word);
  }

  using Centre = __m512i;
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* halves) {
    return _mm512_madd_epi16(quad(halves), _mm512_set1_epi16(-kBias));
  }
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* a, const std::uint8_t* b) {
    return _mm512_madd_epi16(_mm512_add_epi16(quad(a), quad(b)), _mm512_set1_epi16(-kBias));
  }

  template <class Code>
  struct Partial {
    __m512i dots;

    ONDOL_INLINE void start(Bytes w, Bytes a) { start_at(_mm512_setzero_si512(), w, a); }
    ONDOL_INLINE void start_at(Centre centre, Bytes w, Bytes a) {
      dots = _mm512_dpbusd_epi32(centre, w, a);
    }
    ONDOL_INLINE void add(Bytes w, Bytes a) { dots = _mm512_dpbusd_epi32(dots, w, a); }
    ONDOL_INLINE Ints total() const { return dots; }
  };

  ONDOL_INLINE static Floats f16(const std::uint8_t* at) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  }
  ONDOL_INLINE static __m128i bytes16(const std::uint8_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  ONDOL_INLINE static Floats u8(const std::uint8_t* at) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes16(at)));
  }
  ONDOL_INLINE static Floats i8(const std::uint8_t* at) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes16(at)));
  }
  ONDOL_INLINE static Floats e8m0(const std::uint8_t* at) {
    // 2^(e - 128); exponents 0 and 1 are subnormal floats.
    const __m512i e = _mm512_cvtepu8_epi32(bytes16(at));
    const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
    const __m512i subnormal = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
    const __mmask16 is_small = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
    return _mm512_castsi512_ps(_mm512_mask_blend_epi32(is_small, normal, subnormal));
  }
  ONDOL_INLINE static Floats set(float v) { return _mm512_set1_ps(v); }
  ONDOL_INLINE static Floats each(const std::uint8_t* at) {
    float v;
    __builtin_memcpy(&v, at, sizeof(v));
    return _mm512_set1_ps(v);
  }
  ONDOL_INLINE static Floats to_float(Ints v) { return _mm512_cvtepi32_ps(v); }
  ONDOL_INLINE static Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  ONDOL_INLINE static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  ONDOL_INLINE static Floats load_floats(const float* at) { return _mm512_loadu_ps(at); }
  ONDOL_INLINE static void store_floats(float* at, Floats v) { _mm512_storeu_ps(at, v); }
  ONDOL_INLINE static void prefetch(const std::uint8_t* at, std::size_t n_bytes) {
    for (std::size_t i = 0; i < n_bytes; i += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(at + i), _MM_HINT_T0);
    }
  }
};

constexpr Int8Kernels kKernels = make_int8_kernels<Avx512Vnni>();

}  // namespace

const Int8Kernels& int8_kernels_avx512_vnni() { return kKernels; }

}  // namespace ondol::device::cpu
